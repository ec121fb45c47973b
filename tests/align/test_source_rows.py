from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hindcast.pipeline.align.source_rows import SHARED, read_rows, sources_with_role, split_shared
from tests.align.mock import HOUR, START, frame, mock_frames, mock_params


def _rows(*names: str, start: int = START) -> pd.DataFrame:
    rows = [
        {"series": name, "valid": start + at * HOUR, "known": start, "usage": at}
        for at, name in enumerate(names)
    ]
    return frame(rows, ("usage", "flow"))


def test_series_are_numbered_in_the_order_of_their_names() -> None:
    names, tables = read_rows({"meter": _rows("b", "a", "", "b")}, mock_params())
    assert names == ("a", "b")
    assert tables["meter"].series.tolist() == [1, 0, SHARED, 1]


def test_names_in_a_categorical_column_are_the_same() -> None:
    table = _rows("b", "a", "", "b")
    names, tables = read_rows({"meter": table.astype({"series": "category"})}, mock_params())
    assert (names, tables["meter"].series.tolist()) == (("a", "b"), [1, 0, SHARED, 1])


def test_without_any_name_the_group_is_one_series() -> None:
    names, tables = read_rows({"meter": _rows("", "")}, mock_params())
    assert names == ("",)
    assert tables["meter"].series.tolist() == [0, 0]


def test_a_known_source_names_no_series() -> None:
    tide = frame(
        [{"series": name, "valid": START, "known": START, "level": 1.0} for name in ("a", "z", "")],
        ("level",),
    )
    names, tables = read_rows({"meter": _rows("a"), "tide": tide}, mock_params())
    assert names == ("a",)
    assert tables["tide"].series.tolist() == [0, SHARED]


def test_rows_from_until_on_are_left_out_and_so_are_series_that_begin_then() -> None:
    chosen = mock_params(until="2024-03-29T02:00")
    names, tables = read_rows({"meter": _rows("a", "a", "late", "late")}, chosen)
    assert names == ("a",)
    assert tables["meter"].valid.tolist() == [START, START + HOUR]


def test_a_source_without_issue_times_has_its_known_moments_in_their_slot() -> None:
    _, tables = read_rows({"meter": _rows("a", "a")}, mock_params())
    assert tables["meter"].issue.tolist() == tables["meter"].known.tolist()


@pytest.mark.parametrize("shared", [0.0, 1.0])
def test_parts_hold_every_row_once(shared: float) -> None:
    _, tables = read_rows(mock_frames(3, shared=shared), mock_params())
    for table in tables.values():
        made = dict(split_shared(table))
        assert sum(len(part.valid) for part in made.values()) == len(table.valid)
        for is_shared, part in made.items():
            assert ((part.series == SHARED) == is_shared).all()


def test_filled_leaves_out_rows_whose_values_are_all_missing() -> None:
    table = _rows("a", "a", "a")
    table["usage"], table["flow"] = [1.0, np.nan, np.nan], [np.nan, np.nan, 2.0]
    _, tables = read_rows({"meter": table}, mock_params())
    assert tables["meter"].with_values().valid.tolist() == [START, START + 2 * HOUR]


def test_sources_come_in_the_order_of_the_settings() -> None:
    _, tables = read_rows(mock_frames(1), mock_params())
    assert sources_with_role(mock_params(), tables, "forecast", "known") == ("weather", "model", "tide")
    del tables["model"]
    assert sources_with_role(mock_params(), tables, "forecast") == ("weather",)
