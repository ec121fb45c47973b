"""A clone that pulled the outputs of ingest, notes included, reads only the files of groups that changed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hindcast.pipeline.raw import cache_entries, cache_notes, reading, source_ingest
from hindcast.pipeline.raw.cache_notes import NOTES
from hindcast.pipeline.raw.ingest import ingest
from tests.raw.mock import LONG, bytes_below, mock_params, write_files

HEADER = "name,time,load\n"
BY_FOLDER = {**LONG, "files": "*/*.csv", "group": {"path": "^([^/]+)/"}}
PARAMS = mock_params({"meter": BY_FOLDER}, max_bad_fraction=0.9)
FILES = {
    "A/1.csv": HEADER + "s,2024-01-01T00:00Z,1\ns,2024-01-01T01:00Z,many\n",
    "A/2.csv": HEADER + "s,2024-01-01T02:00Z,3\ns,2024-01-01T02:00Z,4\ns,2024-01-01T03:00Z,5\n",
    "B/1.csv": HEADER
    + "s,2024-01-01T00:00Z,7\nt,not a time,7\nt,2024-01-01T00:00Z,7\nt,2024-01-01T00:00Z,8\n",
    "C/1.csv": HEADER + "s,2024-01-01T00:00Z,9\n",
    "C/2.csv": HEADER + "s,2024-01-01T01:00Z,10\n",
}


@pytest.fixture
def second(tmp_path: Path) -> Path:
    """What a second clone has after `dvc pull`: raw files and outputs, no cache."""
    write_files(tmp_path / "first", FILES)
    ingest(PARAMS, tmp_path / "first")
    shutil.copytree(tmp_path / "first", tmp_path / "second", ignore=shutil.ignore_patterns(".hindcast"))
    return tmp_path / "second"


def work(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], list[str]]:
    """Ingest in the clone: the files that were read, for rows or texts, and the groups that were merged."""
    opened: list[str] = []
    merged: list[str] = []
    blocks, make = reading.DataBlocks, cache_entries.make_table

    def open_blocks(layout: Any, *rest: Any) -> Any:
        opened.append(layout.file.name)
        return blocks(layout, *rest)

    def make_table(context: Any, rows: Any) -> Any:
        merged.append(rows.group)
        return make(context, rows)

    for module in (reading, source_ingest):
        monkeypatch.setattr(module, "DataBlocks", open_blocks)
    monkeypatch.setattr(source_ingest, "make_table", make_table)
    ingest(PARAMS, folder)
    return sorted(set(opened)), sorted(merged)


def clean_bytes(folder: Path, elsewhere: Path) -> dict[str, bytes]:
    """The outputs of a clean build of a folder's raw files."""
    shutil.copytree(folder / "raw", elsewhere / "raw")
    ingest(PARAMS, elsewhere)
    return bytes_below(elsewhere / "data", elsewhere / "reports")


def test_a_clone_reads_nothing_where_nothing_changed(second: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = bytes_below(second / "data", second / "reports")
    assert len(before) > 8
    assert work(second, monkeypatch) == ([], [])
    assert bytes_below(second / "data", second / "reports") == before


@pytest.mark.parametrize(
    ("changes", "read", "merged"),
    [
        ({"C/2.csv": HEADER + "s,2024-01-01T01:00Z,11\n"}, ["C/1.csv", "C/2.csv"], ["C"]),
        ({"A/2.csv": HEADER + "s,2024-01-01T02:00Z,3\n"}, ["A/1.csv", "A/2.csv"], ["A"]),
        ({"B/1.csv": HEADER + "s,2024-01-01T00:00Z,8\n"}, ["B/1.csv"], ["B"]),
        ({"D/1.csv": HEADER + "s,2024-01-01T00:00Z,8\n"}, ["D/1.csv"], ["D"]),
        ({"B/2.csv": HEADER + "u,2024-01-01T00:00Z,8\n"}, ["B/1.csv", "B/2.csv"], ["B"]),
    ],
)
def test_a_clone_reads_the_files_of_the_changed_group_only(
    changes: dict[str, str],
    read: list[str],
    merged: list[str],
    second: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_files(second, changes)
    assert work(second, monkeypatch) == (read, merged)
    assert bytes_below(second / "data", second / "reports") == clean_bytes(second, tmp_path / "clean")


def test_a_removed_file_leaves_the_bytes_of_a_clean_build(
    second: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (second / "raw/C/2.csv").unlink()
    assert work(second, monkeypatch)[1] == ["C"]
    assert bytes_below(second / "data", second / "reports") == clean_bytes(second, tmp_path / "clean")


def _spoil(path: Path) -> None:
    image = bytearray(path.read_bytes())
    image[len(image) // 2] ^= 1
    path.unlink()
    path.write_bytes(image)


@pytest.mark.parametrize(
    ("spoil", "read", "merged"),
    [
        (lambda folder: _spoil(folder / NOTES), sorted(FILES), ["A", "B", "C"]),
        (lambda folder: (folder / NOTES).unlink(), sorted(FILES), ["A", "B", "C"]),
        (lambda folder: _spoil(folder / "data/tables/meter/A.parquet"), ["A/1.csv", "A/2.csv"], ["A"]),
        (lambda folder: (folder / "data/tables/meter/B.parquet").unlink(), ["B/1.csv"], ["B"]),
        (
            lambda folder: _spoil(folder / "data/quarantine/meter.parquet"),
            ["A/1.csv", "A/2.csv", "B/1.csv"],
            [],
        ),
    ],
)
def test_what_is_damaged_is_made_again(
    spoil: Callable[[Path], None],
    read: list[str],
    merged: list[str],
    second: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = bytes_below(second / "data", second / "reports")
    spoil(second)
    assert work(second, monkeypatch) == (read, merged)
    assert bytes_below(second / "data", second / "reports") == before


def test_notes_of_other_code_are_not_used(second: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_notes, "cache_code_digest", lambda: "other code")
    assert work(second, monkeypatch)[1] == ["A", "B", "C"]
