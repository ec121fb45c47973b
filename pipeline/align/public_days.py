"""Public holidays of a country or a part of it, from the library `holidays`; the only place that knows it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import numpy as np

from hindcast.pipeline.arrays import Floats, Times
from hindcast.pipeline.errors import AlignmentError, SettingsError
from hindcast.pipeline.settings.align import Holidays
from hindcast.pipeline.settings.base import DAY
from hindcast.pipeline.settings.clock import wall_of

_EPOCH = date(1970, 1, 1)


def holidays_of(chosen: Holidays | Mapping[str, Holidays] | None, group: str) -> Holidays | None:
    """The holidays that the settings give a group; AlignmentError where they name others and not this one."""
    if chosen is None or isinstance(chosen, Holidays):
        return chosen
    if group not in chosen:
        raise AlignmentError(
            f"align.features.holidays names no country for the group {group!r}; add it, or leave the group out with "
            "align.groups."
        )
    return chosen[group]


def on_holidays(times: Times, zone: str, chosen: Holidays) -> Floats:
    """1 for each step (P,) that starts on a public holiday on the zone's clocks, else 0.

    A day has the same flag whatever other days are asked for.  Raises SettingsError for a country or subdivision
    that the library lacks.
    """
    days, place = np.unique(wall_of(times, zone) // DAY, return_inverse=True)
    dates = [_EPOCH + timedelta(days=day) for day in days.tolist()]
    known = _known_days(chosen, range(dates[0].year, dates[-1].year + 1)) if dates else frozenset()
    return np.array([float(day in known) for day in dates])[place]


def _known_days(chosen: Holidays, years: range) -> frozenset[date]:
    import holidays

    try:
        found = holidays.country_holidays(chosen.country, subdiv=chosen.subdivision, years=years)
    except NotImplementedError as fault:
        raise SettingsError(
            f"align.features.holidays: the library holidays has no country {chosen.country!r}"
            f"{f' with a subdivision {chosen.subdivision!r}' if chosen.subdivision else ''} ({fault})."
        ) from None
    return frozenset(found)
