"""Headings -> families: what is fixed in them is the value, what varies is the series."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from hindcast.pipeline.inspect.vocabulary import ACTUAL, FORECAST, METEO, QUANTITIES, Token, heading

_COVERED = 0.6  # share of headings that families must explain; less may be chance, as in North_Central, South_Central
_MOST_TOKENS = 12
# Words that tell one value from another, or one forecast from another, and never one series from another.
_KINDS = frozenset(
    ["max", "min", "mean", "avg", "average", "std", "median", "sum", "total", "lower", "upper", "low", "high", "active",
     "reactive", "apparent", "net", "gross", "import", "export", "day", "week", "hour", "ahead", "intraday", "latest", "recent",
     "most", "last", "first", "current", "final"]
)  # fmt: skip
_NO_SERIES = (
    FORECAST | ACTUAL | METEO | _KINDS | frozenset(word for words in QUANTITIES.values() for word in words)
)
_ENDINGS = (
    "last",
    "load",
    "leistung",
    "power",
    "erzeugung",
    "verbrauch",
    "preis",
    "price",
    "temperatur",
    "demand",
)
_HEIGHT = re.compile(r"\d+ ?m|\d+hpa", re.IGNORECASE)


@dataclass(frozen=True)
class Cut:
    """A heading cut in three: `before` and `after` are fixed in its family."""

    before: str
    series: str
    after: str

    @property
    def fixed(self) -> str:
        """The words of the value."""
        return f"{self.before} {self.after}"


def families(names: Sequence[str]) -> dict[str, Cut]:
    """A cut of each heading that belongs to a family of two or more; empty if they do not explain the headings.

    A name's family is the largest one that can be made by cutting a run of words out of it; among equal
    ones that which leaves the shortest series.
    """
    for digits_apart in (False, True):
        found = _families(names, digits_apart=digits_apart)
        if found and len(found) >= _COVERED * len(names):
            return found
    return {}


def pattern_of(cuts: Iterable[Cut], others: Iterable[str], *, groups: bool) -> str:
    """The regular expression that finds the headings of one family, and none of the `others`.

    With `groups` the first two letters of the series, a country, are its group.
    """
    cuts = list(cuts)
    before, after = escaped(cuts[0].before), escaped(cuts[0].after)
    series = [cut.series for cut in cuts]
    digits = all(name.isdigit() for name in series) and not groups
    inner = "(?P<group>[A-Z]{2})(?:[^A-Za-z].*)?" if groups else r"\d+" if digits else ".+"
    pattern = f"^{before}(?P<series>{inner}){after}$"
    if any(re.search(pattern, other) for other in others):
        listed = "|".join(escaped(name) for name in dict.fromkeys(series))
        pattern = f"^{before}(?P<series>{listed}){after}$"
    return pattern


def plain_pattern(names: Sequence[str], others: Sequence[str]) -> str:
    """The expression for headings that are names of series; `others` are the file's other headings."""
    if others and len(others) <= 4:
        return "^(?P<series>" + "".join(f"(?!{escaped(other)}$)" for other in others) + ".+)$"
    return f"^(?P<series>{'|'.join(escaped(name) for name in names)})$"


def escaped(text: str) -> str:
    """The text as a pattern for itself; blanks stay readable."""
    return re.sub(r"([\\.^$*+?{}\[\]|()])", r"\\\1", text)


def _families(names: Sequence[str], *, digits_apart: bool) -> dict[str, Cut]:
    cuts = {name: list(_cuts(name, digits_apart=digits_apart)) for name in dict.fromkeys(names)}
    sizes = Counter((cut.before, cut.after) for many in cuts.values() for cut in many)
    chosen = {}
    for name, many in cuts.items():
        large = [cut for cut in many if sizes[cut.before, cut.after] > 1]
        if large:
            chosen[name] = max(
                large, key=lambda cut: (sizes[cut.before, cut.after], -len(cut.series), cut.before)
            )
    left = Counter((cut.before, cut.after) for cut in chosen.values())
    return {
        name: cut
        for name, cut in chosen.items()
        if left[cut.before, cut.after] > 1 and not _heights(cut, chosen)
    }


def _cuts(name: str, *, digits_apart: bool) -> Iterator[Cut]:
    if heading(name).has(METEO):
        return  # u10 and v10 are components of the wind at a height
    tokens = heading(name, digits_apart=digits_apart).tokens[:_MOST_TOKENS]
    for start in range(len(tokens)):
        for stop in range(start + 1, len(tokens) + 1):
            rest = [*tokens[:start], *tokens[stop:]]
            if any(_has_letters(token) for token in rest) and not any(
                map(_names_no_series, tokens[start:stop])
            ):
                first, last = tokens[start].start, tokens[stop - 1].stop
                yield Cut(name[:first], name[first:last], name[last:])


def _names_no_series(token: Token) -> bool:
    return token.low in _NO_SERIES or (len(token.low) > 6 and token.low.endswith(_ENDINGS))


def _has_letters(token: Token) -> bool:
    return any(sign.isalpha() for sign in token.text)


def _heights(cut: Cut, chosen: dict[str, Cut]) -> bool:
    """Heights and pressure levels are no series."""
    family = [
        other.series for other in chosen.values() if (other.before, other.after) == (cut.before, cut.after)
    ]
    metres = re.match(r" ?(m|hpa)\b", cut.after, re.IGNORECASE) and all(series.isdigit() for series in family)
    return bool(metres) or all(_HEIGHT.fullmatch(series) for series in family)
