"""Cut files hold exactly the lines of which something was known at the moment, and give the same tables of what was known."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hindcast.pipeline.raw.ingest import ingest
from hindcast.pipeline.serve.cut_files import CutFiles
from hindcast.pipeline.serve.cut_tables import cut_tables
from hindcast.pipeline.tables import read_manifest, read_table
from tests.raw.mock import HOUR, LONG, mock_params, moment, write_files

START = moment("2024-10-26")
MOMENTS = [-HOUR, 0, 1, HOUR, 5 * HOUR + 1, 11 * HOUR, 26 * HOUR, 27 * HOUR, 30 * HOUR, 48 * HOUR, 100 * HOUR]


def time_of(hour: int) -> str:
    return f"{np.datetime64(START + hour * HOUR, 'ns').astype('datetime64[s]')}Z"


def local_of(hour: int) -> str:
    return pd.Timestamp(START + hour * HOUR, tz="UTC").tz_convert("Europe/Berlin").strftime("%Y-%m-%d %H:%M")


WIDE: dict[str, Any] = {
    **{key: value for key, value in LONG.items() if key != "series"},
    "files": "wide.csv",
    "values": {"load": {"header": "^load (?P<series>.+)$"}},
}
AHEAD: dict[str, Any] = {
    **WIDE,
    "role": "forecast",
    "known": {"day": -1, "at": "10:00", "zone": "group"},
    "values": {"guess": {"header": "^guess (?P<series>.+)$"}},
}
CLOCKED: dict[str, Any] = {
    **LONG,
    "files": "local/*.csv",
    "valid_time": {"column": "time", "format": "%Y-%m-%d %H:%M", "zone": "group", "ambiguous": "in_order"},
}


def cut(folder: Path, params: Any, after: int, name: str = "cut") -> Path:
    """The cut files as raw files of a project of their own, ingested."""
    files = CutFiles(params, folder, folder / "scratch")
    files.write(START + after, folder / name / "raw")
    ingest(params, folder / name)
    return folder / name


def known(tables: Path, after: int, into: Path) -> dict[tuple[str, str], pd.DataFrame]:
    cut_tables(tables, START + after, into)
    found = {}
    for source, entry in read_manifest(into)["sources"].items():
        for group in entry["groups"]:
            table = read_table(into, source, group)
            assert table is not None
            found[source, group] = table.astype({"series": str})
    return found


@pytest.mark.parametrize("after", MOMENTS[1:])
def test_ingest_reads_from_cut_files_what_was_known(after: int, tmp_path: Path) -> None:
    wide = [f"{time_of(hour)},{hour},{hour + 1},{hour * 2}" for hour in range(60)]
    wide[20] = "not a time,1,2,3"
    local = [f"x,{local_of(hour)},{hour}.25" for hour in range(60)]  # an hour occurs twice
    write_files(
        tmp_path,
        {
            "wide.csv": "\n".join(["time,load a,load b,guess a", *wide]) + "\n",
            "local/1.csv": "\r\n".join(["name,time,load", *local[:7]]),
            "local/2.csv": "\n".join(["name,time,load", *local[7:]]),
        },
    )
    params = mock_params({"wide": WIDE, "ahead": AHEAD, "local": CLOCKED}, zone="Europe/Berlin")
    ingest(params, tmp_path)
    made = cut(tmp_path, params, after)
    due = known(tmp_path / "data/tables", after, tmp_path / "due")
    found = known(made / "data/tables", after, tmp_path / "found")
    assert found.keys() == due.keys()
    assert len(due) == (3 if after >= 2 * HOUR else 1), (
        "of two sources nothing is known in the first two hours"
    )
    for key, table in due.items():
        pd.testing.assert_frame_equal(found[key], table)


@pytest.mark.parametrize("after", MOMENTS)
def test_a_line_stays_if_one_of_its_values_was_known(after: int, tmp_path: Path) -> None:
    lines = [f"{name},{time_of(hour)},{hour}" for hour in (5, 1, 3, 2, 4, 0) for name in ("x", "y")]
    text = "\n".join(["name,time,load", *lines[:3], "x,never,1", "", *lines[3:]])
    write_files(tmp_path, {"a.csv": text, "b.csv": "name,time,load\nz,2024-12-01T00:00Z,1\n"})
    params = mock_params({"meter": LONG})
    (tmp_path / "cut").mkdir()
    outcome = CutFiles(params, tmp_path, tmp_path / "scratch").write(START + after, tmp_path / "cut")
    kept = [line for line in lines if moment(line.split(",")[1][:-1]) + 2 * HOUR <= START + after]
    first = [line for line in lines if time_of(0) in line]
    found = (tmp_path / "cut/a.csv").read_text().splitlines()
    assert found[0] == "name,time,load", "a source has a file, with the lines known first if none was"
    assert [line for line in found[1:] if line and "never" not in line] == (kept or first)
    assert ("x,never,1" in found) == (lines[2] in kept), "a line without a value goes with the line above"
    assert not (tmp_path / "cut/b.csv").exists()
    assert outcome.files_left_out == 1
    assert outcome.mixed == (0 if kept else len(first))


def test_lines_with_several_moments_are_counted(tmp_path: Path) -> None:
    lines = [f"{time_of(hour)},{hour},{hour}" for hour in range(48)]
    write_files(tmp_path, {"wide.csv": "\n".join(["time,load a,guess a", *lines])})
    params = mock_params({"wide": WIDE, "ahead": AHEAD})
    (tmp_path / "cut").mkdir()
    outcome = CutFiles(params, tmp_path, tmp_path / "scratch").write(START + 11 * HOUR, tmp_path / "cut")
    # forecast for both days known by 10:00 of the first, measurements of the first ten hours
    assert (outcome.lines_left_out, outcome.mixed) == (0, 38)


def test_parquet_files_are_cut_and_compressed_ones_are_used_whole(tmp_path: Path) -> None:
    frame = pd.DataFrame({"name": "x", "time": [time_of(hour) for hour in range(10)], "load": range(10)})
    (tmp_path / "raw").mkdir()
    frame.to_parquet(tmp_path / "raw/a.parquet")
    (tmp_path / "raw/b.csv.gz").write_bytes(
        gzip.compress(frame.assign(name="y").to_csv(index=False).encode())
    )
    params = mock_params({"meter": {**LONG, "files": ["*.parquet", "*.csv.gz"]}})
    (tmp_path / "cut").mkdir()
    outcome = CutFiles(params, tmp_path, tmp_path / "scratch").write(START + 6 * HOUR, tmp_path / "cut")
    assert (outcome.lines_left_out, outcome.whole) == (5, 1)
    assert pd.read_parquet(tmp_path / "cut/a.parquet")["load"].tolist() == list(range(5))
    assert (tmp_path / "cut/b.csv.gz").read_bytes() == (tmp_path / "raw/b.csv.gz").read_bytes()
