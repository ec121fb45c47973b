"""Finds the places of a large file whose lines are dated when clocks change, so that a sample of it holds these lines.

Lines in the order of time are found by bisection; in other files, nothing is found.
"""

from __future__ import annotations

import re
from calendar import SUNDAY, Calendar
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import BinaryIO

_YEAR_FIRST = re.compile(rb"(?<!\d)((?:19|20)\d\d)(?:[-/.]?)(\d\d)(?:[-/.]?)(\d\d)(?!\d{7})")
_YEAR_LAST = re.compile(rb"(?<!\d)(\d{1,2})([-/.])(\d{1,2})\2((?:19|20)\d\d)(?!\d)")
_SUNDAYS = ((3, 1), (3, -1), (4, 0), (10, 0), (10, -1), (11, 0))
"""Month and number of the Sundays on which clocks change in North America, Europe and Australia."""
_LOOK = 4096  # bytes that are read to find the date of a place: several lines of all but the widest files
_DAY = timedelta(days=1)
_MONTHS = 12
_ORDERED_AT = 40  # places whose dates show the order of day and month


def change_places(stream: BinaryIO, size: int, length: int) -> list[int]:
    """Return starts of pieces of `length` bytes with the lines of clock changes, in ascending order.

    They are those of the latest year or so that the file covers, of all regions; empty if lines are not in the order of time.
    """
    dates = _Dates(stream, _day_is_first(stream, size))
    first, last = dates.at(0), dates.at(max(0, size - _LOOK), last=True)
    if first is None or last is None or first == last:
        return []
    newest_first = first > last
    first, last = min(first, last), max(first, last)
    places = []
    for day in [day for day in _changes(first, last) if first < day < last][-len(_SUNDAYS) :]:
        target = day - _DAY if newest_first else day
        place = _bisect(dates, size, target, newest_first=newest_first)
        found = dates.at(place)
        if found is not None and abs(found - target) <= _DAY:
            places.append(place - (length * 7 if newest_first else length) // 8)
    return sorted(places)


def _day_is_first(stream: BinaryIO, size: int) -> bool | None:
    """Return the order of day and month in dates with the year behind them, by a number above 12; None if unknown."""
    for number in range(_ORDERED_AT):
        stream.seek(size * number // _ORDERED_AT)
        for match in _YEAR_LAST.finditer(stream.read(_LOOK)):
            if max(int(match[1]), int(match[3])) > _MONTHS:
                return int(match[1]) > _MONTHS
    return None


def _changes(first: date, last: date) -> Iterator[date]:
    for year in range(first.year, last.year + 1):
        for month, number in _SUNDAYS:
            days = Calendar().itermonthdates(year, month)
            yield [day for day in days if day.month == month and day.weekday() == SUNDAY][number]


def _bisect(dates: _Dates, size: int, target: date, *, newest_first: bool) -> int:
    """Return an offset shortly before the first line of a date, if lines are in the order of time."""
    low, high = 0, size
    while high - low > _LOOK:
        middle = (low + high) // 2
        found = dates.at(middle)
        if found is None:
            return low
        if (found > target) if newest_first else (found < target):
            low = middle
        else:
            high = middle
    return low


@dataclass(frozen=True)
class _Dates:
    """The dates in the lines of a file; `day_first` is the order of day and month if the year is behind them."""

    stream: BinaryIO
    day_first: bool | None

    def at(self, place: int, *, last: bool = False) -> date | None:
        """Return the first date (or the last one) in the whole lines behind a place."""
        self.stream.seek(place)
        lines = self.stream.read(_LOOK).split(b"\n")[1:]
        dates = (found for line in (reversed(lines) if last else lines) if (found := self._date_in(line)))
        return next(dates, None)

    def _date_in(self, line: bytes) -> date | None:
        if match := _YEAR_FIRST.search(line):
            year, month, day = match[1], match[2], match[3]
        elif self.day_first is not None and (match := _YEAR_LAST.search(line)):
            day, month = (match[1], match[3]) if self.day_first else (match[3], match[1])
            year = match[4]
        else:
            return None
        try:
            return date(int(year), int(month), int(day))
        except ValueError:
            return None
