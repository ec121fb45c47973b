"""Reading a table made elsewhere: the same columns from CSV and Parquet, in any batches; which cells are no time or number."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hindcast.pipeline.arrays import TIME_MIN
from hindcast.pipeline.certify import table_file as module
from hindcast.pipeline.certify.table_file import (
    TableFaults,
    cell_text,
    is_missing,
    moments_of,
    numbers_of,
    open_table,
    texts_of,
)
from hindcast.pipeline.errors import FormatError, MissingInputError


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_batches_hold_every_row_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    monkeypatch.setattr(module, "_BATCH_ROWS", 7)
    monkeypatch.setattr(module, "_BLOCK_BYTES", 200)
    frame = pd.DataFrame({"a": np.arange(50), "b": [f"name {number}" for number in range(50)], "c": 1.5})
    path = tmp_path / f"table.{suffix}"
    if suffix == "csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path)
    file = open_table(path)
    assert file.names == ("a", "b", "c")
    parts = list(file.batches(["b", "a"]))
    assert len(parts) > 3
    assert [text for part in parts for text in part["b"].to_pylist()] == frame["b"].tolist()
    assert [int(number) for part in parts for number in part["a"].to_pylist()] == frame["a"].tolist()
    assert file.place(0) == ("line 2" if suffix == "csv" else "row 1")


def test_what_is_no_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match=r"none\.csv is missing: --table names"):
        open_table(tmp_path / "none.csv")
    for name in ("bad.parquet", "empty.csv"):
        (tmp_path / name).write_bytes(b"")
        with pytest.raises(FormatError, match="must be CSV with a heading line, or Parquet"):
            open_table(tmp_path / name)
    (tmp_path / "ragged.csv").write_text("a,b\n1,2\n1,2,3\n")
    with pytest.raises(FormatError, match="must be CSV"):
        list(open_table(tmp_path / "ragged.csv").batches(["a"]))


def test_times_need_a_zone() -> None:
    texts = {
        "2024-01-01T10:00Z": "2024-01-01T10:00",
        "2024-01-01 10:00:00+01:00": "2024-01-01T09:00",
        "2024-01-01T10:00:00.000000001-0230": "2024-01-01T12:30:00.000000001",
        "2024-01-01 10:00:00+00": "2024-01-01T10:00",
        "2024-01-01T10:00": None,
        "2024-01-01": None,
        "": None,
        "soon": None,
    }
    found = moments_of(pa.array([*texts, None]))
    assert found.sound.tolist() == [text is not None for text in texts.values()] + [False]
    assert found.zoneless.tolist() == [False] * 4 + [True, True, False, False, False]
    assert found.empty.tolist() == [False] * 6 + [True, False, True]
    assert found.wrong.tolist() == [False] * 7 + [True, False]
    expected = [np.datetime64(text, "ns").astype(np.int64) for text in texts.values() if text]
    assert found.times[found.sound].tolist() == expected


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_timestamps_of_every_unit_are_read_and_those_without_a_zone_refused(unit: str) -> None:
    moment = 1_704_103_200 * {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    column = pa.array([moment, None], pa.timestamp(unit, "Europe/Berlin"))
    found = moments_of(column)
    assert found.times.tolist() == [1_704_103_200 * 10**9, TIME_MIN]
    assert found.sound.tolist() == [True, False]
    assert moments_of(column.cast(pa.timestamp(unit))).zoneless.tolist() == [True, False]
    if unit != "ns":
        far = pa.array([1 << 62], pa.timestamp(unit, "UTC"))
        assert moments_of(far).wrong.tolist() == [True]
        assert cell_text(far, 0) == str(1 << 62)


def test_numbers_texts_and_missing_cells() -> None:
    numbers, wrong = numbers_of(pa.array(["1.5", " ", "-2e3", "many", None]))
    np.testing.assert_array_equal(numbers, [1.5, np.nan, -2000, np.nan, np.nan])
    assert wrong.tolist() == [False, False, False, True, False]
    assert numbers_of(pa.array([1, None]))[1].tolist() == [False, False]
    assert numbers_of(pa.array([[1.0], None]))[1].tolist() == [True, False]
    assert is_missing(pa.array([1.0, np.nan, None])).tolist() == [False, True, True]
    assert is_missing(pa.array(["a", " ", None])).tolist() == [False, True, True]
    assert is_missing(pa.array([1, None])).tolist() == [False, True]
    names, codes = texts_of(pa.array(["b", None, "a", "b"]).dictionary_encode())
    assert [names[code] for code in codes.tolist()] == ["b", "", "a", "b"]


def test_faults_are_counted_and_the_first_row_is_the_example(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a\n1\n")
    faults = TableFaults(open_table(tmp_path / "t.csv"))
    for start, bad in ((0, [False, False]), (2, [False, True]), (4, [True, True])):
        faults.note(np.array(bad), start, "a fault", lambda place: f"place {place}", "mend it")
    faults.add(1, 0, "a fault", "an earlier one", "mend it")
    assert faults.texts() == ["4 rows with a fault, first in line 2 (an earlier one): mend it"]


def test_only_an_unnamed_index_of_pandas_is_one(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0], "__index_level_0__": [1, 2], "time": [5, 6]})
    path = tmp_path / "table.parquet"
    for stored, found in (
        (frame.drop(columns="__index_level_0__").set_axis([1, 7]), ("__index_level_0__",)),
        (frame.set_index("time"), ()),
        (frame, ()),  # a column that a person named so
    ):
        stored.to_parquet(path)
        assert open_table(path).index_names == found
        assert set(found) <= set(open_table(path).names)
    pq.write_table(pa.table({"a": [1.0]}), path)
    assert open_table(path).index_names == ()
