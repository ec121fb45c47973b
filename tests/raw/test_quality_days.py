"""Level shifts and swapped dates of many series at once, against one series after another."""

from __future__ import annotations

import numpy as np
import pytest

from hindcast.pipeline.raw.quality_days import shifts_of_days, swapped_years
from hindcast.pipeline.raw.quality_rows import Rows
from hindcast.pipeline.settings.base import DAY, HOUR
from tests.raw.quality_mock import hours, load, swap_dates
from tests.raw.quality_oracle import find_level_shifts, find_swapped_years


def _days(lengths: list[int]) -> tuple[Rows, np.ndarray]:
    """Rows of several series, with shifts, missing days and swapped dates, and their values."""
    random = np.random.default_rng(0)
    parts = []
    for number, count in enumerate(lengths):
        times, values = hours(24 * count), load(count, seed=number)
        values[len(values) // 2 :] *= random.choice([1.0, 1.2, 2.5])
        if number % 3 == 0:
            times, values = swap_dates(times, values)
        kept = random.random(len(values)) > 0.02 * (number % 2)
        kept[24 * 5 : 24 * 7] = number % 4 > 0
        parts.append((times[kept], values[kept]))
    codes = np.repeat(np.arange(len(parts)), [len(times) for times, _ in parts])
    times, values = (np.concatenate(each) for each in zip(*parts, strict=True))
    return Rows(codes, times, HOUR, "UTC"), values


@pytest.mark.parametrize("lengths", [[400], [60, 56, 55, 200, 70, 400, 57, 10, 365], [90] * 12])
def test_shifts_and_swapped_years_are_those_of_each_series_alone(lengths: list[int]) -> None:
    rows, values = _days(lengths)
    days, means = rows.days, rows.days.means(values)
    every = np.arange(len(lengths))
    shifts = shifts_of_days(days, means, every, 0.5)
    found = list(zip(shifts.place.tolist(), shifts.at.tolist(), shifts.size.tolist(), strict=True))
    expected, years = [], []
    for place in every.tolist():
        part = slice(days.starts[place], days.starts[place] + days.lengths[place])
        own = days.days[part], means[part]
        expected += [(place, day, size) for day, size in find_level_shifts(*own, 0.5)]
        years += [(place, year, ratio) for year, ratio in find_swapped_years(*own)]
    assert [each[:2] for each in found] == [each[:2] for each in expected]
    assert np.allclose([each[2] for each in found], [each[2] for each in expected])
    swapped = swapped_years(days, means, every)
    assert [each[:2] for each in swapped] == [each[:2] for each in years]
    assert np.allclose([each[2] for each in swapped], [each[2] for each in years])
    assert found or years


def test_a_day_begins_at_midnight_of_the_zone_at_the_first_row_of_each_series() -> None:
    start = int(np.datetime64("2021-01-01T00", "ns").astype(np.int64))
    summer = int(np.datetime64("2021-07-01T00", "ns").astype(np.int64))
    times = np.concatenate([start + HOUR * np.arange(48), summer + HOUR * np.arange(48)])
    rows = Rows(np.repeat([0, 1], 48), times, HOUR, "Europe/Berlin")
    assert rows.days.counts.tolist() == [23, 24, 1, 22, 24, 2]
    assert rows.days.days.tolist() == [start // DAY + at for at in range(3)] + [
        summer // DAY + at for at in range(3)
    ]
