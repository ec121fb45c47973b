"""A Parquet file is inspected as the CSV file of the same data is."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.inspect.inspect_files import Inspection, inspect_files
from hindcast.pipeline.inspect.parquet_sample import sample_parquet
from tests.inspect.mock import hours, questions, seen, values

DAYS = 40


def long(zone: str | None = "UTC", **changes: Any) -> pd.DataFrame:
    """Hourly rows of two series with their forecasts' names; without a zone, wall time in Madrid over a clock change."""
    stamps = hours("2022-03-01", 24 * DAYS, zone or "Europe/Madrid")
    stamps = stamps if zone else stamps.tz_localize(None)
    frame = pd.DataFrame({"time": stamps, "load": values(len(stamps))})
    parts = [
        frame.assign(area=name, load=(frame["load"] * scale).round(2))
        for name, scale in (("north", 1), ("south", 3))
    ]
    return pd.concat(parts, ignore_index=True)[["area", "time", "load"]].assign(**changes)


def parquet(frame: pd.DataFrame, **options: Any) -> bytes:
    """The bytes of a Parquet file."""
    sink = io.BytesIO()
    frame.to_parquet(sink, index=False, **options)
    return sink.getvalue()


def both(folder: Path, frame: pd.DataFrame, **options: Any) -> tuple[Inspection, Inspection]:
    """The same table inspected as CSV and as Parquet."""
    content = frame.to_csv(index=False)
    return (
        seen(folder / "lines", load_csv=content),
        seen(folder / "typed", **{"load.parquet": parquet(frame, **options)}),
    )


def text(inspection: Inspection) -> str:
    return inspection.require_proposal().text.replace(".parquet", ".csv").replace("/typed/", "/lines/")


FRAMES = {
    "zoned": long(),
    "naive": long(None),
    "categories": long(None, area=pd.Categorical(long()["area"])),
    "integers": long(load=lambda frame: (frame["load"] * 10).astype("int32")),
    "gaps": long(load=lambda frame: frame["load"].where(np.arange(len(frame)) % 50 > 3)),
    "days": pd.DataFrame({"day": pd.date_range("2020-01-01", periods=800), "load": values(800)}),
    "forecast": pd.DataFrame(
        {
            "issued": np.repeat(hours(count=60)[::24], 24),
            "valid": [issue + pd.Timedelta(hours=lead) for issue in hours(count=60)[::24] for lead in range(1, 25)],
            "forecast": values(3 * 24),
        }
    ),
    "wide": pd.DataFrame({"time": hours(), "north": values(720), "south": values(720, 70.0)}),
}  # fmt: skip


@pytest.mark.parametrize("name", FRAMES)
def test_the_proposal_is_that_of_the_same_data_as_csv(name: str, tmp_path: Path) -> None:
    lines, typed = both(tmp_path, FRAMES[name], row_group_size=100)
    assert text(typed) == text(lines)
    assert [[*row[:2], *row[2:7]] for row in typed.tables()[0][2]] == [
        [row[0].replace(".csv", ".parquet"), *row[1:7]] for row in lines.tables()[0][2]
    ]
    assert typed.files[0].dialect == "Parquet"


def test_only_stamps_without_a_zone_need_one(tmp_path: Path) -> None:
    for zone, asked in (("UTC", False), ("Europe/Madrid", False), (None, True)):
        found = seen(tmp_path / str(zone).replace("/", "-"), **{"a.parquet": parquet(long(zone))})
        assert ("zone: Europe/" in found.require_proposal().text.partition("valid_time")[2]) == asked


def test_float32_columns_are_read_as_the_decimals_that_they_stand_for(tmp_path: Path) -> None:
    frame = long().astype({"load": "float32"})
    lines, typed = both(tmp_path, frame)
    assert text(typed) == text(lines)


def test_nested_columns_are_named_and_left_out(tmp_path: Path) -> None:
    frame = long().assign(parts=pd.Series([[1.0]] * (2 * 24 * DAYS), dtype=object))
    found = seen(tmp_path, **{"a.parquet": parquet(frame)})
    assert any(
        "columns that hold several values per row are not used: 'parts'" in each for each in questions(found)
    )
    assert "parts" not in found.require_proposal().text.partition("valid_time")[2]


@pytest.mark.parametrize("separator", [",", ";"])
def test_csv_and_parquet_files_with_one_header_are_one_source(separator: str, tmp_path: Path) -> None:
    frame = long()
    first, rest = frame.iloc[::2], frame.iloc[1::2]
    content = first.to_csv(index=False, sep=separator, decimal="," if separator == ";" else ".")
    files: dict[str, str | bytes] = {"load1_csv": content, "load2.parquet": parquet(rest)}
    found = seen(tmp_path, **files)
    proposal = found.require_proposal().text
    assert proposal.count("\n      role: ") == 1
    assert "load1.csv" in proposal
    assert "load2.parquet" in proposal
    assert not any("would be quarantined" in each for each in questions(found))


def test_a_sample_is_the_beginning_the_end_and_pieces_between(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    count = 10_000
    pq.write_table(pa.table({"t": range(count), "x": range(count)}), path, row_group_size=300)
    found = sample_parquet(path, 2 * 8 * 800)
    rows = np.array(found.cells.columns[0].to_pylist(), np.int64)
    piece = found.cells.piece
    assert 700 < len(rows) <= 800
    assert rows[0] == 0
    assert rows[-1] == count - 1
    assert len(set(piece.tolist())) == 8
    assert (np.diff(rows)[np.diff(piece) == 0] == 1).all()
    assert found.share == len(rows) / count


def test_a_small_file_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"t": range(100), "x": range(100)}), path, row_group_size=7)
    found = sample_parquet(path, 1 << 20)
    assert (found.share, found.cells.rows, set(found.cells.piece.tolist())) == (1.0, 100, {0})


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        (pa.table({"t": [1]}), "1 have one value per row"),
        (
            pa.table({"t": pa.array([], pa.int64()), "x": pa.array([], pa.float64())}),
            "contains columns but no rows",
        ),
    ],
)
def test_files_that_cannot_be_a_table_of_series(table: pa.Table, fault: str, tmp_path: Path) -> None:
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(RawDataError, match=fault):
        inspect_files([tmp_path])


def test_rows_that_are_not_utf_8_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(
        pa.table({"name": pa.array([b"a", b"\xff", b"b"], pa.binary()), "x": [1.5, 2.5, 3.5]}), path
    )
    found = sample_parquet(path, 1 << 20)
    assert [column.to_pylist() for column in found.cells.columns] == [["a", "b"], ["1.5", "3.5"]]
    assert found.cells.ragged == 1
