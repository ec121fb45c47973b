"""Timestamps off the grid against the slow rule, and the habits of real files."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.raw.off_grid import StampKinds, classify_stamps
from hindcast.pipeline.settings.stamp_grid import StampGrid
from tests.raw.off_grid_oracle import Reading, find_strays, is_off, rounded

MINUTE = 60 * 10**9
HOUR = 60 * MINUTE
GRID = StampGrid(HOUR)


def classified(readings: list[Reading], grid: StampGrid) -> StampKinds | None:
    """The kinds of readings whose owner is (series, vintage), sorted as ingest sorts them."""
    key = np.array([reading.owner[0] for reading in readings], np.int32)
    vintage = np.array([reading.owner[1] for reading in readings], np.int64)
    stamps = np.array([reading.stamp for reading in readings], np.int64)
    values = np.array([reading.has_value for reading in readings], np.bool_)
    return classify_stamps(key, vintage, stamps, values, grid)


@st.composite
def series_of_readings(draw: st.DrawFn) -> tuple[list[Reading], StampGrid]:
    """Hours, quarters, shifted hours, irregular readings, or one after the other; with strays, gaps and empty rows."""
    readings = []
    for owner in range(draw(st.integers(1, 3))):
        hour = 0
        for _ in range(draw(st.integers(1, 4))):
            habit = draw(
                st.sampled_from(["hours", "halves", "quarters", "thirds", "shifted", "irregular", "gap"])
            )
            length = draw(st.integers(1, 30 if habit == "gap" else 6))
            shift = draw(st.integers(-59, 59))
            minutes = {
                "hours": [0], "halves": [0, 30], "quarters": [0, 15, 30, 45], "thirds": [0, 20, 40],
                "shifted": [shift], "irregular": draw(st.lists(st.integers(0, 59), max_size=7)), "gap": [],
            }[habit]  # fmt: skip
            for number in range(length):
                readings += [
                    (owner, hour + number, minute)
                    for minute in minutes
                    if habit == "hours" or not draw(st.sampled_from([False, False, False, True]))
                ]
            hour += length
        for _ in range(draw(st.integers(0, 3))):
            readings.append((owner, draw(st.integers(0, hour)), draw(st.integers(-59, 59))))
    found = [
        Reading(
            (owner // 2, owner % 2),
            hour * HOUR + minute * MINUTE,
            draw(st.sampled_from([True, True, True, False])),
        )
        for owner, hour, minute in dict.fromkeys(readings)
    ]
    grid = draw(
        st.sampled_from(
            [
                GRID, StampGrid(HOUR, 30 * MINUTE), StampGrid(HOUR, rounding=2 * MINUTE), StampGrid(HOUR, spacing=15 * MINUTE),
                StampGrid(HOUR, rounding=5 * MINUTE, spacing=15 * MINUTE), StampGrid(30 * MINUTE), StampGrid(2 * HOUR, HOUR),
            ]
        )
    )  # fmt: skip
    return sorted(found, key=lambda reading: (reading.owner[0], reading.stamp, reading.owner[1])), grid


@given(series_of_readings())
def test_strays_are_those_of_the_slow_rule(case: tuple[list[Reading], StampGrid]) -> None:
    readings, grid = case
    kinds = classified(readings, grid)
    off = {place for place, reading in enumerate(readings) if (reading.stamp - grid.offset) % grid.pitch}
    if kinds is None:
        assert not off
        return
    strays = find_strays(readings, grid)
    assert set(np.flatnonzero(kinds.stray).tolist()) == strays
    moved = {place for place in off if rounded(readings[place].stamp, grid) != readings[place].stamp}
    assert set(np.flatnonzero(kinds.rounded).tolist()) == moved - strays
    assert set(np.flatnonzero(kinds.finer | kinds.irregular).tolist()) == off - moved - strays
    assert not (kinds.finer & kinds.irregular).any()
    keeping = classified(readings, replace(grid, keeps=True))
    assert keeping is not None
    assert set(np.flatnonzero(keeping.kept | keeping.stray).tolist()) == strays
    lone = {place for place in strays if is_off(rounded(readings[place].stamp, grid), grid)}
    assert set(np.flatnonzero(keeping.kept).tolist()) == lone, "two that come to one time cannot both be kept"


@given(series_of_readings(), st.integers(0, 200))
def test_a_row_far_away_decides_nothing(case: tuple[list[Reading], StampGrid], cut: int) -> None:
    readings, grid = case
    kinds = classified(readings, grid)
    kept = [place for place, reading in enumerate(readings) if reading.stamp < cut * HOUR]
    fewer = classified([readings[place] for place in kept], grid)
    near = cut * HOUR - 26 * grid.frequency
    for number, place in enumerate(kept):
        if readings[place].stamp < near:
            whole = kinds is not None and bool(kinds.stray[place])
            assert whole == (fewer is not None and bool(fewer.stray[number]))


def kinds_of(
    cells: list[list[float]], grid: StampGrid = GRID, empty: tuple[float, ...] = ()
) -> dict[str, list[float]]:
    """The minutes from 0:00 by kind; `cells` are the minutes in each hour, those in `empty` have no value."""
    minutes = [60 * hour + minute for hour, cell in enumerate(cells) for minute in cell]
    readings = [Reading((0, 0), round(minute * MINUTE), minute not in empty) for minute in minutes]
    kinds = classified(readings, grid)
    if kinds is None:
        return {}
    names = ("rounded", "finer", "irregular", "kept", "stray")
    found: dict[str, Any] = {
        name: [minutes[at] for at in np.flatnonzero(getattr(kinds, name))] for name in names
    }
    return {name: places for name, places in found.items() if places}


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([[0]] * 5, {}),
        ([[30]] * 3, {"stray": [30, 90, 150]}),  # a zone at a half hour
        ([[0], [0], [0, 59], [59]], {"stray": [179, 239]}),  # the habit changes to :59
        ([[59], [59], [], [0]], {"stray": [59, 119]}),
        ([[0], [0, 13.6], [0]], {"stray": [73.6]}),
        ([[0], [0, 15], [0], [0, 45], [0]], {"stray": [75, 225]}),
        ([[0], [0, 20, 41], [0]], {"stray": [80, 101]}),
        ([[0, 15, 30, 45]] * 2, {"finer": [15, 30, 45, 75, 90, 105]}),
        ([[0], [0], [0, 30], [0, 30]], {"finer": [150, 210]}),  # hours, then half hours
        (
            [[45], [0, 15, 30, 45], [0, 15]],
            {"finer": [45, 75, 90, 105, 135]},
        ),  # a file that begins and ends inside an hour
        ([[0, 15], [30], [0, 45]], {"finer": [15, 90, 165]}),  # quarters with many rows absent
        ([[1, 9, 14, 22, 37, 48, 55]], {"irregular": [1, 9, 14, 22, 37, 48, 55]}),
        ([[1, 9, 14, 22, 37, 48, 55], [3]], {"irregular": [1, 9, 14, 22, 37, 48, 55, 63]}),
        ([[53]] * 3, {"stray": [53, 113, 173]}),  # weather reports
        ([[0, 15, 30, 45], *[[]] * 30, [15]], {"finer": [15, 30, 45], "stray": [1875]}),  # too far away
    ],
)
def test_habits_of_files(cells: list[list[float]], expected: dict[str, list[float]]) -> None:
    assert kinds_of(cells) == expected


@pytest.mark.parametrize(
    ("cells", "empty", "stray"),
    [
        ([[0], [0, 30], [0]], (90,), [90]),
        ([[0], [0, 13, 20], [0]], (73, 80), [73, 80]),
        ([[0, 30], [0, 30], [0, 30]], (90,), []),  # half hours, one without a value
        ([[0, 30], [0, 30], [0, 30]], (0, 30, 60, 90, 120, 150), []),
    ],
)
def test_an_empty_row_is_finer_data_only_beside_finer_data(
    cells: list[list[float]], empty: tuple[float, ...], stray: list[float]
) -> None:
    assert kinds_of(cells, empty=empty).get("stray", []) == stray


def test_of_two_timestamps_that_come_to_one_time_the_nearer_stays() -> None:
    grid = StampGrid(HOUR, rounding=5 * MINUTE)
    assert kinds_of([[58], [0], [57, 59], [1]], grid) == {"rounded": [179], "stray": [58, 177, 181]}


def test_days_that_start_at_six_are_strays_and_on_the_grid_with_an_offset() -> None:
    days = [[1440 * day / 24 + 360 for day in (number,)] for number in range(3)]
    readings = [Reading((0, 0), number * 24 * HOUR + 6 * HOUR, True) for number, _ in enumerate(days)]
    kinds = classified(readings, StampGrid(24 * HOUR))
    assert kinds is not None
    assert kinds.stray.all()
    assert classified(readings, StampGrid(24 * HOUR, 6 * HOUR)) is None


def test_a_value_covers_the_distance_of_its_data() -> None:
    readings = [Reading((0, 0), minute * MINUTE, True) for minute in (0, 15, 30, 45, 60, 24 * 60 + 120)]
    kinds = classified(readings, GRID)
    assert kinds is not None
    assert (kinds.length // MINUTE).tolist() == [15, 15, 15, 15, 15, 60]
