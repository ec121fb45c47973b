from __future__ import annotations

import math

import numpy as np
from hypothesis import given

from hindcast.pipeline.align.cyclic import waves
from tests.settings.slow_clock import local, stamps, zones

NAMES = ("hour_sin", "hour_cos", "weekday_sin", "weekday_cos", "yearday_sin", "yearday_cos")


@given(stamps, zones)
def test_waves_are_sine_and_cosine_of_the_local_clock_and_calendar(times: list[int], zone: str) -> None:
    found = waves(NAMES, np.array(times), zone)
    for row, time in zip(found, times, strict=True):
        wall = local(time, zone)
        year = (
            366
            if wall.replace(month=3, day=1).replace(day=1).toordinal()
            - wall.replace(month=2, day=1).toordinal()
            == 29
            else 365
        )
        turns = (
            (wall.hour * 3600 + wall.minute * 60 + wall.second) / 86400,
            wall.weekday() / 7,
            (wall.timetuple().tm_yday - 1) / year,
        )
        expected = [wave(2 * math.pi * turn) for turn in turns for wave in (math.sin, math.cos)]
        np.testing.assert_allclose(row, expected, atol=2e-7)


def test_quarters_of_a_turn_are_exact() -> None:
    hours = np.array([0, 6, 12, 18]) * 3600 * 10**9
    assert waves(("hour_sin", "hour_cos"), hours, "UTC").tolist() == [[0, 1], [1, 0], [0, -1], [-1, 0]]
    assert not np.signbit(waves(("hour_sin",), hours, "UTC")[[0, 2]]).any()


def test_no_names_make_no_columns() -> None:
    assert waves((), np.zeros(3, np.int64), "UTC").shape == (3, 0)
