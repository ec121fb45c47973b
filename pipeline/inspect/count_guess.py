"""Finds the unit and the base of timestamps that are counts, such as `hours since 1900-01-01` in a heading or above the rows."""

from __future__ import annotations

import re
from datetime import datetime

import numpy as np

from hindcast.pipeline.inspect.column_types import Column, most_frequent
from hindcast.pipeline.inspect.vocabulary import LEAD, TIME
from hindcast.pipeline.raw.count_formats import find_count_base
from hindcast.pipeline.settings.base import DAY, TIME_UNITS

LETTERS_ABOVE = 8192  # at the beginning of a file that are searched for a unit
_UNITS = {"s": "seconds", "sec": "seconds", "second": "seconds", "min": "minutes", "minute": "minutes", "h": "hours",
          "hr": "hours", "hour": "hours", "d": "days", "day": "days"}  # fmt: skip
_SINCE = re.compile(
    r"(?i)(?:(?<![\w.])(?P<number>\d{1,4})[ _-]?)?(?<![a-z])(?P<unit>seconds?|secs?|s|minutes?|mins?|hours?|hrs?|h|days?|d)[ _]+since[ _]+"
    r"(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})"
    r"(?:[T _]+(?P<h>\d{1,2}):(?P<m>\d{1,2})(?::(?P<s>\d{1,2})(?:\.0*)?)?)?\s*(?P<zone>Z\b|UTC\b|GMT\b|[+-]\d{2}:?\d{2}\b)?"
)
_USUAL = ("hours since 1900-01-01", "hours since 1970-01-01", "minutes since 1970-01-01", "days since 1970-01-01",
          "hours since 2000-01-01", "days since 1900-01-01")  # fmt: skip
_FIRST, _LAST = (int(np.datetime64(year, "ns").astype(np.int64)) for year in ("1995", "2045"))
_REGULAR = 0.5  # share of the most frequent step of counts whose unit no text names


def find_count_unit(text: str) -> str | None:
    """Return the first unit and base in a text as a timestamp format (`hours since 1900-01-01T00:00:00`); None if there is none."""
    match = _SINCE.search(text) if "since" in text.lower() else None
    if match is None:
        return None
    date = f"{match['year']}-{int(match['month']):02d}-{int(match['day']):02d}"
    clock = f"T{int(match['h']):02d}:{int(match['m']):02d}:{int(match['s'] or 0):02d}" if match["h"] else ""
    zone = match["zone"] or ""
    zone = "+00:00" if zone.upper() in ("Z", "UTC", "GMT") else zone
    zone = zone if ":" in zone or not zone else f"{zone[:3]}:{zone[3:]}"
    clock = clock or ("T00:00:00" if zone else "")
    try:
        datetime.fromisoformat(f"{date}{clock}{zone}")
    except ValueError:
        return None
    low = match["unit"].lower()
    unit = _UNITS[low if low in _UNITS else low.removesuffix("s")]
    short = {"seconds": "s", "minutes": "min", "hours": "h", "days": "d"}[unit]
    counted = f"{match['number']}{short}" if match["number"] else unit
    return f"{counted} since {date}{clock}{zone}"


def count_format(column: Column, since: str | None) -> str | None:
    """Return the format of a column of counts: that of its heading, else `since`, of the lines above, for the column of times."""
    if column.kind != "number":
        return None
    of_times = not column.heading.has(LEAD) and (column.heading.has(TIME) or column.place == 0)
    return find_count_unit(column.name) or (since if of_times else None)


def usual_counts(column: Column) -> list[str]:
    """Return usual formats by which regular whole numbers in a column of times would be dates of today, the likeliest first."""
    if not column.is_whole or not column.heading.has(TIME) or column.heading.has(LEAD):
        return []
    present = column.numbers[~np.isnan(column.numbers)]
    steps, numbers = (
        np.diff(present),
        np.unique(present),
    )  # steps from row to row: small measured numbers also lie side by side
    steps = steps[steps != 0]
    if len(numbers) < 3 or most_frequent(steps)[1] < _REGULAR:
        return []
    found = []
    for form in _USUAL:
        base = find_count_base(form)
        assert base is not None
        first, last = (float(number) * base.unit + base.base for number in (numbers[0], numbers[-1]))
        if first >= _FIRST and last <= _LAST and last - first >= 2 * DAY and base.unit >= TIME_UNITS["min"]:
            found.append(form)
    return found
