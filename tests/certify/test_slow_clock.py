"""Origins and known moments by `datetime` agree with the vectorised rules, on days of 23 and 25 hours too."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import TypeAdapter

from hindcast.pipeline.certify.slow_clock import (
    days_of_change,
    known_of,
    local_time,
    moment_of,
    origin_of,
    origins_of,
)
from hindcast.pipeline.settings.gates import NO_ORIGIN
from hindcast.pipeline.settings.known import KnownField, PublishedAt
from hindcast.pipeline.settings.origin import OriginField
from hindcast.pipeline.settings.stamp_grid import StampGrid

HOUR = 3_600_000_000_000
ZONES = (
    "UTC", "Europe/Madrid", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata",
    "Pacific/Apia", "Pacific/Kwajalein",  # skipped a day
    "America/Sao_Paulo", "Asia/Beirut", "Africa/Cairo",  # change at midnight
)  # fmt: skip
RULES = (
    {"before": "24h"},
    {"at": "10:00", "zone": "group", "covers": "next_day"},
    {"at": "02:30", "zone": "group", "covers": "next_day"},
    {"every": "12h", "at": "00:00", "zone": "UTC", "from": "1h", "for": "48h"},
    {"every": "6h", "at": "02:00", "zone": "group", "from": "0h", "for": "9h"},
    {"every": "24h", "at": "09:00", "zone": "group", "from": "15h", "for": "24h"},
    {"every": "48h", "at": "18:00", "zone": "group", "from": "6h", "for": "24h"},
    {"every": "24h", "at": "00:00", "zone": "group", "from": "0h", "for": "72h"},
    {"every": "6h", "at": "00:00", "zone": "group", "from": "1h", "for": "12h"},
    {"every": "7d", "on": "wednesday", "at": "23:00", "zone": "group", "from": "73h", "for": "28d"},
    {"every": "14d", "on": "friday", "at": "02:30", "zone": "group", "from": "0h", "for": "14d"},
    {"gate": "12:00", "ready": "15min", "covers": "next_day"},
    {"gate": "02:30", "ready": "3h", "covers": "next_day", "zone": "Europe/Berlin"},
    {"on": "wednesday", "at": "23:00", "covers": "next_week", "starts": "sunday"},
    {"on": "friday", "at": "10:00", "covers": "next_week", "starts": "saturday", "for": "28d"},
    {"on": "wednesday", "gate": "00:30", "ready": "45min", "covers": "this_week", "starts": "sunday", "for": "21d"},
    {"at": "12:00", "covers": {"friday": ["saturday", "sunday", "monday"], "monday": "tuesday", "tuesday": "wednesday",
     "wednesday": "thursday", "thursday": "friday"}, "closed": ["2024-03-29", "2024-04-01", "2011-12-29"]},
    {"at": "12:00", "covers": {"friday": ["saturday", "sunday", "monday"], "monday": "tuesday", "wednesday": ["wednesday", "thursday"]},
     "closed": {"holidays": "DE", "subdivision": "BY", "dates": ["2024-03-28"]}},
    {"gate": "23:30", "ready": "1h", "covers": {"friday": ["saturday", "monday"], "sunday": ["thursday"]}},
    [{"at": "12:00", "covers": "next_day"}, {"every": "12h", "zone": "group", "from": "1h", "for": "24h"}, {"before": "1h"}],
)  # fmt: skip
KNOWN = (
    {"at_issue_plus": "90min"},
    {"after_step": "2h"},
    {"before_step": "12h"},
    {"day": -1, "at": "02:30", "zone": "group"},
    {"day": 1, "at": "09:00", "zone": "Europe/Berlin"},
)


def year_of_half_hours() -> np.ndarray:
    """Three weeks around each change of the clocks in these zones, every 30 minutes."""
    starts = [
        "2024-03-05", "2024-03-25", "2024-04-01", "2024-10-01", "2024-10-24", "2024-10-31",
        "1993-08-17", "2011-12-26", "2018-02-13", "2018-10-31", "2024-04-22",
    ]  # fmt: skip
    begins = [np.datetime64(start, "ns").astype(np.int64) for start in starts]
    return np.unique(np.concatenate([begin + np.arange(0, 9 * 48) * HOUR // 2 for begin in begins]))


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("settings", RULES, ids=str)
def test_the_slow_origin_is_that_of_the_settings(zone: str, settings: dict[str, str]) -> None:
    rule = TypeAdapter(OriginField).validate_python(settings)
    times = year_of_half_hours()
    fast = rule.origins(times, zone)
    for track in range(rule.tracks):
        slow = origins_of(rule, times.tolist(), track, zone)
        one_by_one = [origin_of(rule, time, track, zone) for time in times[::23].tolist()]
        assert one_by_one == slow[::23]
        assert [NO_ORIGIN if origin is None else origin for origin in slow] == fast[:, track].tolist()


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("settings", KNOWN, ids=str)
def test_the_slow_known_moment_is_that_of_the_settings(zone: str, settings: dict[str, str]) -> None:
    rule = TypeAdapter(KnownField).validate_python(settings)
    assert not isinstance(rule, PublishedAt)
    times = year_of_half_hours()
    fast = rule.moments(times, times - HOUR, StampGrid(HOUR), zone)
    assert [known_of(rule, time, time - HOUR, HOUR, zone) for time in times.tolist()] == fast.tolist()


def test_a_moment_from_a_column_has_no_rule() -> None:
    assert known_of(PublishedAt(column="published"), 0, None, HOUR, "UTC") is None


def test_the_days_on_which_clocks_are_moved() -> None:
    first, last = (int(np.datetime64(day, "ns").astype(np.int64)) for day in ("2024-01-01", "2024-12-31"))
    assert [str(day) for day in days_of_change(first, last, "Europe/Madrid")] == ["2024-03-31", "2024-10-27"]
    assert days_of_change(first, last, "UTC") == []


def test_a_wall_time_that_comes_twice_is_its_first_occurrence() -> None:
    shown = local_time(int(np.datetime64("2024-10-27T01:30", "ns").astype(np.int64)), "Europe/Madrid")
    assert np.datetime64(moment_of(shown, "Europe/Madrid"), "ns") == np.datetime64("2024-10-27T00:30")
