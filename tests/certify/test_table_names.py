"""The number of each row's series, with and without columns for series and group."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from hindcast.pipeline.certify.table_names import AMBIGUOUS, UNKNOWN, TableNames, read_names
from hindcast.pipeline.errors import MissingInputError
from hindcast.pipeline.tables import read_manifest
from tests.align.mock import mock_frames, mock_params
from tests.split.workplace import write_tables

NAMES = TableNames((("g", ""), ("g", "a"), ("g", "b"), ("h", ""), ("h", "a"), ("i", "")))


def numbers(names: TableNames, **columns: list[str | None]) -> list[int]:
    arrays = {name: pa.array(values, pa.string()) for name, values in columns.items()}
    rows = len(next(iter(arrays.values()))) if arrays else 1
    found: list[int] = names.numbers_of(arrays, rows).tolist()
    return found


def test_pairs_of_group_and_series() -> None:
    found = numbers(NAMES, group=["g", "h", "g", "x", "i", "h"], series=["b", "a", "c", "a", None, ""])
    assert found == [2, 4, UNKNOWN, UNKNOWN, 5, 4]  # the only series of h


def test_a_series_alone_must_be_in_one_group() -> None:
    assert numbers(NAMES, series=["b", "a", "c", ""]) == [2, AMBIGUOUS, UNKNOWN, AMBIGUOUS]
    one = TableNames((("g", ""), ("g", "a"), ("g", "b")))
    assert numbers(one, series=["b", "a", "", None]) == [2, 1, 0, 0]


def test_a_group_alone_means_its_only_series_or_all() -> None:
    assert numbers(NAMES, group=["g", "h", "i", "x"]) == [0, 4, 5, UNKNOWN]
    assert numbers(TableNames((("g", ""), ("g", "a")))) == [1]
    assert list(TableNames((("g", ""),)).fault_of(["origin"])) == []
    assert "the tables have the groups g, h, i" in next(NAMES.fault_of(["origin"]))


def test_groups_and_texts() -> None:
    assert NAMES.groups == ("g", "h", "i")
    assert NAMES.first.tolist() == [0, 3, 5, 6]
    assert NAMES.group_of(NAMES.first[:-1]).tolist() == [0, 1, 2]
    assert NAMES.series_of(0) == ["", "a", "b"]
    assert [NAMES.text(code) for code in (0, 2)] == ["g", "g/b"]


def test_names_are_read_from_every_table(tmp_path: Path) -> None:
    params = mock_params()
    write_tables(tmp_path, mock_frames(1, series=("ä", "b")), params, "there")
    write_tables(tmp_path, {"meter": mock_frames(1, series=("c",))["meter"]}, params, "here")
    manifest = read_manifest(tmp_path)
    keys = (("here", ""), ("here", "c"), ("there", ""), ("there", "b"), ("there", "ä"))
    assert read_names(tmp_path, manifest).keys == keys
    (tmp_path / "meter/here.parquet").unlink()
    with pytest.raises(MissingInputError, match=r"here\.parquet is missing, but tables\.json names it"):
        read_names(tmp_path, manifest)
