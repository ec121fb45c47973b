"""The row between two rows of a vintage, and the value of a step from its rows."""

from __future__ import annotations

import math

import pytest

from hindcast.pipeline.certify.fold_rows import fold, interpolate
from hindcast.pipeline.certify.raw_records import Record


def row(valid: int, value: float, member: str = "") -> Record:
    return Record(valid, 1, 0, 0, {"rain": value}, member=member)


def test_a_row_is_interpolated_only_between_two_rows_that_are_near_enough() -> None:
    vintage = [row(0, 2.0, "m"), row(4, 4.0, "m")]
    made = interpolate(vintage, 1, 2, 4)
    assert made is not None
    assert (made.valid, made.values["rain"], made.member) == (1, 2.5, "m")
    assert interpolate(vintage, 1, 2, 3) is None, "too far apart"
    assert interpolate(vintage, 1, 2, 3, lambda _, __: 3) is not None, "a day of 25 hours is one day"
    assert interpolate(vintage, 4, 5, 4) is None, "the step has a row"
    assert interpolate(vintage, 5, 6, 4) is None, "no row after the step"


@pytest.mark.parametrize(
    ("rule", "due"), [("mean", 2.0), ("sum", 6.0), ("last", 3.0), ("min", 1.0), ("max", 3.0)]
)
def test_values_are_folded_by_their_rule_if_enough_are_there(rule: str, due: float) -> None:
    stamps = [(0, 1.0), (1, math.nan), (2, 3.0)]
    assert fold(stamps, rule, 3, (0.5, None)) == due  # type: ignore[arg-type]
    assert math.isnan(fold(stamps, rule, 3, (0.7, None)))  # type: ignore[arg-type]
