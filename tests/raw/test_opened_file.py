"""A file that is replaced, extended or edited while it is read is refused, never read with other columns or so cached."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.raw import ingest as ingest_module
from hindcast.pipeline.raw import reading, source_ingest
from hindcast.pipeline.raw.archives import Archives
from hindcast.pipeline.raw.context import Sizes
from hindcast.pipeline.raw.csv_blocks import Block
from hindcast.pipeline.raw.ingest import ingest
from hindcast.pipeline.raw.opened_file import OpenedFile
from hindcast.pipeline.raw.reading import DataBlocks
from hindcast.pipeline.raw.source_ingest import SourceIngest
from hindcast.pipeline.tables import read_table
from tests.raw.mock import LONG, mock_params, write_files

BEFORE = "name,time,load,other\n" + "".join(f"x,2024-01-01T{hour:02}:00Z,{hour},9\n" for hour in range(20))
SWAPPED = BEFORE.replace("load,other", "other,load")  # the same size, other columns
SOURCE = {**LONG, "files": "*"}

Change = Callable[[Path, bytes], None]


def replace(path: Path, content: bytes) -> None:
    """Another file takes the name."""
    other = path.with_name(f"{path.name}.tmp")
    other.write_bytes(content)
    os.replace(other, path)


def rewrite(path: Path, content: bytes) -> None:
    """The same inode gets other bytes, and its time of modification is set back."""
    before = path.stat()
    with path.open("r+b") as stream:
        stream.write(content)
        stream.truncate()
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def append(path: Path, content: bytes) -> None:
    """The file grows."""
    del content
    with path.open("ab") as stream:
        stream.write(b"x,2024-01-01T20:00Z,20,9\n")


def remove(path: Path, content: bytes) -> None:
    """The file disappears."""
    del content
    path.unlink()


def packed(suffix: str, text: str) -> bytes:
    if suffix == ".gz":
        return gzip.compress(text.encode(), mtime=0)
    if suffix == ".zip":
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr(zipfile.ZipInfo("a.csv", (2024, 1, 1, 0, 0, 0)), text)
        return buffer.getvalue()
    return text.encode()


def loads(folder: Path) -> list[float]:
    table = read_table(folder / "data/tables", "meter", "here")
    assert table is not None
    return [float(value) for value in table["load"]]


def after_headers(monkeypatch: pytest.MonkeyPatch, change: Callable[[], None]) -> None:
    """Change the file when all headers were read and no row was."""
    open_files = reading.open_files

    def then_change(files: Any) -> None:
        open_files(files)
        change()

    monkeypatch.setattr(ingest_module, "open_files", then_change)


def after_the_last_row(monkeypatch: pytest.MonkeyPatch, change: Callable[[], None]) -> None:
    """Change the file when its last row was read, before its digest is compared."""
    finish = OpenedFile.finish

    def changed(self: OpenedFile) -> str:
        change()
        return finish(self)

    monkeypatch.setattr(OpenedFile, "finish", changed)


@pytest.mark.parametrize("moment", [after_headers, after_the_last_row])
@pytest.mark.parametrize("change", [replace, rewrite, append, remove])
@pytest.mark.parametrize("suffix", [".csv", ".gz", ".zip"])
def test_a_file_that_changes_while_it_is_read_is_refused_and_not_cached(
    suffix: str, change: Change, moment: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(tmp_path, {f"a{suffix}": packed(suffix, BEFORE)})
    path, content = tmp_path / f"raw/a{suffix}", packed(suffix, SWAPPED)
    params = mock_params({"meter": SOURCE})
    with monkeypatch.context() as patched:
        moment(patched, lambda: change(path, content))
        with pytest.raises(
            RawDataError, match=rf"a\{suffix} changed while it was read: run the stage `ingest`"
        ):
            ingest(params, tmp_path)
    assert not (tmp_path / "data/tables").exists()
    path.unlink(missing_ok=True)
    path.write_bytes(content)
    for _ in range(2):  # the second run finds the first one's entries
        ingest(params, tmp_path)
        assert loads(tmp_path) == [9.0] * 20


def test_a_change_within_a_tick_of_the_clock_is_found_by_its_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the times of a file do not change, the text of the header and the digest do."""
    write_files(tmp_path, {"a.csv": BEFORE})
    path = tmp_path / "raw/a.csv"
    monkeypatch.setattr("hindcast.pipeline.raw.opened_file.stamp_from", lambda _: [1, 2, 3, 4, 5])
    monkeypatch.setattr("hindcast.pipeline.raw.opened_file.stamp_of", lambda _: [1, 2, 3, 4, 5])
    monkeypatch.setattr("hindcast.pipeline.raw.opened_file.is_settled", lambda _: False)
    for moment in (after_headers, after_the_last_row):
        rewrite(path, BEFORE.encode())
        with monkeypatch.context() as patched:
            moment(patched, lambda: rewrite(path, SWAPPED.encode()))
            with pytest.raises(RawDataError, match=r"a\.csv changed while it was read"):
                ingest(mock_params({"meter": SOURCE}), tmp_path)


def test_a_file_that_is_replaced_before_it_is_read_again_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second pass reads a file again whose rows are damaged in the cache, or were not kept."""
    write_files(tmp_path, {"a.csv": BEFORE})
    ingest(mock_params({"meter": SOURCE}), tmp_path)
    write_tables = SourceIngest.write_tables

    def replaced(self: SourceIngest) -> None:
        replace(tmp_path / "raw/a.csv", SWAPPED.encode())
        write_tables(self)

    monkeypatch.setattr(SourceIngest, "write_tables", replaced)
    with pytest.raises(RawDataError, match=r"a\.csv changed while it was read"):
        ingest(mock_params({"meter": {**SOURCE, "known": {"after_step": "2h"}}}), tmp_path)


def test_a_file_that_is_replaced_before_its_conflicting_rows_are_quoted_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    twice = BEFORE + "x,2024-01-01T05:00Z,77,9\n"
    write_files(tmp_path, {"a.csv": twice})
    find = source_ingest.find_conflict_texts

    def replaced(*arguments: Any) -> Path:
        replace(tmp_path / "raw/a.csv", SWAPPED.encode())
        return find(*arguments)

    monkeypatch.setattr(source_ingest, "find_conflict_texts", replaced)
    with pytest.raises(RawDataError, match=r"a\.csv changed while it was read"):
        ingest(mock_params({"meter": SOURCE}), tmp_path)


def test_an_unchanged_file_gives_the_digest_of_its_bytes(tmp_path: Path) -> None:
    for suffix in (".csv", ".gz", ".zip"):
        path = tmp_path / f"a{suffix}"
        path.write_bytes(packed(suffix, BEFORE))
        for in_order in (True, False):
            with OpenedFile(path) as opened, opened.hashed_stream(in_order=in_order) as stream:
                assert stream.read() + stream.read() == path.read_bytes()
                assert opened.finish() == hashlib.sha256(path.read_bytes()).hexdigest()


WRITER = """
import itertools, os, pathlib, sys, time
path, stop, *texts = sys.argv[1:]
path, stop = pathlib.Path(path), pathlib.Path(stop)
for number in itertools.count():
    if stop.exists(): break
    text = texts[number % len(texts)]
    if number % 3:
        path.with_name("next.tmp").write_text(text)
        os.replace(path.with_name("next.tmp"), path)
    else:
        with path.open("r+") as stream: stream.write(text)
    if number == 20: print("running", flush=True)
    time.sleep(0.0005)
"""


def test_a_second_process_that_replaces_a_file_all_the_time_never_mixes_columns_and_rows(
    tmp_path: Path,
) -> None:
    """Either an error, or exactly the rows of one version: of `load`, 0 to 19 or twenty times 9."""
    write_files(tmp_path, {"a.csv": BEFORE})
    path, stop = tmp_path / "raw/a.csv", tmp_path / "stop"
    command = [sys.executable, "-c", WRITER, str(path), str(stop), BEFORE, SWAPPED]
    params = mock_params({"meter": {**SOURCE, "files": "*.csv"}})
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "running\n"
        end, outcomes = time.monotonic() + 2, []
        while time.monotonic() < end:
            try:
                ingest(params, tmp_path, Sizes(block=64))
            except RawDataError as fault:
                outcomes.append(fault.summary)
            else:
                assert loads(tmp_path) in ([float(hour) for hour in range(20)], [9.0] * 20)
                outcomes.append("read")
        stop.touch()
    assert set(outcomes) <= {"read", "a.csv changed while it was read: run the stage `ingest` again."}
    assert len(outcomes) - outcomes.count("read") > 3
    for text, due in ((BEFORE, [float(hour) for hour in range(20)]), (SWAPPED, [9.0] * 20)):
        path.write_text(text)
        ingest(params, tmp_path)
        assert loads(tmp_path) == due


def test_blocks_are_held_back_until_the_header_was_compared(tmp_path: Path) -> None:
    write_files(tmp_path, {"a.csv": BEFORE})
    params = mock_params({"meter": SOURCE})
    files = ingest_module.find_source_files(params.raw, tmp_path, Archives(tmp_path))["meter"]
    layout = files[0].layout
    stale = DataBlocks(layout, params.raw.sources["meter"], 30)
    assert (
        b"".join(block.data for block in stale if isinstance(block, Block))
        == BEFORE.partition("\n")[2].encode()
    )
    rewrite(tmp_path / "raw/a.csv", SWAPPED.encode())
    layout.header.stamp[:] = OpenedFile(tmp_path / "raw/a.csv").stamp
    with pytest.raises(RawDataError, match="changed while"):
        next(iter(DataBlocks(layout, params.raw.sources["meter"], 30)))
