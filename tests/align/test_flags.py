"""Flags of rows: by value at once, by run from the row that completes it; what takes back what."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hindcast.pipeline.align.flags import NOT_FLAGGED, RowFlags, flag_rows, retract
from hindcast.pipeline.settings.fields import LIMITS, FlagLimits
from tests.align.mock import HOUR

NAN = float("nan")


def flagged(
    values: list[float], known: list[int] | None = None, valid: list[int] | None = None, **limits: Any
) -> RowFlags:
    """Flags of hourly values of one series, known an hour after their step began unless given; hours."""
    stamps = np.array(valid or range(len(values)), np.int64) * HOUR
    at = stamps + HOUR if known is None else np.array(known, np.int64) * HOUR
    keys = (np.zeros(len(values), np.int64),)
    return flag_rows(np.array(values), keys, (stamps, at), FlagLimits.model_validate(limits), HOUR)


def hours(flags: RowFlags) -> list[int | None]:
    return [None if moment == NOT_FLAGGED else moment // HOUR for moment in flags.moment.tolist()]


def test_a_value_beyond_a_bound_is_flagged_when_it_is_known() -> None:
    found = flagged([1, 5, NAN, -3, 2], below=0, above=4)
    assert hours(found) == [None, 2, None, 4, None]
    assert found.counts() == {"below": 1, "above": 1, "zeros": 0, "frozen": 0}


@pytest.mark.parametrize(("length", "expected"), [("3h", [4, 4, 4, 5]), ("4h", [5] * 4), ("5h", [None] * 4)])
def test_a_run_is_flagged_from_the_row_that_completes_it(length: str, expected: list[int | None]) -> None:
    assert hours(flagged([9, 7, 7, 7, 7, 8], frozen=length)) == [None, *expected, None]


def test_zeros_and_other_numbers_have_lengths_of_their_own() -> None:
    found = flagged([0, 0, -0.0, 5, 5, 5], zeros="3h")
    assert hours(found) == [3, 3, 3, None, None, None]
    assert hours(flagged([0, 0, 0, 5, 5, 5], frozen="3h")) == [None, None, None, 6, 6, 6]


def test_a_missing_value_and_a_missing_step_end_a_run() -> None:
    assert hours(flagged([7, 7, NAN, 7, 7], frozen="3h")) == [None] * 5
    assert hours(flagged([7, 7, 7, 7], valid=[0, 1, 3, 4], frozen="3h")) == [None] * 4


def test_a_late_row_neither_closes_nor_breaks_a_run() -> None:
    assert hours(flagged([7, 7, 7, 7], known=[1, 20, 3, 4], frozen="3h")) == [None] * 4
    late_other = flagged([7, 7, 9, 7], known=[1, 2, 20, 3], valid=[0, 1, 1, 2], frozen="3h")
    assert hours(late_other) == [3, 3, None, 3]


def test_revisions_have_runs_of_their_own() -> None:
    first, second = [7.0] * 4, [7.0, 7.0, 7.0, 6.0]
    found = flagged(first + second, known=[1, 2, 3, 4, 21, 22, 23, 24], valid=[0, 1, 2, 3] * 2, frozen="3h")
    assert hours(found) == [3, 3, 3, 4, 23, 23, 23, None]


def test_the_first_limit_that_a_value_breaks_counts() -> None:
    found = flagged([0, 0, 0], below=1, zeros="2h")
    assert {LIMITS[limit] for limit in found.limit.tolist()} == {"below"}


def test_a_retraction_returns_to_the_last_version_that_is_not_flagged() -> None:
    """Timestamp 0: 5 (good), then 7, flagged at 9; timestamp 1: 7, flagged at 9; timestamp 2: 7, then 6 before the flag."""
    valid = np.array([0, 0, 1, 2, 2]) * HOUR
    known = np.array([1, 2, 3, 4, 8]) * HOUR
    values, moment = (
        np.array([5.0, 7, 7, 7, 6]),
        np.array([NOT_FLAGGED, 9 * HOUR, 9 * HOUR, 9 * HOUR, NOT_FLAGGED]),
    )
    found = retract(np.zeros(5, np.int64), (valid, known), values, moment)
    assert found.row.tolist() == [1, 2, 3]
    assert found.known.tolist() == [9 * HOUR] * 3
    np.testing.assert_array_equal(found.value, [5, NAN, 6])
