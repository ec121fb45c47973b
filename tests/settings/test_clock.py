from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.settings.base import Duration
from hindcast.pipeline.settings.clock import lagged, local_day, moment_of_day, utc_of, wall_of
from tests.settings.slow_clock import DAY, HOUR, ZONES, local, stamp_of, stamps, wall_stamp, zones


@given(stamps, zones)
def test_wall_time_is_what_datetime_says(times: list[int], zone: str) -> None:
    expected = [wall_stamp(local(time, zone)) for time in times]
    assert wall_of(np.array(times), zone).tolist() == expected


@given(stamps, zones)
def test_a_wall_time_becomes_the_moment_that_datetime_says(walls: list[int], zone: str) -> None:
    expected = [stamp_of(local(wall, "UTC"), zone) for wall in walls]
    assert utc_of(np.array(walls), zone).tolist() == expected


@given(stamps, zones)
def test_wall_time_and_back_is_the_same_moment_or_the_first_of_two(times: list[int], zone: str) -> None:
    array = np.array(times)
    back = utc_of(wall_of(array, zone), zone)
    assert (back <= array).all()
    assert (wall_of(back, zone) == wall_of(array, zone)).all()


@given(stamps, zones)
def test_a_local_day_is_the_date_on_the_wall(times: list[int], zone: str) -> None:
    expected = [local(time, zone).toordinal() - 719163 for time in times]  # 719163: the ordinal of 1970-01-01
    assert local_day(np.array(times), zone).tolist() == expected


@given(stamps, zones, st.integers(0, 24 * 60 - 1))
def test_the_moment_of_a_day_is_when_its_clocks_show_the_time(
    times: list[int], zone: str, minute: int
) -> None:
    days = local_day(np.array(times), zone)
    midnight = [local(time, zone).replace(hour=0, minute=0, second=0) for time in times]
    expected = [stamp_of(one + timedelta(minutes=minute), zone) for one in midnight]
    assert moment_of_day(days, minute * HOUR // 60, zone).tolist() == expected


@pytest.mark.parametrize(("day", "hours"), [("2024-03-31", 23), ("2024-10-27", 25), ("2024-07-01", 24)])
def test_a_day_has_23_or_25_hours_where_the_clock_changes(day: str, hours: int) -> None:
    number = np.array([np.datetime64(day, "D").astype(int)])
    length = moment_of_day(number + 1, 0, "Europe/Berlin") - moment_of_day(number, 0, "Europe/Berlin")
    assert length.tolist() == [hours * HOUR]


@pytest.mark.parametrize("zone", ZONES)
def test_no_stamps_are_no_stamps(zone: str) -> None:
    none = np.empty(0, np.int64)
    assert wall_of(none, zone).tolist() == utc_of(none, zone).tolist() == []


def test_the_zone_of_greenwich_shifts_nothing() -> None:
    times = np.arange(0, 400 * DAY, 7 * HOUR)
    assert (wall_of(times, "UTC") == times).all()


@given(stamps, zones, st.integers(1, 400))
def test_a_lag_in_days_is_the_same_wall_time_that_many_days_before(
    times: list[int], zone: str, days: int
) -> None:
    expected = [stamp_of(local(time, zone) - timedelta(days=days), zone) for time in times]
    assert lagged(np.array(times), Duration.parse(f"{days}d"), zone).tolist() == expected


@given(stamps, zones, st.integers(0, 400))
def test_a_lag_in_hours_is_exact_time(times: list[int], zone: str, hours: int) -> None:
    found = lagged(np.array(times), Duration.parse(f"{hours}h"), zone)
    assert found.tolist() == [time - hours * HOUR for time in times]


def test_seven_days_and_168_hours_differ_after_a_clock_change() -> None:
    noon = np.array(
        [stamp_of(local(1_711_900_800 * 10**9, "UTC"), "Europe/Berlin")]
    )  # within a week of the change
    days, hours = (lagged(noon, Duration.parse(text), "Europe/Berlin") for text in ("7d", "168h"))
    assert (days - hours).tolist() == [HOUR]
