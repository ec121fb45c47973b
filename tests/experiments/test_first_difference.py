"""The first difference of two files is named by field, line, or column and row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from hindcast.pipeline.experiments.first_difference import describe_difference


@pytest.mark.parametrize(
    ("before", "now", "text"),
    [
        ({"a": {"b": 1}, "c": 2}, {"a": {"b": 1.5}, "c": 3}, "field a.b: 1.5, not 1"),
        ({"a": [1, 2]}, {"a": [1, 2, 3]}, "field a[2]: 3, not absent"),
        ({"a": 1}, {"b": 1}, "field a: absent, not 1"),
        ({"a": None}, {"a": {"x": 1}}, 'field a: {"x": 1}, not null'),
    ],
)
def test_json_by_its_field(tmp_path: Path, before: Any, now: Any, text: str) -> None:
    for name, content in (("one", before), ("two", now)):
        (tmp_path / name).write_text(json.dumps(content))
    assert describe_difference(tmp_path / "one", tmp_path / "two", ".json") == text


def test_text_by_its_line(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("a,b\n1,2\n3,4\n")
    (tmp_path / "two").write_text("a,b\n1,2\n3,5\n6,7\n")
    assert describe_difference(tmp_path / "one", tmp_path / "two", ".csv") == "line 3: 3,5, not 3,4"
    (tmp_path / "two").write_text("a,b\n1,2\n")
    assert describe_difference(tmp_path / "one", tmp_path / "two", ".csv") == "line 3: no line, not 3,4"


@pytest.mark.parametrize("row", [0, 7, 99_999])
def test_parquet_by_its_column_and_row(tmp_path: Path, row: int) -> None:
    frame = pd.DataFrame({"time": range(100_000), "model": 1.0})
    frame.loc[3, "model"] = float("nan")
    frame.to_parquet(tmp_path / "one", row_group_size=30_000)
    frame.loc[row, "model"] = 2.5
    frame.to_parquet(tmp_path / "two", row_group_size=30_000)
    found = describe_difference(tmp_path / "one", tmp_path / "two", ".parquet")
    assert found == f"column model, row {row:,} (from 0): 2.5, not 1.0"


def test_parquet_by_its_columns_and_number_of_rows(tmp_path: Path) -> None:
    pd.DataFrame({"a": [1, 2]}).to_parquet(tmp_path / "one")
    pd.DataFrame({"b": [1, 2]}).to_parquet(tmp_path / "two")
    assert describe_difference(tmp_path / "one", tmp_path / "two", ".parquet") == "the columns are b, not a"
    pd.DataFrame({"a": [1, 2, 3]}).to_parquet(tmp_path / "two")
    assert describe_difference(tmp_path / "one", tmp_path / "two", ".parquet") == "3 rows, not 2"


@pytest.mark.parametrize("kind", [".json", ".parquet", ".h5", ".csv"])
def test_a_file_that_cannot_be_read_so_by_its_size(tmp_path: Path, kind: str) -> None:
    (tmp_path / "one").write_bytes(b"\xff\xfe1234")
    (tmp_path / "two").write_bytes(b"\xff\xfe12345")
    assert (
        describe_difference(tmp_path / "one", tmp_path / "two", kind)
        == "7 bytes, not the 6 bytes of the recorded file"
    )
