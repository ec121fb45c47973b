"""A raw file as blocks of whole lines: unpacked, as UTF-8, every line ended by one line feed.

A row of a raw file is one line: a quoted line break is not supported, so that one unbalanced quote costs
one line and never the rest of the file.  A line ends at LF, CR LF or CR.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import os
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import numpy as np
import pyarrow as pa

from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.settings.raw import Source

if TYPE_CHECKING:
    from _csv import Reader

BLOCK_BYTES = (
    8 << 20
)  # large enough that the cost of a call vanishes, small enough to stay in memory many times
_CHUNK_BYTES = 8 << 20
_WINDOW = 64 << 10  # bytes in which the last line end of a chunk is looked for
_LINE_FEED = 10
_COUNTED_BYTES = 1 << 18
_LONGEST_LINE = 16 << 20  # bytes; a file without line ends is no CSV and must not fill the memory
_LONGEST_FIELD = 1 << 30  # an open quote may swallow a whole block before it is found out
UTF8_NAMES = ("utf-8", "utf-8-sig", "ascii")


@dataclass(frozen=True)
class Block:
    """Whole lines of a file: UTF-8 but for damaged lines, each ended by LF; `first_line` counts from 1."""

    data: bytes
    first_line: int

    @cached_property
    def line_count(self) -> int:
        """Number of lines, empty ones included."""
        letters = np.frombuffer(self.data, np.uint8)
        pieces = range(0, len(letters), _COUNTED_BYTES)  # that stay in the processor's cache
        return sum(int(np.count_nonzero(letters[at : at + _COUNTED_BYTES] == _LINE_FEED)) for at in pieces)


def blocks(
    path: Path, source: Source, size: int = BLOCK_BYTES, seen: Callable[[bytes], object] | None = None
) -> Iterator[Block]:
    """All lines of a file in blocks of about `size` bytes, from the first line on.

    `seen` is told the bytes of the file as they are read, if it is not packed.  Raises RawDataError for a file
    that cannot be unpacked or holds a line of more than 16 MiB.
    """
    least = size - _WINDOW if size > 2 * _WINDOW else size  # a chunk may end with its last whole line
    line = 1
    pending: list[bytes | memoryview] = []
    length = open_line = 0  # bytes that wait, and of these in the line that has not ended
    at_once = max(len(codecs.BOM_UTF8), min(size, _CHUNK_BYTES))  # the mark is seen whole or not at all
    for chunk in _chunks(path, source.encoding, at_once, seen):
        end = chunk.rfind(b"\n") + 1
        length, open_line = length + len(chunk), len(chunk) - end + (0 if end else open_line)
        if open_line > _LONGEST_LINE:
            line += sum(bytes(part).count(b"\n") for part in (*pending, chunk))
            raise RawDataError(
                f"{path}: line {line} is longer than {_LONGEST_LINE >> 20} MiB: this is no CSV file."
            )
        if length < least or not end:
            pending.append(chunk)
            continue
        whole = not pending and end == len(chunk)  # as it was read: nothing is copied
        block = Block(chunk if whole else b"".join([*pending, memoryview(chunk)[:end]]), line)
        line += block.line_count  # counted here, or whoever takes the block would count at the same time
        yield block
        pending, length = [] if end == len(chunk) else [chunk[end:]], len(chunk) - end
    rest = b"".join(pending)
    if rest:
        yield Block(rest if rest.endswith(b"\n") else rest + b"\n", line)


def split_line(line: str, source: Source) -> list[str]:
    """The cells of one line, which must hold no unclosed quote."""
    return next(reader([line], source), [])


def is_closed(line: str, source: Source) -> bool:
    """Whether every quote that a line opens is closed on it."""
    cells = reader([line, ""], source)
    next(cells)
    return cells.line_num == 1


def reader(lines: Iterable[str], source: Source) -> Reader:
    """The line-by-line reading of CSV that defines what a cell is; every faster way must agree with it."""
    csv.field_size_limit(_LONGEST_FIELD)
    return csv.reader(lines, delimiter=source.separator, quotechar=source.quote, doublequote=True)


def is_packed(path: Path) -> bool:
    """Whether a file is compressed, by its name."""
    return path.suffix.lower() in {".gz", ".zst", ".zip"}


def _chunks(path: Path, encoding: str, size: int, seen: Callable[[bytes], object] | None) -> Iterator[bytes]:
    """UTF-8 bytes without byte-order mark, line ends made LF."""
    with _unpacked(path) as stream:
        to_utf8 = _transcoder(encoding, path)
        carry = b""
        first = True
        while True:
            raw = _read(stream, path, _whole_lines(stream, size))
            if seen is not None and isinstance(stream, io.FileIO):
                seen(raw)
            data = to_utf8(raw, not raw)
            if first and data:
                data, first = data.removeprefix(codecs.BOM_UTF8), False
            data = carry + data
            carry = b"\r" if data.endswith(b"\r") and raw else b""  # its LF may stand in the next chunk
            data = data[: len(data) - len(carry)]
            if b"\r" in data:
                data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            if data:
                yield data
            if not raw:
                return


def _whole_lines(stream: BinaryIO, size: int) -> int:
    """How many of the next `size` bytes end with a line, as far as a look at the last of them can tell; else all."""
    if not isinstance(stream, io.FileIO) or size <= 2 * _WINDOW:
        return size
    window = os.pread(stream.fileno(), _WINDOW, stream.tell() + size - _WINDOW)
    end = window.rfind(b"\n") + 1
    return size - _WINDOW + end if end and len(window) == _WINDOW else size


def _transcoder(encoding: str, path: Path) -> Callable[[bytes, bool], bytes]:
    if encoding in UTF8_NAMES:
        return lambda raw, _final: raw
    decoder = codecs.getincrementaldecoder(encoding)("replace")

    def to_utf8(raw: bytes, final: bool) -> bytes:  # noqa: FBT001 (as codecs have it)
        try:
            # lone surrogates pass as bytes that are no UTF-8: their lines are then found to be no text
            return decoder.decode(raw, final).encode(errors="surrogatepass")
        except UnicodeError as fault:  # UTF-16 without its mark
            raise RawDataError(
                f"{path}: is no text in the encoding {encoding} ({fault}); set `encoding`."
            ) from None

    return to_utf8


@contextmanager
def _unpacked(path: Path) -> Iterator[BinaryIO]:
    suffix = path.suffix.lower()
    if suffix == ".gz":
        with gzip.open(path) as stream:
            yield cast("BinaryIO", stream)
    elif suffix == ".zst":
        with pa.input_stream(str(path), compression="zstd") as stream:
            yield stream
    elif suffix == ".zip":
        with _only_member(path) as stream:
            yield stream
    else:
        with path.open("rb", buffering=0) as stream:
            yield cast("BinaryIO", stream)


@contextmanager
def _only_member(path: Path) -> Iterator[BinaryIO]:
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile as fault:
        raise RawDataError(f"{path} cannot be unpacked: {fault}. Download or pack it again.") from None
    with archive:
        members = [
            name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX/")
        ]
        if len(members) != 1:
            listed = ", ".join(members[:5]) or "none"
            raise RawDataError(
                f"{path}: an archive must hold exactly one file, found {len(members)} ({listed})."
            )
        try:
            stream = archive.open(members[0])
        except (RuntimeError, NotImplementedError) as fault:  # a password, an exotic method
            raise RawDataError(f"{path} cannot be unpacked: {fault}.") from None
        with stream:
            yield cast("BinaryIO", stream)


def _read(stream: BinaryIO, path: Path, size: int) -> bytes:
    try:
        return stream.read(size)
    except (EOFError, zlib.error, zipfile.BadZipFile, gzip.BadGzipFile) as fault:
        raise RawDataError(f"{path} cannot be unpacked: {fault}. Download or pack it again.") from None
    except OSError as fault:
        if path.suffix.lower() != ".zst" or fault.errno is not None:
            raise
        raise RawDataError(f"{path} cannot be unpacked: {fault}. Download or pack it again.") from None


@lru_cache(maxsize=64)
def ignored_by(patterns: tuple[str, ...]) -> Callable[[bytes], bool] | None:
    """Says of a line whether one of the patterns is found in it; None if there are none."""
    if not patterns:
        return None
    compiled = [re.compile(pattern) for pattern in patterns]

    def matches(line: bytes) -> bool:
        text = line.decode(errors="replace")  # a remark may be damaged: it is no row all the same
        return bool(text) and any(pattern.search(text) for pattern in compiled)

    return matches
