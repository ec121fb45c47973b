"""Timestamps as counts from a base: `excel`, and formats such as `hours since 1900-01-01` or `30min since 2013-01-01`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from hindcast.pipeline.arrays import Flags, Ints, Times
from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.settings.base import DAY, SECOND, TIME_UNITS

MOST_DIGITS = 15  # of a fraction; further digits are ignored
_MINUTE = 60 * SECOND
_SINCE = re.compile(
    r"\s*(?:(?P<number>[0-9]{1,6})\s*)?(?P<unit>s|min|h|d|seconds?|minutes?|hours?|days?)\s+since\s+(?P<base>.+?)\s*",
    re.IGNORECASE,
)
_UNITS = {
    name: TIME_UNITS[short]
    for short, name in (("s", "second"), ("min", "minute"), ("h", "hour"), ("d", "day"))
}
_EXCEL = "d since 1899-12-30"
_EXCEL_FIRST = 61  # 1 March 1900: before it, Excel counts a 29 February that did not exist
_FIRST, _END = (int(np.datetime64(year, "ns").astype(np.int64)) for year in ("1900", "2200"))


@dataclass(frozen=True)
class CountBase:
    """Counts of `unit` ns from `base`, which is in ns since 1970: in UTC if `exact`, else on the clock of the zone.

    Counts below `least` are no timestamps.
    """

    unit: int
    base: int
    exact: bool
    least: int | None = None

    def pattern(self, decimal: str) -> str:
        """Return the regular expression of a count; its groups are the sign, the whole number and the fraction."""
        fraction = rf"(?:{re.escape(decimal)}(?P<cf>[0-9]{{1,{MOST_DIGITS}}})(?P<cut>[0-9]*))?"
        return rf"(?P<minus>-)?(?P<e>[0-9]{{1,15}}){fraction}"

    def times(self, sign: Ints, whole: Ints, fraction: Ints, digits: Ints) -> tuple[Times, Flags, Times]:
        """Return the times of counts in ns, whether they lie in 1900 to 2199, and how far rounding has moved them.

        `fraction` is in units of 1e-15, written with `digits` digits. If the unit is a minute or longer, a fraction is
        rounded: to the whole minute if the digits that are written cannot tell the two apart, else to the second.
        """
        quotient, rest = divmod(self.base, self.unit)
        number = sign * whole + quotient
        ok = (number >= (_FIRST - rest) // self.unit - 1) & (number <= (_END - rest) // self.unit + 1)
        if self.least is not None:
            ok &= sign * whole >= self.least
        part = np.rint(fraction * (self.unit / 10**MOST_DIGITS)).astype(np.int64)
        written = np.where(ok, number, 0) * self.unit + rest + sign * part
        time = written
        if self.unit >= _MINUTE:
            nearest = _rounded(written, _MINUTE)
            near = np.abs(nearest - written) <= self._minute_tolerances()[digits]
            time = np.where(digits == 0, written, np.where(near, nearest, _rounded(written, SECOND)))
        return time, ok & (time >= _FIRST) & (time < _END), np.abs(time - written)

    def _minute_tolerances(self) -> Times:
        """Return, by number of digits, how far from a whole minute a count may be that means it; -1 if seconds can be told."""
        half = [self.unit // (2 * 10**digits) for digits in range(MOST_DIGITS + 1)]
        fine = next(digits for digits, size in enumerate(half) if size < _MINUTE // 2)
        # zeros at the end are often not written: a short fraction may be as exact as a longer one
        sizes = [half[max(digits, fine)] for digits in range(MOST_DIGITS + 1)]
        return np.array([size if 2 * size >= SECOND else -1 for size in sizes], np.int64)


def find_count_base(text: str) -> CountBase | None:
    """Return the base of a format that counts, None for other formats; raises SettingsError for a base that is no time."""
    is_excel = text.strip().lower() == "excel"
    match = _SINCE.fullmatch(_EXCEL if is_excel else text)
    if match is None:
        return None
    name = match["unit"].lower()
    unit = int(match["number"] or 1) * (
        TIME_UNITS[name] if name in TIME_UNITS else _UNITS[name.removesuffix("s")]
    )
    try:
        base = datetime.fromisoformat(match["base"])
    except ValueError:
        base = None
    if base is None or base.microsecond or not 0 < unit <= 366 * DAY:
        raise SettingsError(
            f"The timestamp format {text!r} must count one or more s, min, h or d since a date or a time in whole seconds, such as "
            "`hours since 1900-01-01` or `30min since 2013-01-01T00:00+01:00`."
        )
    since = base.replace(tzinfo=base.tzinfo or UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    at = since // timedelta(seconds=1) * SECOND
    return CountBase(unit, at, base.tzinfo is not None, _EXCEL_FIRST if is_excel else None)


def _rounded(times: Times, unit: int) -> Times:
    return (times + unit // 2) // unit * unit
