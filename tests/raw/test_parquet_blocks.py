from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.raw.parquet_blocks import ParquetSchema, is_parquet, read_parquet, read_schema

ROWS = 1000


def written(path: Path, table: pa.Table, **options: Any) -> tuple[io.FileIO, ParquetSchema]:
    pq.write_table(table, path, **options)
    stream = path.open("rb", buffering=0)
    return stream, read_schema(stream, path)


def table(rows: int = ROWS) -> pa.Table:
    texts = pa.array([f"s{row % 7}" for row in range(rows)])
    return pa.table({"n": np.arange(rows), "s": texts, "x.y": np.arange(rows) / 3, "x": [{"y": 1}] * rows})


def test_the_suffix_tells_parquet_files() -> None:
    assert [is_parquet(Path(name)) for name in ("a.parquet", "a.PQ", "a.parq", "a.csv", "parquet", "a.parquet.gz")] == [
        True, True, True, False, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize("row_group", [1, 7, 300, ROWS])
@pytest.mark.parametrize("block_bytes", [1, 400, 8000, 1 << 20])
def test_blocks_hold_every_row_once_in_order(row_group: int, block_bytes: int, tmp_path: Path) -> None:
    whole = table(60 if 1 in (block_bytes, row_group) else ROWS)
    stream, schema = written(tmp_path / "a.parquet", whole, row_group_size=row_group)
    with stream:
        blocks = list(
            read_parquet(stream, tmp_path / "a.parquet", schema, (1, 2, 0), (1,), block_bytes=block_bytes)
        )
    line = 1
    for block in blocks:
        assert block.first_line == line
        line += block.line_count
        assert block.line_count * 3 * 8 <= max(2 * block_bytes, 24)
        assert pa.types.is_dictionary(block.columns[1].type)
    assert line == len(whole) + 1
    for place, name in enumerate(("n", "s", "x.y")):
        assert [cell for block in blocks for cell in block.columns[place].to_pylist()] == whole[
            name
        ].to_pylist()
    assert sum(block.size for block in blocks) <= (tmp_path / "a.parquet").stat().st_size


def test_row_groups_that_are_not_wanted_are_left_out(tmp_path: Path) -> None:
    stream, schema = written(tmp_path / "a.parquet", table(), row_group_size=100)
    rows = (150, 160, 801)
    with stream:
        blocks = read_parquet(
            stream, tmp_path / "a.parquet", schema, [0], block_bytes=1 << 20,
            wanted=lambda first, end: any(first <= row < end for row in rows),
        )  # fmt: skip
        found = [(block.first_line, block.columns[0].to_pylist()) for block in blocks]
    assert found == [(101, list(range(100, 200))), (801, list(range(800, 900)))]


def test_a_row_has_a_row_group(tmp_path: Path) -> None:
    stream, schema = written(tmp_path / "a.parquet", table(), row_group_size=300)
    stream.close()
    assert [schema.group_of(row) for row in (1, 300, 301, 900, 901, ROWS)] == [1, 1, 2, 3, 4, 4]


def test_a_file_without_rows_has_no_blocks(tmp_path: Path) -> None:
    stream, schema = written(tmp_path / "a.parquet", table(0))
    with stream:
        assert not list(read_parquet(stream, tmp_path / "a.parquet", schema, [0], block_bytes=1))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (lambda _: b"", "it is empty"),
        (lambda _: b"time,load\n1,2\n", "it begins with b'time,load"),
        (lambda data: data[:-100], "its end is missing"),
        (lambda data: data[: len(data) // 2], "its end is missing"),
        (lambda data: data[:-4] + b"PARE", "it is encrypted"),
        (lambda data: data[:-8] + b"\xff\xff\xff\x7f" + data[-4:], "file size is"),
    ],
)
def test_damaged_files_are_named_with_the_reason(content: Any, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(table(), path)
    path.write_bytes(content(path.read_bytes()))
    with path.open("rb", buffering=0) as stream, pytest.raises(RawDataError) as caught:
        read_schema(stream, path)
    assert str(path) in str(caught.value)
    assert reason.lower() in str(caught.value).lower()


@pytest.mark.parametrize("seed", range(40))
def test_a_changed_byte_is_damage_or_changes_nothing(seed: int, tmp_path: Path) -> None:
    """Pages have checksums here; without them, a byte in a number is another number."""
    path, random = tmp_path / "a.parquet", np.random.default_rng(seed)
    whole = table().drop_columns("x")
    pq.write_table(whole, path, write_page_checksum=True, row_group_size=300, compression="none")
    content = bytearray(path.read_bytes())
    place = int(random.integers(4, len(content) - 900))  # the footer has no checksum
    content[place] ^= 1 << int(random.integers(8))
    path.write_bytes(bytes(content))
    with path.open("rb", buffering=0) as stream:
        try:
            blocks = list(
                read_parquet(stream, path, read_schema(stream, path), range(3), block_bytes=1 << 20)
            )
        except RawDataError:
            return
    for number, name in enumerate(whole.column_names):
        assert [cell for block in blocks for cell in block.columns[number].to_pylist()] == whole[
            name
        ].to_pylist()


def test_another_schema_than_the_one_read_first_is_a_changed_file(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    stream, schema = written(path, table())
    stream.close()
    other, _ = written(path, table().rename_columns(["n", "s", "x", "y"]))
    with other, pytest.raises(RawDataError, match="changed while it was read"):
        list(read_parquet(other, path, schema, [0], block_bytes=1))
