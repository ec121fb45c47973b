"""The local clock and calendar, and public holidays: known for all time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import partial

import numpy as np

from hindcast.pipeline.align.aligned import Feature
from hindcast.pipeline.align.cyclic import wave
from hindcast.pipeline.align.features.column import WAVES, Column, Kind
from hindcast.pipeline.align.origin_view import OriginView
from hindcast.pipeline.align.vintages import SharedValues
from hindcast.pipeline.arrays import Floats, Times
from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.settings.base import DAY
from hindcast.pipeline.settings.features import CalendarFeature, Holidays
from hindcast.pipeline.settings.params import Params

_EPOCH = date(1970, 1, 1)


def _calendar_columns(params: Params) -> Iterator[Column]:
    for part in params.align.features.calendar:
        turn, words = _TURNS[part]
        for which, function in WAVES.items():
            sentence = (
                f"The {function} of the {words} at the step's start in the group's zone; known for all time."
            )
            feature = Feature(f"{part}_{which}", "1", sentence, part="calendar")
            yield Column(feature, partial(_fill_calendar, turn, which))


def _fill_calendar(turn: Callable[[Times], Floats], which: str, view: OriginView) -> SharedValues:
    return SharedValues(wave(turn(view.group.wall), which))


def _turn_of_year(wall: Times) -> Floats:
    days = wall // DAY
    year = days.astype("datetime64[D]").astype("datetime64[Y]")
    first = year.astype("datetime64[D]").astype(np.int64)
    following = (year + 1).astype("datetime64[D]").astype(np.int64)
    return (days - first) / (following - first)


_TURNS: dict[CalendarFeature, tuple[Callable[[Times], Floats], str]] = {
    "hour": (lambda wall: (wall % DAY) / DAY, "time of day"),
    # from Monday: 1970-01-01 was a Thursday
    "weekday": (lambda wall: (wall // DAY + 3) % 7 / 7, "day of the week"),
    "yearday": (_turn_of_year, "day of the year"),
}
"""Functions that convert wall timestamps to parts of a local day on the wall clock, of a week, or of a year of 365 or 366
days; and their words in descriptions."""


def _holiday_columns(params: Params) -> Iterator[Column]:
    chosen = params.align.features.holidays
    if chosen is not None:
        where = "the country that the settings give the group"
        if isinstance(chosen, Holidays):
            where = chosen.country if chosen.subdivision is None else f"{chosen.country}-{chosen.subdivision}"
        when = f"1 on public holidays of {where}, else 0, by the step's start in the group's zone"
        if params.raw.frequency.ns > DAY:
            when = f"The number of public holidays of {where} on the days of the step"
        sentence = f"{when}; from the library holidays, taken as known for all time."
        yield Column(Feature("holiday", "1", sentence, part="calendar"), _fill_holiday)


def _fill_holiday(view: OriginView) -> SharedValues:
    assert view.group.holidays is not None  # the column exists only if holidays are set
    flags = on_holidays(view.group.wall, view.group.holidays)
    for day in range(1, view.group.grid.own.frequency // DAY):  # a step of several days
        flags = flags + on_holidays(view.group.wall + day * DAY, view.group.holidays)
    return SharedValues(flags)


def on_holidays(wall: Times, chosen: Holidays) -> Floats:
    """Return 1 for each wall timestamp (P,) on a public holiday, else 0.

    The flag of a day does not depend on the other days requested.  Raises SettingsError for a country or subdivision
    that the library does not have.
    """
    days, day_of_step = np.unique(wall // DAY, return_inverse=True)
    dates = [_EPOCH + timedelta(days=day) for day in days.tolist()]
    known = _holidays_in(chosen, range(dates[0].year, dates[-1].year + 1)) if dates else frozenset()
    return np.array([float(day in known) for day in dates])[day_of_step]


def _holidays_in(chosen: Holidays, years: range) -> frozenset[date]:
    import holidays

    try:
        found = holidays.country_holidays(chosen.country, subdiv=chosen.subdivision, years=years)
    except NotImplementedError as fault:
        raise SettingsError(
            f"align.features.holidays: the library holidays has no country {chosen.country!r}"
            f"{f' with a subdivision {chosen.subdivision!r}' if chosen.subdivision else ''} ({fault})."
        ) from None
    return frozenset(found)


CALENDAR = Kind("calendar", _calendar_columns)
HOLIDAY = Kind("holiday", _holiday_columns)
