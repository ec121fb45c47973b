"""The local clock and calendar, and public holidays: known for all time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any

import numpy as np

from hindcast.pipeline.align.aligned import Feature
from hindcast.pipeline.align.cyclic import wave
from hindcast.pipeline.align.features.column import WAVES, Column, Kind
from hindcast.pipeline.align.origin_view import OriginView
from hindcast.pipeline.align.vintages import SharedValues
from hindcast.pipeline.arrays import Floats, Times
from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.settings.base import DAY
from hindcast.pipeline.settings.features import CalendarFeature, HolidayKind, Holidays
from hindcast.pipeline.settings.params import Params

_EPOCH = date(1970, 1, 1)
_ONE_DAY = timedelta(days=1)


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


_KINDS: dict[HolidayKind, tuple[str, str]] = {
    "public": ("1 on public holidays of", "public holidays"),
    "eve": (
        "1 on a day before a public holiday that is not a public holiday itself, in",
        "days before a public holiday",
    ),
    "bridge": (
        "1 on a working day between two days off, at least one of which is a public holiday, in",
        "bridge days",
    ),
    "school": ("1 on school holidays of", "school holidays"),
    "regional": (
        "The share of regions with a public holiday, on a day without one of the whole country, in",
        "regional holidays",
    ),
}
"""The words for a kind of holiday: where a step is one day or shorter, and where it is several days."""


def _holiday_columns(params: Params) -> Iterator[Column]:
    chosen = params.align.features.holidays
    where = "the country that the settings give the group"
    if isinstance(chosen, Holidays):
        where = chosen.country if chosen.subdivision is None else f"{chosen.country}-{chosen.subdivision}"
    for kind, name in params.align.features.holiday_columns.items():
        words, days = _KINDS[kind]
        when = f"{words} {where}, else 0, by the step's start in the group's zone"
        if params.raw.frequency.ns > DAY:
            when = f"The number of {days} of {where} on the days of the step"
        sentence = f"{when}; from the library holidays, taken as known for all time."
        yield Column(Feature(name, "1", sentence, part="calendar"), partial(_fill_holiday, kind))


def _fill_holiday(kind: HolidayKind, view: OriginView) -> SharedValues:
    assert view.group.holidays is not None  # the column exists only if holidays are set
    flags = on_holidays(view.group.wall, view.group.holidays, kind)
    for day in range(1, view.group.grid.own.frequency // DAY):  # a step of several days
        flags = flags + on_holidays(view.group.wall + day * DAY, view.group.holidays, kind)
    return SharedValues(flags)


def on_holidays(wall: Times, chosen: Holidays, kind: HolidayKind = "public") -> Floats:
    """Return 1 for each wall timestamp (P,) on a holiday of a kind (for `regional` a share), else 0.

    The flag of a day does not depend on the other days requested.  Raises SettingsError for a country, subdivision or kind
    that the library does not have.
    """
    days, day_of_step = np.unique(wall // DAY, return_inverse=True)
    dates = [_EPOCH + timedelta(days=day) for day in days.tolist()]
    if not dates:
        return np.zeros(0)
    # the day before and after a date may lie in another year
    years = range((dates[0] - _ONE_DAY).year, (dates[-1] + _ONE_DAY).year + 1)
    return np.array(_OF_KIND[kind](dates, chosen, years), np.float64)[day_of_step]


def _public(dates: Sequence[date], chosen: Holidays, years: range) -> list[bool]:
    public = _holidays_in(chosen, years)
    return [day in public for day in dates]


def _eves(dates: Sequence[date], chosen: Holidays, years: range) -> list[bool]:
    public = _holidays_in(chosen, years)
    return [day not in public and day + _ONE_DAY in public for day in dates]


def _bridges(dates: Sequence[date], chosen: Holidays, years: range) -> list[bool]:
    public = _holidays_in(chosen, years)
    weekend = public.weekend

    def is_off(day: date) -> bool:
        return day in public or day.weekday() in weekend

    return [
        not is_off(day)
        and is_off(day - _ONE_DAY)
        and is_off(day + _ONE_DAY)
        and (day - _ONE_DAY in public or day + _ONE_DAY in public)
        for day in dates
    ]


def _school(dates: Sequence[date], chosen: Holidays, years: range) -> list[bool]:
    closed: Any = ()
    if "school" in _holidays_in(chosen, years).supported_categories:
        closed = _holidays_in(chosen, years, categories=("school",))
    missing = sorted({day.year for day in dates} - {day.year for day in closed})
    if missing:  # the library has only some regions and years, and says nothing about others
        place = f"{chosen.country}-{chosen.subdivision}" if chosen.subdivision else chosen.country
        raise SettingsError(
            f"align.features.holidays: the library holidays has no school holidays of {place} in {missing[0]}: set a subdivision "
            "of which it has some, remove the kind school, or read a calendar of your own as a source of role known."
        )
    return [day in closed for day in dates]


def _regional(dates: Sequence[date], chosen: Holidays, years: range) -> list[float]:
    everywhere = _holidays_in(Holidays(country=chosen.country), years)
    if not everywhere.subdivisions:
        raise SettingsError(
            f"align.features.holidays: the library holidays has no subdivisions of {chosen.country}: remove the kind regional."
        )
    regions = [
        _holidays_in(Holidays(country=chosen.country, subdivision=name), years)
        for name in everywhere.subdivisions
    ]
    return [
        0.0 if day in everywhere else sum(day in region for region in regions) / len(regions) for day in dates
    ]


_OF_KIND: dict[HolidayKind, Callable[[Sequence[date], Holidays, range], Sequence[float]]] = {
    "public": _public,
    "eve": _eves,
    "bridge": _bridges,
    "school": _school,
    "regional": _regional,
}


def _holidays_in(chosen: Holidays, years: range, **options: Any) -> Any:
    import holidays

    try:
        return holidays.country_holidays(
            chosen.country, subdiv=chosen.subdivision, years=years, expand=False, **options
        )
    except NotImplementedError as fault:
        raise SettingsError(
            f"align.features.holidays: the library holidays has no country {chosen.country!r}"
            f"{f' with a subdivision {chosen.subdivision!r}' if chosen.subdivision else ''} ({fault})."
        ) from None


CALENDAR = Kind("calendar", _calendar_columns)
HOLIDAY = Kind("holiday", _holiday_columns)
