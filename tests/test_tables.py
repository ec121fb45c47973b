from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline import tables as module
from hindcast.pipeline.errors import FormatError, MissingInputError
from hindcast.pipeline.files import digest_of_file, write_json
from hindcast.pipeline.tables import (
    FORMAT,
    MANIFEST,
    ROWS_A_PIECE,
    STAMP,
    TIMES,
    TableReader,
    TableWriter,
    newest_known,
    read_flags,
    read_manifest,
    read_table,
    write_flags,
)
from tests.examples import examples
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


def test_flipped_bits_and_cuts_of_a_table_are_named_with_the_stage(tmp_path: Path) -> None:
    lines = [f"x,2024-01-{day:02}T00:00Z,{day * 1.37}" for day in range(1, 29)]
    ingested(tmp_path, {"a.csv": "\n".join(["name,time,load", *lines])})
    folder = tmp_path / "data/tables"
    path, random = folder / "meter/here.parquet", np.random.default_rng(11)
    image = path.read_bytes()
    for place in random.integers(0, len(image), 70).tolist():
        flipped = bytearray(image)
        flipped[place] ^= 1 << int(random.integers(8))
        for damaged in (bytes(flipped), image[:place]):
            path.unlink()  # the cache has a link to the file
            path.write_bytes(damaged)
            with pytest.raises(
                FormatError, match=r"here\.parquet is damaged or was edited.*run the stage `ingest` again"
            ):
                read_table(folder, "meter", "here")


NAMES = st.sampled_from(["", "a", "B", "é", "a/b"])
INTERVALS = st.tuples(*[NAMES] * 5, st.integers(-(2**62), 2**62), st.integers(1, 2**60))


@given(rows=st.lists(INTERVALS, max_size=8), order=st.randoms(use_true_random=False))
def test_flags_come_back_sorted_and_their_bytes_do_not_depend_on_the_order_of_rows(
    rows: list[tuple[str, str, str, str, str, int, int]], order, tmp_path: Path
) -> None:
    rows = [(*row[:5], row[5], row[5] + row[6]) for row in rows]
    write_flags(tmp_path / "a.parquet", rows)
    shuffled = rows.copy()
    order.shuffle(shuffled)
    write_flags(tmp_path / "b.parquet", shuffled)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    found = read_flags(tmp_path / "a.parquet")
    assert list(found.columns) == [*module.FLAG_TEXTS, *module.FLAG_TIMES]
    assert [str(found[name].dtype) for name in module.FLAG_TIMES] == ["int64", "int64"]
    # (source, group, series, value, from, until, reason)
    expected = sorted(rows, key=lambda row: (*row[:4], *row[5:], row[4]))
    assert list(found.itertuples(index=False, name=None)) == expected


def test_flags_of_nothing_are_an_empty_table(tmp_path: Path) -> None:
    write_flags(tmp_path / "flags.parquet", [])
    assert len(read_flags(tmp_path / "flags.parquet")) == 0


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def _flip_a_bit_of_the_rows(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[bytes(data).index(b"outlier") + 2] ^= 1
    path.write_bytes(data)


def _other_columns(path: Path) -> None:
    pq.write_table(pa.table({"source": ["load"]}), path)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_cut, "is damaged"),
        (_flip_a_bit_of_the_rows, "is damaged"),
        (_other_columns, "the columns must be source, group, .* found source string"),
    ],
)
def test_damaged_flags_name_the_file_and_the_stage(
    damage: Callable[[Path], None], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "flags.parquet"
    write_flags(path, [("meter", "here", "x", "load", "outlier", 0, 1)])
    damage(path)
    with pytest.raises(FormatError, match=rf"flags\.parquet:? {message}.*run the stage `ingest` again"):
        read_flags(path)
    path.unlink()
    with pytest.raises(MissingInputError, match=r"flags\.parquet is missing: run the stage `ingest` again"):
        read_flags(path)


def test_a_table_that_cannot_be_written_fails_with_the_first_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        def write_table(self, *_: object, **__: object) -> None:
            raise OSError(28, "No space left on device")

        def close(self) -> None:
            raise pa.ArrowInvalid("Operation on closed file")

    monkeypatch.setattr(pq, "ParquetWriter", lambda *_, **__: Full())
    monkeypatch.setattr(module, "ROWS_A_PIECE", 1)
    with (
        pytest.raises(OSError, match="No space left"),
        closing(TableWriter(tmp_path / "x.parquet", SCHEMA)) as writer,
    ):
        writer.write(pa.table({"series": ["a"], "x": [1.0]}, SCHEMA))


def test_the_newest_known_time_is_that_of_a_row_with_a_value(tmp_path: Path) -> None:
    """Rows without any value do not count, in whichever part of whichever file they stand."""
    random = np.random.default_rng(3)
    files: dict[str, dict[str, str]] = {}
    due = 0
    for number, group in enumerate(("a", "b", "c")):
        rows = 3 * ROWS_A_PIECE // 2
        known = random.permutation(rows).astype(np.int64) + 100 * number
        value = np.where(random.random(rows) < 0.001, 1.0, np.nan)
        if group == "c":
            value[:] = np.nan  # the newest rows of all, without a value
        table = pa.table({"series": ["s"] * rows, "known_time": known, "load": value})
        pq.write_table(table, tmp_path / f"{group}.parquet", row_group_size=ROWS_A_PIECE)
        files[group] = {"file": f"{group}.parquet"}
        if np.isfinite(value).any():
            due = max(due, int(known[np.isfinite(value)].max()))
    write_json(tmp_path / MANIFEST, {"format": FORMAT, "sources": {"meter": {"groups": files}}})
    assert newest_known(tmp_path, ["meter", "absent"]) == due
    assert newest_known(tmp_path, ["absent"]) is None


@given(
    rows=st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 30), st.integers(0, 30)), max_size=12),
    since=st.integers(0, 31),
)
@examples(40)
def test_the_recent_rows_of_a_table_are_those_that_are_valid_or_known_then(
    rows: list[tuple[str, int, int]], since: int
) -> None:
    schema = pa.schema(
        [pa.field("series", pa.string()), *(pa.field(name, STAMP) for name in TIMES[1:]), ("x", pa.float64())]
    )
    columns = [
        pa.array([row[0] for row in rows], pa.string()),
        *(pa.array([row[place] for row in rows], pa.int64()).cast(STAMP) for place in (1, 2)),
        pa.array([float(place) for place in range(len(rows))]),
    ]
    out = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_arrays(columns, schema=schema), out, row_group_size=3)
    found = TableReader(out.getvalue().to_pybytes()).read_since(since)
    kept = [(*row, float(place)) for place, row in enumerate(rows) if max(row[1:]) >= since]
    assert [tuple(row) for row in found.itertuples(index=False)] == kept
    assert found["series"].dtype == "category"
    assert [found[name].dtype for name in ("valid_time", "known_time", "x")] == [np.int64, np.int64, float]
