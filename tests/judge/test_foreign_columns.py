"""Columns of CSV and Parquet become the same arrays; cells that are none are marked."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hindcast.pipeline.errors import FormatError, MissingInputError
from hindcast.pipeline.judge.foreign_columns import numbers_of, read_columns, texts_of, times_of


def read(path: Path) -> tuple[dict[str, pa.Array], list[str]]:
    return read_columns(path, ["series", "a"], lambda name: name in {"value", "b"})


def test_csv_cells_are_texts_and_null_words_are_names(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('series,value,note\nNA,1,x\n"a,b",,\n007,2.5,y\n', encoding="utf-8")
    columns, names = read(path)
    assert names == ["series", "value", "note"]
    assert set(columns) == {"series", "value"}
    assert columns["series"].to_pylist() == ["NA", "a,b", "007"]
    numbers, bad = numbers_of(columns["value"])
    np.testing.assert_array_equal(numbers, [1, np.nan, 2.5])
    assert not bad.any()


def test_times_of_every_kind_are_utc() -> None:
    texts = pa.array(
        ["2024-10-01T12:00+02:00", "2024-10-01 10:00", "2024-10-01T10:00:00.000000001Z", "soon", ""]
    )
    times, bad = times_of(texts)
    start = 1_727_776_800_000_000_000
    assert times[:3].tolist() == [start, start, start + 1]
    assert bad.tolist() == [False, False, False, True, True]
    stamp = dt.datetime(2024, 10, 1, 10)  # noqa: DTZ001 (without a zone on purpose)
    for kind in (pa.timestamp("s"), pa.timestamp("us", "Europe/Berlin"), pa.timestamp("ns", "UTC")):
        times, bad = times_of(pa.array([stamp, None], kind))
        assert (times[0], bad.tolist()) == (start, [False, True])


def test_numbers_that_are_none_are_marked() -> None:
    numbers, bad = numbers_of(pa.array(["1", "x", " ", "inf", "-2e3"]))
    np.testing.assert_array_equal(bad, [False, True, False, True, False])
    np.testing.assert_array_equal(numbers[[0, 4]], [1, -2000])
    numbers, bad = numbers_of(pa.array([1.5, None, np.inf, np.nan]))
    assert bad.tolist() == [False, False, True, False]
    assert numbers_of(pa.array([3], pa.int32()))[0].tolist() == [3.0]


def test_texts_may_be_integers_categories_or_absent() -> None:
    for column in (pa.array([7, None, 7]), pa.array(["7", None, "7"]).dictionary_encode()):
        texts = texts_of(column)
        assert [texts.names[code] for code in texts.codes] == ["7", "", "7"]


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="is missing: --forecasts names a CSV or Parquet file"):
        read(tmp_path / "nothing.csv")
    for name, content in (("a.parquet", b"PAR?"), ("a.csv", b""), ("b.csv", b"a,b\n1,2\n3\n")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(FormatError, match="must be CSV with a heading line, or Parquet"):
            read(tmp_path / name)
    (tmp_path / "c.csv").write_text("a,b,a\n1,2,3\n")
    with pytest.raises(FormatError, match="has several columns a"):
        read(tmp_path / "c.csv")
    pq.write_table(pa.table({"series": pa.array([], pa.string())}), tmp_path / "d.parquet")
    with pytest.raises(FormatError, match="has no rows"):
        read(tmp_path / "d.parquet")
