from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.raw.records import (
    Records,
    _order_of_alike,
    join_records,
    repeats_previous,
    row_bytes,
    sorting_order,
    time_fields,
)
from hindcast.pipeline.settings.raw import Source
from tests.raw.mock import LONG

rows = st.lists(st.tuples(st.integers(0, 3), st.integers(-2, 2), st.integers(-2, 2)), min_size=1, max_size=30)


@given(rows, st.sampled_from([np.int32, np.int64]))
def test_the_order_is_the_stable_one_by_key_then_times(
    found: list[tuple[int, int, int]], dtype: type
) -> None:
    key, *times = (np.array(column, np.int64) for column in zip(*found, strict=True))
    order = sorting_order(key.astype(dtype), times)
    expected = sorted(range(len(found)), key=lambda place: found[place])
    assert (list(range(len(found))) if order is None else order.tolist()) == expected
    assert (order is None) == (expected == list(range(len(found))))


@given(
    rows,
    st.lists(st.integers(0, 9), min_size=2, max_size=5),
    st.none() | st.tuples(st.integers(0, 2), st.integers(0, 149)),
)
def test_columns_of_a_wide_file_are_sorted_like_any_rows(
    lines: list[tuple[int, int, int]], columns: list[int], changed: tuple[int, int] | None
) -> None:
    times = [
        np.tile(np.array(column, np.int64), len(columns)) for column in list(zip(*lines, strict=True))[1:]
    ]
    key = np.repeat(np.array(columns, np.int32), len(lines))
    if changed is not None:  # one number: a row of another column, or of another time
        field, place = changed
        changed_columns: list[Any] = [key, *times]
        changed_columns[field][place % len(key)] += 1
    elif len(lines) > 1 and len(set(columns)) == len(columns):
        assert _order_of_alike(key, times) is not None
    order = sorting_order(key, times)
    expected = sorted(range(len(key)), key=lambda row: (key[row], times[0][row], times[1][row]))
    assert (list(range(len(key))) if order is None else order.tolist()) == expected


@given(rows)
def test_a_row_repeats_the_previous_one_where_key_and_times_are_equal(
    found: list[tuple[int, int, int]],
) -> None:
    found = sorted(found)
    key, *times = (np.array(column, np.int64) for column in zip(*found, strict=True))
    expected = [place > 0 and row == found[place - 1] for place, row in enumerate(found)]
    assert repeats_previous(key.astype(np.int32), times).tolist() == expected


def test_joined_records_hold_all_columns_in_order() -> None:
    parts = [
        Records(
            np.array([place], np.int32),
            np.array([place + 10]),
            (np.array([place + 20]),),
            (np.array([place / 2]),),
        )
        for place in range(3)
    ]
    whole = join_records(parts)
    assert [column.tolist() for column in whole.columns] == [[10, 11, 12], [20, 21, 22], [0, 0.5, 1]]
    assert whole.take(np.array([2, 0])).line.tolist() == [12, 10]
    assert join_records(parts[:1]) is parts[0]


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({}, ("valid",)),
        ({"known": {"column": "published"}}, ("valid", "known")),
        (
            {"role": "forecast", "issue_time": {"column": "issued"}, "known": {"at_issue_plus": "0h"}},
            ("valid", "issue"),
        ),
    ],
)
def test_times_that_distinguish_rows_are_fields(change: dict[str, object], fields: tuple[str, ...]) -> None:
    source = Source.model_validate({**LONG, **change})
    assert time_fields(source) == fields
    assert row_bytes(source) == 8 * (1 + len(fields) + 1)
