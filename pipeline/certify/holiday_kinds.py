"""Whether a date is a holiday of a kind, one date at a time."""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache
from typing import Any

from hindcast.pipeline.settings.features import Holidays

_DAY = timedelta(days=1)


def holiday_value(chosen: Holidays, kind: str, day: date) -> float:
    """Return 1 on a holiday of a kind, else 0; of `regional`, the share of the regions that have one."""
    if kind == "school":
        return float(_is_listed(chosen.country, chosen.subdivision, day, "school"))
    if kind == "regional":
        if _is_listed(chosen.country, None, day):
            return 0.0
        names = _calendar(chosen.country, None, day.year, "public").subdivisions
        return [_is_listed(chosen.country, name, day) for name in names].count(True) / len(names)
    before, today, after = (
        _is_listed(chosen.country, chosen.subdivision, each) for each in (day - _DAY, day, day + _DAY)
    )
    if kind == "public":
        return float(today)
    if kind == "eve":
        return float(after and not today)
    weekend = _calendar(chosen.country, chosen.subdivision, day.year, "public").weekend
    is_working = not today and day.weekday() not in weekend
    sides = [(before, day - _DAY), (after, day + _DAY)]
    is_between = all(listed or each.weekday() in weekend for listed, each in sides)
    return float(is_working and is_between and (before or after))


def is_public_holiday(country: str, region: str | None, day: date) -> bool:
    """Return whether a date is a public holiday of a country or of one of its subdivisions."""
    return _is_listed(country, region, day)


def _is_listed(country: str, region: str | None, day: date, category: str = "public") -> bool:
    return day in _calendar(country, region, day.year, category)


@lru_cache(maxsize=4096)
def _calendar(country: str, region: str | None, year: int, category: str) -> Any:
    import holidays

    return holidays.country_holidays(country, subdiv=region, years=year, categories=category)
