"""Timestamp formats as regular expressions: `iso`, counts since 1970, and strptime formats."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.raw.count_formats import CountBase, find_count_base
from hindcast.pipeline.settings.base import SECOND

_OFFSET = r"(?:(?P<utc>[Zz])|(?P<sign>[+-])(?P<zh>[0-9]{2}):?(?P<zm>[0-9]{2})?)"
_ISO = (
    r"(?P<Y>[0-9]{4})-(?P<m>[0-9]{2})-(?P<d>[0-9]{2})"
    r"(?:[ Tt](?P<H>[0-9]{2})(?::(?P<M>[0-9]{2})(?::(?P<S>[0-9]{2})(?:[.,](?P<f>[0-9]{1,9}))?)?)?"
    rf" ?{_OFFSET}?)?"
)
_EPOCH = r"(?P<minus>-)?(?P<e>[0-8]?[0-9]{1,18})(?:[.](?P<ef>[0-9]{1,9}))?"  # never above 2**63
_EPOCHS = {"epoch_s": SECOND, "epoch_ms": 10**6, "epoch_us": 10**3, "epoch_ns": 1}
MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
           "november", "december")  # fmt: skip
# Minutes east of Greenwich by zone abbreviation; abbreviations used in several countries mean the American zone.
ABBREVIATIONS = {
    "utc": 0, "gmt": 0, "wet": 0, "west": 60, "bst": 60, "cet": 60, "cest": 120, "mez": 60, "mesz": 120, "eet": 120,
    "eest": 180, "msk": 180, "ast": -240, "adt": -180, "est": -300, "edt": -240, "cst": -360, "cdt": -300, "mst": -420,
    "mdt": -360, "pst": -480, "pdt": -420, "akst": -540, "akdt": -480, "hst": -600, "brt": -180, "sast": 120, "sgt": 480,
    "awst": 480, "jst": 540, "kst": 540, "acst": 570, "acdt": 630, "aest": 600, "aedt": 660, "nzst": 720, "nzdt": 780,
}  # fmt: skip
_DIRECTIVES = {
    "Y": r"(?P<Y>[0-9]{4})",
    "y": r"(?P<y>[0-9]{2})",
    "m": r"(?P<m>[0-9]{1,2})",
    "b": rf"(?P<b>{'|'.join(month[:3] for month in MONTHS)})",
    "B": rf"(?P<b>{'|'.join(MONTHS)})",
    "d": r"(?P<d>[0-9]{1,2})",
    "j": r"(?P<j>[0-9]{1,3})",
    "H": r"(?P<H>[0-9]{1,2})",
    "I": r"(?P<I>[0-9]{1,2})",
    "p": r"(?P<p>[ap][.]? ?m[.]?)",
    "M": r"(?P<M>[0-9]{1,2})",
    "S": r"(?P<S>[0-9]{1,2})",
    "f": r"(?P<f>[0-9]{1,9})",
    "z": _OFFSET,
    "Z": rf"(?P<abbr>{'|'.join(ABBREVIATIONS)})",
    "%": "%",
}
INTERVAL_SEPARATOR = (
    r"(?:\s+(?:[-\u2013\u2014]|to|bis)\s+|\s*[/\u2013\u2014]\s*)"  # the two sides of an interval
)
_UNTIL = r"-[0-9]{1,2}(?::[0-9]{2}){0,2}"  # a time of day directly after the timestamp: 00:00-01:00


@dataclass(frozen=True)
class TimestampFormat:
    """A compiled format; `epoch` is one unit in nanoseconds, 0 for other formats; `counts` is the base of counts."""

    pattern: re.Pattern[str]
    epoch: int = 0
    counts: CountBase | None = None


def compile_format(text: str, part: str | None = None, decimal: str = ".") -> TimestampFormat:
    """Compile `iso`, `epoch_s` (`_ms`, `_us`, `_ns`), `excel`, a format such as `hours since 1900-01-01`, or a strptime format.

    `decimal` separates the fraction of a count. `part` ("start" or "end") selects one side of an interval `a - b` or `a/b`; "start" also works for `a-14:00`.
    Raises SettingsError for an unsupported directive and for a format without a date.
    """
    epoch, counts = _EPOCHS.get(text, 0), find_count_base(text)
    if counts is not None:
        inner = counts.pattern(decimal)
    else:
        inner = _ISO if text == "iso" else _EPOCH if epoch else _pattern_of(text)
    other = r"(?P<rest>.*\S.*)"
    start = f"{inner}(?:{INTERVAL_SEPARATOR}{other}|{_UNTIL})"
    whole = {"start": start, "end": f"{other}{INTERVAL_SEPARATOR}{inner}"}.get(part or "", inner)
    try:
        return TimestampFormat(re.compile(rf"\s*{whole}\s*", re.IGNORECASE), epoch, counts)
    except re.error:
        raise SettingsError(
            f"The timestamp format {text!r} contains a component twice; remove one."
        ) from None


@lru_cache(maxsize=64)
def _pattern_of(text: str) -> str:
    pieces = re.split(r"%(.)", text, flags=re.DOTALL)
    unknown = sorted({f"%{name}" for name in pieces[1::2]} - {f"%{name}" for name in _DIRECTIVES})
    if unknown:
        raise SettingsError(
            f"The timestamp format {text!r} contains {', '.join(unknown)}, which is not supported; use "
            f"{' '.join('%' + name for name in _DIRECTIVES)}, iso, {', '.join(_EPOCHS)}, excel, and counts such as "
            "`hours since 1900-01-01`."
        )
    used = set(pieces[1::2])
    if not used & {"Y", "y"} or not ("j" in used or (used & {"m", "b", "B"} and "d" in used)):
        raise SettingsError(
            f"The timestamp format {text!r} must contain a whole date: year, month and day; other formats are iso, "
            f"{', '.join(_EPOCHS)}, excel, and counts such as `hours since 1900-01-01`."
        )
    return "".join(
        _DIRECTIVES[piece] if place % 2 else re.escape(piece) for place, piece in enumerate(pieces)
    )
