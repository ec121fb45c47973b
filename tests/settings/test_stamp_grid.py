from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.settings.known import AfterStep, BeforeStep, DayAt
from hindcast.pipeline.settings.stamp_grid import StampGrid
from tests.align.mock import moment
from tests.examples import examples
from tests.settings.slow_clock import HOUR, ZONES, local, stamps

MINUTE = HOUR // 60
stamps_of_minutes = st.integers(15 * 365 * 24 * 60, 60 * 365 * 24 * 60).map(lambda minutes: minutes * MINUTE)
LENGTHS = st.sampled_from([15 * MINUTE, HOUR, 3 * HOUR, 24 * HOUR])


@st.composite
def grids(draw: st.DrawFn) -> StampGrid:
    length = draw(LENGTHS)
    spacing = draw(st.sampled_from([None, 5 * MINUTE, 7 * MINUTE, length // 3, 2 * length]))
    pitch = spacing if spacing and length % spacing == 0 else length
    return StampGrid(
        length,
        draw(st.integers(0, length // MINUTE - 1)) * MINUTE,
        spacing,
        draw(st.integers(0, (pitch - 1) // 2 // MINUTE)) * MINUTE,
        keeps=draw(st.booleans()),
    )


@given(stamps, grids())
def test_the_step_of_a_time_is_the_last_one_that_starts_no_later(times: list[int], grid: StampGrid) -> None:
    starts = grid.start_of(np.array(times, np.int64)).tolist()
    for time, start in zip(times, starts, strict=True):
        assert start <= time < start + grid.frequency
        assert (start - grid.offset) % grid.frequency == 0


def test_the_grid_goes_on_before_1970() -> None:
    times = np.array([-1, -HOUR, -HOUR - 1])
    assert StampGrid(HOUR).start_of(times).tolist() == [-HOUR, -HOUR, -2 * HOUR]


@given(st.lists(st.integers(-300, 300), max_size=10), grids())
def test_a_timestamp_counts_as_the_time_on_the_grid_that_is_near_enough(
    minutes: list[int], grid: StampGrid
) -> None:
    times = [minute * MINUTE for minute in minutes]
    on_grid = [
        grid.offset + number * grid.pitch
        for number in range((-300 * MINUTE - grid.offset) // grid.pitch - 1, 300 * MINUTE // grid.pitch + 2)
    ]
    expected = [next((due for due in on_grid if abs(due - time) <= grid.rounding), time) for time in times]
    assert grid.settle(np.array(times, np.int64)).tolist() == expected
    assert grid.is_on(np.array(times, np.int64)).tolist() == [time in on_grid for time in times]


@given(st.lists(st.integers(-3000, 3000), min_size=1, max_size=30), grids())
def test_a_value_is_never_known_before_it_is_over_nor_later_than_it_must(
    minutes: list[int], grid: StampGrid
) -> None:
    """After rounding, from the later of the end of the step and one distance after the timestamp."""
    times = np.array([minute * MINUTE for minute in minutes], np.int64)
    known = AfterStep(after_step="10min").moments(times, None, grid, "UTC")  # type: ignore[arg-type]
    before = BeforeStep(before_step="10min").moments(times, None, grid, "UTC")  # type: ignore[arg-type]
    for time, after, early in zip(times.tolist(), known.tolist(), before.tolist(), strict=True):
        counted = int(grid.settle(np.array([time]))[0])
        start = (counted - grid.offset) // grid.frequency * grid.frequency + grid.offset
        end, begin = start + grid.frequency, start
        is_on = (counted - grid.offset) % grid.pitch == 0
        if counted != time or (grid.keeps and not is_on):
            end = max(end, time + grid.pitch)
            begin += max(0, time - (counted if is_on else start))
        assert after == end + 10 * MINUTE
        assert early == begin - 10 * MINUTE


def test_a_daily_rule_counts_from_the_later_of_timestamp_and_grid() -> None:
    day = 24 * HOUR
    rule = DayAt(day=1, at="06:00")
    times = np.array([day - MINUTE, day, day + MINUTE])
    assert (
        rule.moments(times, None, StampGrid(HOUR, rounding=MINUTE), "UTC").tolist()
        == [2 * day + 6 * HOUR] * 3
    )
    assert rule.moments(times[:1], None, StampGrid(HOUR), "UTC").tolist() == [day + 6 * HOUR]


@pytest.mark.parametrize("spacing", [None, 7 * MINUTE, 2 * HOUR])
def test_a_distance_that_does_not_divide_a_step_is_no_grid(spacing: int | None) -> None:
    assert StampGrid(HOUR, spacing=spacing).pitch == HOUR


DAYS = st.sampled_from([1, 7, 10])


@st.composite
def grids_of_days(draw: st.DrawFn) -> StampGrid:
    length = draw(DAYS) * 24 * HOUR
    zone = draw(st.sampled_from(ZONES[1:]))
    return StampGrid(length, draw(st.integers(0, length // HOUR - 1)) * HOUR, zone=zone)


def start_of_label(label: int, zone: str) -> int:
    """When the clocks first show a label; searched for minute by minute around it, without arithmetic on offsets."""
    wanted = datetime(1970, 1, 1) + timedelta(seconds=label // 10**9)  # noqa: DTZ001
    time = label - 30 * HOUR
    while local(time, zone) < wanted:
        time += 15 * MINUTE
    while local(time - MINUTE, zone) >= wanted:
        time -= MINUTE
    return time


@examples(60)
@given(st.lists(stamps_of_minutes, min_size=1, max_size=4), grids_of_days())
def test_a_step_of_days_lasts_from_its_first_local_date_to_that_of_the_next_step(
    times: list[int], grid: StampGrid
) -> None:
    assert grid.zone
    labels = grid.start_of(np.array(times)).tolist()
    ends, starts = grid.ends(np.array(times)).tolist(), grid.starts(np.array(times)).tolist()
    lengths = np.broadcast_to(grid.lengths(np.array(times)), len(times)).tolist()
    for time, label, start, end, length in zip(times, labels, starts, ends, lengths, strict=True):
        assert (label - grid.offset) % grid.frequency == 0
        assert start == start_of_label(label, grid.zone)
        assert end == start_of_label(label + grid.frequency, grid.zone)
        assert start <= time < end
        assert length == end - start


@examples(60)
@given(st.lists(stamps_of_minutes, min_size=1, max_size=20), grids_of_days())
def test_spread_times_keep_their_order_and_their_day(times: list[int], grid: StampGrid) -> None:
    assert grid.zone
    ordered = np.array(sorted(times))
    spread = grid.spread(ordered)
    if grid.zone != "America/St_Johns":  # went back over midnight
        assert (np.diff(spread) >= 0).all()
        assert (spread // (24 * HOUR) == grid.labels(ordered) // (24 * HOUR)).all()


def test_days_of_a_clock_change_have_23_and_25_hours_and_a_skipped_day_none() -> None:
    berlin = StampGrid(24 * HOUR, zone="Europe/Berlin")
    noons = np.array([moment("2024-03-31T12:00"), moment("2024-10-27T12:00"), moment("2024-07-01T12:00")])
    assert (np.asarray(berlin.lengths(noons)) // HOUR).tolist() == [23, 25, 24]
    after = AfterStep.model_validate({"after_step": "6h"}).moments(noons, None, berlin, "Europe/Berlin")
    assert [local(int(time), "Europe/Berlin").hour for time in after] == [6, 6, 6]
    apia = StampGrid(24 * HOUR, zone="Pacific/Apia")
    edges = apia.instants(
        np.array([moment("2011-12-29"), moment("2011-12-30"), moment("2011-12-31"), moment("2012-01-01")])
    )
    assert (np.diff(edges) // HOUR).tolist() == [24, 0, 24]
