"""What a user writes for origins and days."""

from __future__ import annotations

import numpy as np
import pytest

from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.serve.origin_words import read_day, read_ranges

DAY = 24 * 3600 * 10**9


def test_a_moment_and_a_range_are_closed_intervals() -> None:
    first = int(np.datetime64("2026-11-01", "ns").astype(np.int64))
    assert read_ranges(["2026-11-01", "2026-11-01..2026-11-02T12:00+12:00"]) == [
        (first, first),
        (first, first + DAY),
    ]


def test_a_date_at_the_end_of_a_range_is_the_whole_day() -> None:
    first = int(np.datetime64("2026-11-01", "ns").astype(np.int64))
    assert read_ranges(["2026-11-01..2026-11-30"]) == [(first, first + 30 * DAY - 1)]
    assert read_ranges(["2026-11-01..2026-11-01"]) == [(first, first + DAY - 1)]


def test_all_faults_of_origins_are_named() -> None:
    with pytest.raises(SettingsError) as fault:
        read_ranges(["soon", "2026-11-02..2026-11-01", "2026-11-01"])
    assert [each.split(":")[0] for each in fault.value.faults] == [
        "--origin soon",
        "--origin 2026-11-02..2026-11-01",
    ]


def test_a_day_is_a_date() -> None:
    assert read_day("2026-11-30") == np.datetime64("2026-11-30")
    with pytest.raises(SettingsError, match="--day must be a date such as 2026-11-30, found 'tomorrow'"):
        read_day("tomorrow")
