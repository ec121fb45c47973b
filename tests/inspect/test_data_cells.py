"""A first line is a row if it looks like the rows below it, and no heading does."""

from __future__ import annotations

import pytest

from hindcast.pipeline.inspect.data_cells import is_data_cell, is_row


@pytest.mark.parametrize(
    ("first", "below", "expected"),
    [
        ("2024-01-01 00:00,A,5", "2024-01-01 01:00,A,6", True),
        ("1,45373.0000000,A,49764.4,", "2,45373.0416667,A,55045.9,", True),
        ("1666393200000,DE,313", "1666396800000,DE,333", True),
        ("44132.0416667,38.583,MW,", "44132.0833333,76.255,MW,", True),
        ("time,A,load", "2024-01-01 01:00,A,6", False),
        ("store,2024-01-01,2024-01-02", "A,1.5,2.5", False),
        ("quantile,0.1,0.9", "2024-01-01,5.2,6.1", False),
        ("Zone,1,2,3", "A,5,6,7", False),
    ],
)
def test_a_first_line_is_a_row_or_headings(first: str, below: str, expected: bool) -> None:
    rows = [below.split(",")] * 5
    assert is_row(first.split(","), rows) == expected


@pytest.mark.parametrize("cell", ["12.5", "", "NaN", "2024-03-01 00:00", "13 MW", "-", "5,2"])
def test_data_are_numbers_times_and_missing_values(cell: str) -> None:
    assert is_data_cell(cell)


@pytest.mark.parametrize("cell", ["load", "Zone A", "MW"])
def test_words_are_no_data(cell: str) -> None:
    assert not is_data_cell(cell)
