from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from hindcast.pipeline.arrays import BufferPool, Key
from hindcast.pipeline.raw.cache_entries import (
    REJECTS_NAME,
    ParsedFile,
    describe_file,
    file_entry_name,
    load_file,
)
from hindcast.pipeline.raw.records import Records
from hindcast.pipeline.raw.reject_rules import NUMBER
from hindcast.pipeline.raw.sorted_runs import Run, RunWriter, make_run

KEYS: list[Key] = [("g", "a"), ("g", "b"), ("h", "a")]


def make_runs(blocks: list[list[tuple[int, int]]], buffers: BufferPool, folder: Path) -> list[Run]:
    """Runs in memory of blocks of (key, time)."""
    with ThreadPoolExecutor(1) as pool:
        writer = RunWriter(folder, pool, buffers, 1 << 20)
        for rows in blocks:
            keys, times = (np.array(column) for column in zip(*rows, strict=True))
            line = np.arange(len(rows))
            writer.add(make_run(KEYS, Records(keys.astype(np.int32), line, (times,), (times / 2,)), buffers))
        return writer.close()


def parsed_file(folder: Path, blocks: list[list[tuple[int, int]]], buffers: BufferPool) -> ParsedFile:
    folder.mkdir()
    runs = make_runs(blocks, buffers, folder)
    return ParsedFile("key", folder, 3, {}, ["g", "h"], [], runs, fresh=True)


@pytest.fixture
def buffers() -> BufferPool:
    """A pool that keeps all runs of these tests in memory."""
    return BufferPool(1 << 20)


ROWS = [[(0, 1), (1, 1), (2, 5)], [(0, 2)]]


def test_a_described_file_is_loaded_as_it_was(tmp_path: Path, buffers: BufferPool) -> None:
    parsed = parsed_file(tmp_path / "entry", ROWS, buffers)
    parsed.rules = {NUMBER: 2}
    (parsed.folder / REJECTS_NAME).write_bytes(b"rejected rows")
    describe_file(parsed, "entry")
    loaded = load_file("key", parsed.folder)
    assert loaded is not None
    assert (loaded.read, loaded.rules, loaded.groups, loaded.runs) == (3, {NUMBER: 2}, ["g", "h"], None)
    assert not loaded.has_intact_rows({"g"})
    (parsed.folder / REJECTS_NAME).write_bytes(b"damaged rows")
    assert load_file("key", parsed.folder) is None


def test_kept_rows_are_part_of_the_entry_and_dropped_ones_leave_memory_and_disk(
    tmp_path: Path, buffers: BufferPool
) -> None:
    kept, dropped = (parsed_file(tmp_path / name, ROWS, buffers) for name in ("kept", "dropped"))
    taken = (1 << 20) - sum(run.nbytes for parsed in (kept, dropped) for run in parsed.runs or [])
    assert not buffers.reserve(taken + 1)
    kept.keep_rows()
    describe_file(kept, "kept")
    for parsed in (kept, dropped):
        parsed.drop_rows(buffers)
        assert parsed.runs is None
    assert buffers.reserve(1 << 20)
    assert not list((tmp_path / "dropped").iterdir())
    loaded = load_file("key", kept.folder)
    assert loaded is not None
    assert loaded.has_intact_rows({"g", "h"})
    assert [run.read_keys(0, len(run.keys))[1].tolist() for run in loaded.runs or []] == [[1, 1, 5], [2]]


def test_damaged_rows_are_found_by_group(tmp_path: Path, buffers: BufferPool) -> None:
    parsed = parsed_file(tmp_path / "entry", ROWS, buffers)
    parsed.keep_rows()
    describe_file(parsed, "entry")
    path = max(parsed.folder.glob("run_*"))  # of rows of g alone
    path.write_bytes(b"\1" + path.read_bytes()[1:])
    loaded = load_file("key", parsed.folder)
    assert loaded is not None
    assert loaded.has_intact_rows({"h"})
    assert not loaded.has_intact_rows({"g"})


def test_the_digest_of_a_group_does_not_depend_on_how_rows_were_divided_into_runs(
    tmp_path: Path, buffers: BufferPool
) -> None:
    divided = parsed_file(tmp_path / "a", [[(0, 1)], [(0, 2)], [(1, 1)]], buffers)
    whole = parsed_file(tmp_path / "b", [[(0, 1), (0, 2), (1, 1)]], buffers)
    for parsed in (divided, whole):
        for run in parsed.runs or []:
            assert run.block is not None
            run.block[0] = 7  # the line numbers
        parsed.keep_rows()
    assert divided.part("g") == whole.part("g") != "key"
    assert divided.part("unknown") == "key"


def test_the_name_of_an_entry_begins_with_the_size_of_its_file() -> None:
    assert file_entry_name("abc", 12).startswith(file_entry_name("", 12))
    assert not file_entry_name("abc", 123).startswith(file_entry_name("", 12))
