from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from hindcast.pipeline.arrays import BufferPool
from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.raw.cache import Cache, SettingsDigest
from hindcast.pipeline.raw.context import IngestContext, Sizes
from hindcast.pipeline.raw.csv_blocks import Block
from hindcast.pipeline.raw.reading import DataBlocks, SourceFile, open_files, read_files
from hindcast.pipeline.raw.source_files import find_files
from hindcast.pipeline.settings.params import Params
from tests.raw.mock import LONG, mock_params, write_files

TEXT = "title\nname,time,load\n" + "".join(f"x,2024-01-01T{hour:02}:00Z,{hour}\n" for hour in range(24))
PARAMS = mock_params({"meter": {**LONG, "skip_lines": 1}})
SOURCE = PARAMS.raw.sources["meter"]


def source_files(folder: Path, params: Params = PARAMS) -> list[SourceFile]:
    source = params.raw.sources["meter"]
    settings = SettingsDigest.of(params.raw, source)
    return [
        SourceFile(file, params.raw, "meter", source, settings)
        for file in find_files(params.raw, folder)["meter"]
    ]


def write_sources(folder: Path, files: dict[str, str | bytes], **source: Any) -> list[SourceFile]:
    write_files(folder, files)
    return source_files(folder, mock_params({"meter": {**LONG, **source}}))


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Two threads."""
    with ThreadPoolExecutor(2) as threads:
        yield threads


@pytest.mark.parametrize("size", [1, 30, 47, 1 << 20])
def test_blocks_below_the_header_hold_every_line_with_its_number(size: int, tmp_path: Path) -> None:
    write_files(tmp_path, {"a.csv": TEXT})
    (file,) = source_files(tmp_path)
    read = DataBlocks(file.layout, SOURCE, size)
    blocks = [block for block in read if isinstance(block, Block)]
    assert b"".join(block.data for block in blocks).decode() == TEXT.split("\n", 2)[2]
    line = 3
    for block in blocks:
        assert block.first_line == line
        line += block.line_count
    assert read.digest == hashlib.sha256(TEXT.encode()).hexdigest()


def test_files_become_entries_with_their_rows_in_order_and_their_rejects(
    tmp_path: Path, pool: ThreadPoolExecutor
) -> None:
    bad = TEXT.replace(",7\n", ",seven\n").replace(",9\n", ",nine\n")
    write_files(tmp_path, {"1.csv": TEXT, "2.csv": bad, "10.csv": "title\nname,time,load\n"})
    sizes = Sizes(block=60, run=200, memory=300)
    context = IngestContext(PARAMS.raw, Cache(tmp_path / "cache"), pool, 2, BufferPool(300), sizes)
    done: list[int] = []
    first, second, third = read_files(source_files(tmp_path), context, done.append)
    assert [(parsed.read, parsed.rules) for parsed in (first, third)] == [(24, {}), (0, {})]
    assert (second.read, sum(second.rules.values())) == (24, 2)
    assert sum(done) == sum(len(text.split("\n", 2)[2]) for text in (TEXT, bad))
    lines = [line for run in first.runs or [] for line in run.read_keys(0, len(run.keys))[0].tolist()]
    assert lines == list(range(3, 27))
    assert any(run.block is None for run in first.runs or [])
    assert first.rejects is None
    assert second.rejects is not None
    with pa.OSFile(str(second.rejects)) as stream, pa.ipc.open_file(stream) as rejects:
        assert rejects.read_all()["cell"].to_pylist() == ["seven", "nine"]
    assert context.cache.find(first.folder.name) == first.folder


def test_a_file_is_not_opened_for_its_size_and_key(tmp_path: Path) -> None:
    (file,) = write_sources(tmp_path, {"a.csv": "not a header of this source"})
    assert file.size == len("not a header of this source")
    assert file.key("digest") != file.key("another digest")
    with pytest.raises(RawDataError, match=r"a\.csv does not fit its settings"):
        _ = file.layout


def test_the_faults_of_all_files_are_reported_together(tmp_path: Path) -> None:
    header = "name,time,load\n"
    open_files(write_sources(tmp_path, {"a.csv": header}))
    files = write_sources(tmp_path, {"b.csv": "name,time\n", "c.csv": "", "d.csv": header})
    with pytest.raises(RawDataError, match=r"do not fit the settings under raw\.sources") as caught:
        open_files(files)
    absent, empty = caught.value.faults
    assert absent.startswith("b.csv: column 'load' (raw.sources.meter.values.load) is missing")
    assert "c.csv: is empty" in empty


def test_faults_of_stamps_are_reported_once_for_all_files(tmp_path: Path) -> None:
    header = "name,time,load\n"
    stamp = {"column": "time", "format": "%Y"}
    with pytest.raises(RawDataError, match="The timestamps of raw files") as caught:
        open_files(write_sources(tmp_path, {"a.csv": header, "b.csv": header}, valid_time=stamp))
    assert len(caught.value.faults) == 1
