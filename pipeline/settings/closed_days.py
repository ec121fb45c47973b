"""`closed`: the days on which a market or office has no gate: dates, and public holidays from the library `holidays`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Annotated

import numpy as np
from pydantic import Discriminator, Tag

from hindcast.pipeline.arrays import Flags, Times
from hindcast.pipeline.settings.base import Section

_EPOCH = date(1970, 1, 1)
_YEAR = 366


class ClosedDays(Section):
    """Public holidays of a country (ISO 3166 code) or of a subdivision, and further dates.

    - `holidays`, `subdivision`: the codes of a country and of a part of it in the library `holidays`.
    - `dates`: further days.
    """

    holidays: str
    subdivision: str | None = None
    dates: tuple[date, ...] = ()

    def _faults(self) -> Iterator[str]:
        from holidays import list_supported_countries

        countries = list_supported_countries()
        if self.holidays not in countries:
            yield f"holidays: must be the code of a country that the library holidays has, such as DE, found {self.holidays!r}"
        elif self.subdivision is not None and self.subdivision not in countries[self.holidays]:
            allowed = ", ".join(countries[self.holidays]) or "none"
            yield f"subdivision: must be a subdivision of {self.holidays} ({allowed}), found {self.subdivision!r}"


Closed = Annotated[
    Annotated[tuple[date, ...], Tag("dates")] | Annotated[ClosedDays, Tag("ClosedDays")],
    Discriminator(lambda value: "ClosedDays" if isinstance(value, dict | ClosedDays) else "dates"),
]


def are_closed(closed: tuple[date, ...] | ClosedDays, days: Times) -> Flags:
    """Return whether each day (counted from 1970-01-01) is closed."""
    dates = closed.dates if isinstance(closed, ClosedDays) else closed
    flags: Flags = np.isin(days, [(day - _EPOCH).days for day in dates])
    if isinstance(closed, tuple) or not len(days):
        return flags
    import holidays

    first, last = (_EPOCH + timedelta(days=int(day)) for day in (days.min(), days.max()))
    years = range(first.year - 1, last.year + 2)
    public = holidays.country_holidays(closed.holidays, subdiv=closed.subdivision, years=years, expand=False)
    return flags | np.isin(days, [(day - _EPOCH).days for day in public])


def most_closed(closed: tuple[date, ...] | ClosedDays) -> int:
    """Return a number of weeks in which not all gates can be closed."""
    return len(closed) if isinstance(closed, tuple) else len(closed.dates) + _YEAR // 7
