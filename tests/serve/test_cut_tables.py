"""Cut tables hold exactly the rows known at the moment, in the format in which ingest writes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.serve.cut_tables import cut_tables, take_series
from hindcast.pipeline.tables import MANIFEST, read_manifest, read_table
from tests.raw.mock import HOUR, LONG, bytes_below, ingested, moment

FORECAST = {
    **LONG,
    "role": "forecast",
    "files": "guess.csv",
    "issue_time": {"column": "issued"},
    "known": {"at_issue_plus": "30min"},
    "values": {"guess": {"column": "guess"}},
}
METER = {**LONG, "files": "meter.csv", "known": {"column": "published"}, "group": {"column": "place"}}
START = moment("2024-01-01")


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """Two groups: of `late` nothing is known before the tenth hour, and `x` of `here` has revisions."""
    measured = [
        f"{place},{name},{time_of(hour)},{time_of(hour + 1 + late + first)},{hour + late}.5"
        for place, first in (("here", 0), ("late", 9))
        for name in ("x", "y")
        for hour in range(12)
        for late in ([0, 3] if name == "x" else [0])
    ]
    guessed = [
        f"x,{time_of(hour)},{time_of(hour + lead)},{lead}" for hour in range(0, 12, 3) for lead in range(1, 6)
    ]
    files = {
        "meter.csv": "\n".join(["place,name,time,published,load", *measured]),
        "guess.csv": "\n".join(["name,issued,time,guess", *guessed]),
    }
    ingested(tmp_path, files, {"meter": METER, "guess": FORECAST})
    return tmp_path / "data/tables"


def time_of(hour: int) -> str:
    return f"{np.datetime64(START + hour * HOUR, 'ns').astype('datetime64[s]')}Z"


@pytest.mark.parametrize("after", [-1, 0, 1, HOUR // 2, 4 * HOUR, 10 * HOUR - 1, 10 * HOUR, 40 * HOUR])
def test_the_rows_are_those_known_at_the_moment(after: int, tables: Path, tmp_path: Path) -> None:
    cut_tables(tables, START + after, tmp_path / "cut")
    compared = 0
    for source, entry in read_manifest(tables)["sources"].items():
        assert read_manifest(tmp_path / "cut")["sources"][source]["values"] == entry["values"]
        for group in entry["groups"]:
            whole, cut = read_table(tables, source, group), read_table(tmp_path / "cut", source, group)
            assert whole is not None
            known = whole[whole["known_time"] <= START + after].reset_index(drop=True)
            compared += len(whole)
            if not len(known):
                assert cut is None
                continue
            assert cut is not None
            assert cut.astype({"series": str}).equals(known.astype({"series": str}))
    assert compared > 90


def test_tables_that_are_known_as_a_whole_keep_their_bytes(tables: Path, tmp_path: Path) -> None:
    before = bytes_below(tables)
    cut_tables(tables, START + 100 * HOUR, tmp_path / "other/tables")
    assert bytes_below(tmp_path / "other/tables") == before
    assert len(before) == 4


def test_a_second_cut_of_a_cut_equals_the_earlier_one(tables: Path, tmp_path: Path) -> None:
    cut_tables(tables, START + 5 * HOUR, tmp_path / "at_once/tables")
    cut_tables(tables, START + 11 * HOUR, tmp_path / "twice/tables")
    cut_tables(tmp_path / "twice/tables", START + 5 * HOUR, tmp_path / "twice/tables")
    assert bytes_below(tmp_path / "twice/tables") == bytes_below(tmp_path / "at_once/tables")


def test_a_damaged_table_is_named_and_nothing_is_replaced(tables: Path, tmp_path: Path) -> None:
    cut_tables(tables, START, tmp_path / "cut")
    before = bytes_below(tmp_path / "cut")
    (path,) = (tables / "guess").glob("*.parquet")
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(FormatError, match=r"guess/here\.parquet is damaged"):
        cut_tables(tables, START + HOUR, tmp_path / "cut")
    assert bytes_below(tmp_path / "cut") == before
    assert (tmp_path / "cut" / MANIFEST).is_file()


def test_some_series_are_taken_with_the_rows_for_every_series(tables: Path, tmp_path: Path) -> None:
    take_series(tables, {"here": ["y", "z"]}, tmp_path / "some")
    found = read_manifest(tmp_path / "some")["sources"]
    assert {source: list(entry["groups"]) for source, entry in found.items()} == {
        "meter": ["here"],
        "guess": [],
    }
    whole, some = read_table(tables, "meter", "here"), read_table(tmp_path / "some", "meter", "here")
    assert whole is not None
    assert some is not None
    due = whole[whole["series"] == "y"].reset_index(drop=True)
    assert some.astype({"series": str}).equals(due.astype({"series": str}))
    assert len(due) == found["meter"]["groups"]["here"]["rows"] == 12
    take_series(tables, {"here": None, "late": None}, tmp_path / "all/tables")
    assert bytes_below(tmp_path / "all/tables") == bytes_below(tables)
