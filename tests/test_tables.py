from __future__ import annotations

from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline import tables as module
from hindcast.pipeline.errors import FormatError, MissingInputError
from hindcast.pipeline.files import digest_of_file, write_json
from hindcast.pipeline.tables import MANIFEST, TableWriter, read_manifest, read_table
from tests.raw.mock import LONG, ingested

SCHEMA = pa.schema([pa.field("series", pa.string(), nullable=False), pa.field("x", pa.float64())])


@given(cuts=st.lists(st.integers(0, 30), max_size=5))
def test_bytes_do_not_depend_on_the_pieces_in_which_rows_arrive(
    cuts: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ROWS_A_PIECE", 7)
    whole = pa.table(
        {"series": [str(row % 3) for row in range(30)], "x": [None, *map(float, range(29))]}, SCHEMA
    )
    with closing(TableWriter(tmp_path / "whole.parquet", SCHEMA)) as writer:
        writer.write(whole)
    borders = [0, *sorted(cuts), 30]
    with closing(TableWriter(tmp_path / "pieces.parquet", SCHEMA)) as writer:
        for start, stop in pairwise(borders):
            writer.write(whole.slice(start, stop - start))
    assert writer.rows == 30
    assert (tmp_path / "whole.parquet").read_bytes() == (tmp_path / "pieces.parquet").read_bytes()


def test_the_manifest_names_every_table_with_rows_and_digest(tmp_path: Path) -> None:
    source = {**LONG, "group": {"column": "group"}}
    lines = ["a/b,x,2024-01-01T00:00Z,1", "..,x,2024-01-01T00:00Z,1", "..,y,2024-01-01T00:00Z,1"]
    ingested(tmp_path, {"a.csv": "\n".join(["group,name,time,load", *lines])}, {"meter": source})
    folder = tmp_path / "data/tables"
    entry = read_manifest(folder)["sources"]["meter"]
    assert (entry["role"], entry["values"], list(entry["groups"])) == ("realized", ["load"], ["..", "a/b"])
    assert [group["rows"] for group in entry["groups"].values()] == [2, 1]
    for group in entry["groups"].values():
        assert digest_of_file(folder / group["file"]) == group["digest"]
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    assert files == ["meter/%2E%2E.parquet", "meter/a%2Fb.parquet", MANIFEST]


def test_a_group_or_source_without_rows_has_no_table(tmp_path: Path) -> None:
    ingested(tmp_path, {"a.csv": "name,time,load\nx,2024-01-01T00:00Z,1\n"})
    assert read_table(tmp_path / "data/tables", "meter", "nowhere") is None
    assert read_table(tmp_path / "data/tables", "nothing", "here") is None


def test_absent_damaged_and_incompatible_tables_are_named(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match=r"tables\.json is missing"):
        read_manifest(tmp_path)
    ingested(tmp_path, {"a.csv": "name,time,load\nx,2024-01-01T00:00Z,1\n"})
    folder = tmp_path / "data/tables"
    (folder / "meter/here.parquet").write_bytes(b"PAR1 but not really")
    with pytest.raises(FormatError, match=r"here\.parquet is damaged"):
        read_table(folder, "meter", "here")
    (folder / "meter/here.parquet").unlink()
    with pytest.raises(MissingInputError, match=r"here\.parquet is missing"):
        read_table(folder, "meter", "here")
    write_json(folder / MANIFEST, {"format": "other/1"})
    with pytest.raises(FormatError, match="found 'other/1'"):
        read_manifest(folder)
