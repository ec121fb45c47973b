from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.raw.numbers import (
    NumberStyle,
    blank_markers,
    check_values,
    numeric_markers,
    read_number_columns,
    read_numbers,
)
from hindcast.pipeline.raw.reject_rules import RULES, RowFaults
from hindcast.pipeline.settings.fields import ValueField

cells = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers(-(10**18), 10**18).map(str),
    st.sampled_from(
        ["", "NA", " 1.5 ", "+2", "\u22123", "1-2", "e", "1e", "--1", "inf", "nan", "1e999", "0x1", "."]
    ),
)


def texts(values: list[str]) -> pa.StringArray:
    return pa.array(values, pa.string())


def expected(cell: str) -> float | None:
    """The slow reader: NaN for a missing marker, None for an unreadable cell."""
    text = cell.strip().replace("\u2212", "-")
    if text in ("", "NA"):
        return np.nan
    if not set(text) <= set("0123456789+-.eE"):
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if np.isfinite(number) else None


@given(st.lists(st.lists(cells, max_size=6), max_size=3))
def test_columns_of_cells_are_read_as_float_reads_each_cell(columns: list[list[str]]) -> None:
    read = read_number_columns([texts(column) for column in columns], ("", "NA"), NumberStyle())
    for column, (values, bad) in zip(columns, read, strict=True):
        wanted = [expected(cell) for cell in column]
        assert bad.tolist() == [number is None for number in wanted]
        np.testing.assert_array_equal(values, [np.nan if number is None else number for number in wanted])


@pytest.mark.parametrize(
    ("style", "cell", "number"),
    [
        ({"decimal": ","}, "-1,5", -1.5),
        ({"decimal": ","}, "1.5", None),
        ({"thousands": " "}, "1\u202f234.5", 1234.5),
        ({"thousands": ".", "decimal": ","}, "1.234.567,5", 1234567.5),
        ({"around": ("EUR", "%")}, "EUR -3", -3.0),
        ({"around": ("EUR", "%")}, "12 %", 12.0),
        ({"negatives": "brackets"}, "(12.5)", -12.5),
        ({"negatives": "trailing"}, "12.5-", -12.5),
        ({}, "(12.5)", None),
    ],
)
def test_a_style_adds_forms_of_numbers(style: dict[str, Any], cell: str, number: float | None) -> None:
    values, bad = read_numbers(texts([cell, "7"]), (), NumberStyle(**style))
    assert bad.tolist() == [number is None, False]
    assert values[1] == 7
    assert number is None or values[0] == number


def test_a_slice_of_an_array_is_read_from_its_own_offset() -> None:
    values, bad = read_numbers(texts(["x", "1", "", "2,5"]).slice(1), ("",), NumberStyle(","))
    np.testing.assert_array_equal(values, [1, np.nan, 2.5])
    assert not bad.any()


def test_a_numeric_marker_blanks_every_spelling_of_its_number() -> None:
    markers = numeric_markers(("", "-999", "n/e"), ".")
    assert markers.tolist() == [-999.0]
    np.testing.assert_array_equal(blank_markers(np.array([-999.0, 1.0]), markers), [np.nan, 1.0])


def test_values_outside_their_bounds_are_faults_and_missing_values_are_not() -> None:
    values = np.array([-1.0, 0.5, 3.0, 2.0, np.nan])
    for declared, rules in (
        ({"min": 0, "max": 2}, ["min", "good", "max", "good", "good"]),
        ({"allowed": [0.5, 2]}, ["allowed", "good", "allowed", "good", "good"]),
        (
            {"flag": {"below": 0, "above": 2}, "on_flag": "quarantine"},
            ["flagged", "good", "flagged", "good", "good"],
        ),
        ({"flag": {"below": 0, "above": 2}, "on_flag": "missing"}, ["good"] * 5),
        ({"flag": {"below": 0, "above": 2}}, ["good"] * 5),
    ):
        faults = RowFaults(len(values))
        check_values(values, ValueField.model_validate({"column": "load", **declared}), 4, faults)
        assert [RULES[rule] for rule in faults.rule] == rules
        assert faults.column.tolist() == [-1 if rule == "good" else 4 for rule in rules]
