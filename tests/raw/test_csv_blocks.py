from __future__ import annotations

import gzip
import random
import re
import zipfile
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.raw import csv_blocks as module
from hindcast.pipeline.raw.csv_blocks import read_blocks
from hindcast.pipeline.settings.raw import Source
from tests.examples import examples
from tests.raw.mock import LONG

SOURCE = Source.model_validate(LONG)


def read(path: Path, encoding: str = "utf-8", size: int = 8) -> bytes:
    """A whole file from its blocks, whose line numbers must follow each other."""
    line, found = 1, b""
    for block in read_blocks(path, SOURCE.model_copy(update={"encoding": encoding}), size):
        assert block.first_line == line
        assert block.data.endswith(b"\n")
        line += block.line_count
        found += block.data
    return found


@examples(200)
@given(
    content=st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b"\xc3\xa9", b""]), max_size=12).map(
        b"".join
    ),
    chunk=st.integers(1, 4),
    size=st.integers(1, 8),
)
def test_lines_end_at_any_of_the_three_line_ends_for_any_block_size(
    content: bytes, chunk: int, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CHUNK_BYTES", chunk)
    (tmp_path / "a.csv").write_bytes(content)
    lines = re.split(rb"\r\n|\r|\n", content)
    expected = b"\n".join(lines) + (b"\n" if lines[-1] else b"")
    assert read(tmp_path / "a.csv", size=size) == expected


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("utf-8", "é,1\n".encode()),
        ("utf-8", "\ufeffé,1\n".encode()),
        ("utf-8-sig", "\ufeffé,1\n".encode()),
        ("iso8859-1", "é,1\n".encode("latin-1")),
        ("cp1252", "é,1\n".encode("cp1252")),
        ("utf-16", "é,1\n".encode("utf-16")),
        ("utf-16-le", "\ufeffé,1\n".encode("utf-16-le")),
    ],
)
def test_every_encoding_becomes_utf_8_without_a_byte_order_mark(
    encoding: str, content: bytes, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    assert read(tmp_path / "a.csv", encoding) == "é,1\n".encode()


def packed(path: Path, content: bytes) -> None:
    """Pack by the path's suffix."""
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(content[:5]) + gzip.compress(content[5:]))
    elif path.suffix == ".zst":
        path.write_bytes(pa.compress(content, codec="zstd", asbytes=True))
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.mkdir("folder")
            archive.writestr("folder/a.csv", content)


@pytest.mark.parametrize("name", ["a.csv.gz", "a.csv.zst", "a.zip", "A.CSV.GZ"])
def test_compressed_files_give_the_lines_of_their_contents(name: str, tmp_path: Path) -> None:
    packed(tmp_path / name.lower(), b"time,load\n1,2\n")
    (tmp_path / name.lower()).rename(tmp_path / name)
    assert read(tmp_path / name) == b"time,load\n1,2\n"


@pytest.mark.parametrize("name", ["a.csv.gz", "a.csv.zst", "a.zip"])
@pytest.mark.parametrize("damage", ["cut", "flipped", "not compressed"])
def test_a_damaged_compressed_file_is_named(name: str, damage: str, tmp_path: Path) -> None:
    if (name, damage) == ("a.csv.zst", "flipped"):
        damage = "cut"  # zstd frames carry a checksum only if their maker asked for one
    path = tmp_path / name
    packed(path, bytes(range(256)) * 2000)
    content = path.read_bytes()
    middle = len(content) // 2
    flipped = (
        content[:middle]
        + bytes(255 - letter for letter in content[middle : middle + 9])
        + content[middle + 9 :]
    )
    path.write_bytes(
        {"cut": content[:middle], "flipped": flipped, "not compressed": b"time,load\n1,2\n"}[damage]
    )
    with pytest.raises(RawDataError, match=rf"{name} cannot be decompressed"):
        read(path, size=1 << 20)


def test_an_archive_holds_exactly_one_file(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("1.csv", "")
        archive.writestr("2.csv", "")
    with pytest.raises(RawDataError, match=r"exactly one file, found 2 \(1.csv, 2.csv\)"):
        read(tmp_path / "a.zip")


def test_a_file_in_another_encoding_than_the_settings_name_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"time,load\n")
    with pytest.raises(RawDataError, match=r"a\.csv: is not valid utf-16 text .*set `encoding`"):
        read(tmp_path / "a.csv", "utf-16")


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_a_damaged_archive_is_read_or_named(tmp_path: Path, method: int) -> None:
    whole = tmp_path / "whole.zip"
    with zipfile.ZipFile(whole, "w", method) as archive:
        archive.writestr("a.csv", "".join(f"2024-01-01,{number}\n" for number in range(2000)))
    content = whole.read_bytes()
    dice = random.Random(method)
    path = tmp_path / "damaged.zip"
    named = 0
    for _ in range(150):
        damaged = bytearray(content)
        place = dice.choice((dice.randrange(60), dice.randrange(len(content)), -1 - dice.randrange(100)))
        damaged[place] ^= 1 << dice.randrange(8)
        path.write_bytes(damaged[: dice.choice((len(content), len(content), dice.randrange(len(content))))])
        try:
            list(read_blocks(path, Source.model_validate(LONG)))
        except RawDataError as fault:
            named += str(path) in str(fault)
    assert named >= 50
