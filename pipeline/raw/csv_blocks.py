"""Reads a raw file as blocks of whole lines: decompressed, as UTF-8, each line ending with one line feed.

A row of a raw file is one line: quoted line breaks are not supported, so that an unbalanced quote affects only its own
line and never the rest of the file.  A line ends at LF, CR LF or CR.
"""

from __future__ import annotations

import codecs
import csv
import errno
import gzip
import io
import lzma
import os
import struct
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
from hindcast.pipeline.raw.opened_file import OpenedFile
from hindcast.pipeline.raw.patterns import matcher
from hindcast.pipeline.settings.raw import Source
from hindcast.pipeline.wording import listed

if TYPE_CHECKING:
    from _csv import Reader

BLOCK_BYTES = 8 << 20  # so large that a call costs little, so small that many blocks fit in memory
_CHUNK_BYTES = 8 << 20
_WINDOW = 64 << 10  # number of bytes at the end of a chunk that are searched for the last line end
_LINE_FEED = 10
_COUNTED_BYTES = 1 << 18  # lines are counted in pieces that fit the processor cache
_LONGEST_LINE = 16 << 20  # bytes; a file without line ends is not CSV and must not fill the memory
_LONGEST_FIELD = 1 << 30  # an unclosed quote may span a whole block before it is detected
# what zipfile and its decompressors raise for damaged archives
DAMAGE = (
    EOFError,
    ValueError,
    NotImplementedError,
    struct.error,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
)
UTF8_NAMES = ("utf-8", "utf-8-sig", "ascii")


@dataclass(frozen=True)
class Block:
    """Whole lines of a file, each ending with LF, in UTF-8 except for damaged lines; `first_line` counts from 1."""

    data: bytes
    first_line: int

    @property
    def size(self) -> int:
        """Number of bytes."""
        return len(self.data)

    @cached_property
    def line_count(self) -> int:
        """Number of lines, including empty ones."""
        letters = np.frombuffer(self.data, np.uint8)
        pieces = range(0, len(letters), _COUNTED_BYTES)
        return sum(int(np.count_nonzero(letters[at : at + _COUNTED_BYTES] == _LINE_FEED)) for at in pieces)


def read_blocks(path: Path, source: Source, size: int = BLOCK_BYTES) -> Iterator[Block]:
    """Yield all lines of a file in blocks of about `size` bytes, from the first line.

    Raises RawDataError if a file cannot be decompressed or contains a line longer than 16 MiB.
    """
    with OpenedFile(path) as opened, opened.stream() as stream:
        yield from iter_blocks(stream, path, source, size)


def iter_blocks(
    file: io.FileIO, path: Path, source: Source, size: int = BLOCK_BYTES, label: Path | None = None
) -> Iterator[Block]:
    """Yield all lines of an open file as `read_blocks` does; the suffix of `path` gives the compression, and `label` is the
    name of the file in messages.
    """
    least = size - _WINDOW if size > 2 * _WINDOW else size  # a chunk may be cut after its last whole line
    line = 1
    pending: list[bytes | memoryview] = []
    length = open_line = 0  # bytes that are pending, and bytes of the line that has not ended yet
    at_once = max(len(codecs.BOM_UTF8), min(size, _CHUNK_BYTES))  # the byte-order mark is never split
    for chunk in _read_chunks(file, path, source.encoding, at_once, label or path):
        end = chunk.rfind(b"\n") + 1
        length, open_line = length + len(chunk), len(chunk) - end + (0 if end else open_line)
        if open_line > _LONGEST_LINE:
            line += sum(bytes(part).count(b"\n") for part in (*pending, chunk))
            raise RawDataError(
                f"{label or path}: line {line} is longer than {_LONGEST_LINE >> 20} MiB, so this is not a CSV file; "
                "remove it or narrow `files`."
            )
        if length < least or not end:
            pending.append(chunk)
            continue
        whole = not pending and end == len(chunk)  # the chunk as read: nothing is copied
        block = Block(chunk if whole else b"".join([*pending, memoryview(chunk)[:end]]), line)
        line += block.line_count  # cached here, else several threads would count the lines again
        yield block
        pending, length = [] if end == len(chunk) else [chunk[end:]], len(chunk) - end
    rest = b"".join(pending)
    if rest:
        yield Block(rest if rest.endswith(b"\n") else rest + b"\n", line)


def split_line(line: str, source: Source) -> list[str]:
    """Split one line, which must not contain an unclosed quote, into cells."""
    return next(csv_reader([line], source), [])


def closes_quotes(line: str, source: Source) -> bool:
    """Return whether a line closes every quote that it opens."""
    cells = csv_reader([line, ""], source)
    next(cells)
    return cells.line_num == 1


def csv_reader(lines: Iterable[str], source: Source) -> Reader:
    """Return the line-by-line CSV reader that defines what a cell is; faster readers must agree with it."""
    csv.field_size_limit(_LONGEST_FIELD)
    return csv.reader(lines, delimiter=source.separator, quotechar=source.quote, doublequote=True)


def unicode_encoding(start: bytes) -> str | None:
    """Return utf-16 or utf-32 (with its byte order if there is no mark) if a file begins so; None for other encodings.

    Without a byte-order mark, every second byte of ASCII letters is zero.
    """
    if start.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    even, odd = start[0:64:2], start[1:64:2]
    for name, letters, zeros in (("utf-16-le", even, odd), ("utf-16-be", odd, even)):
        if len(letters) > 1 and 0 not in letters and zeros.count(0) > 0.7 * len(zeros):
            return name
    return None


def is_data_member(name: str) -> bool:
    """Return whether a member of an archive is more than the remark of a system on another file."""
    file = name.replace("\\", "/").rpartition("/")[2]
    return not name.startswith("__MACOSX/") and not file.startswith("._") and file != ".DS_Store"


def is_compressed(path: Path) -> bool:
    """Return whether a file is compressed, according to its suffix."""
    return path.suffix.lower() in {".gz", ".zst", ".zip"}


@lru_cache(maxsize=64)
def ignore_test(patterns: tuple[str, ...]) -> Callable[[bytes], bool] | None:
    """Return a function that checks whether a line matches one of the patterns; None if there are no patterns."""
    if not patterns:
        return None
    searches = [matcher(pattern) for pattern in patterns]

    def matches(line: bytes) -> bool:
        text = line.decode(errors="replace")  # a damaged comment is still a comment
        return bool(text) and any(each.matches(text) for each in searches)

    return matches


def _read_chunks(file: io.FileIO, path: Path, encoding: str, size: int, label: Path) -> Iterator[bytes]:
    """Yield UTF-8 bytes without the byte-order mark and with LF as line end."""
    with decompress(file, path) as stream:
        to_utf8 = _transcoder(encoding, label)
        carry = b""
        first = True
        while True:
            raw = _read(stream, label, _size_to_line_end(stream, size))
            data = to_utf8(raw, not raw)
            if first and data:
                data, first = data.removeprefix(codecs.BOM_UTF8), False
            data = carry + data
            carry = b"\r" if data.endswith(b"\r") and raw else b""  # the next chunk may begin with its LF
            data = data[: len(data) - len(carry)]
            if b"\r" in data:
                data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            if data:
                yield data
            if not raw:
                return


def _size_to_line_end(stream: BinaryIO, size: int) -> int:
    """Return the bytes up to the last line end in the next `size` bytes; `size` if the last `_WINDOW` contain none."""
    if not isinstance(stream, io.FileIO) or size <= 2 * _WINDOW:
        return size
    window = os.pread(stream.fileno(), _WINDOW, stream.tell() + size - _WINDOW)
    end = window.rfind(b"\n") + 1
    return size - _WINDOW + end if end and len(window) == _WINDOW else size


def _transcoder(encoding: str, path: Path) -> Callable[[bytes, bool], bytes]:
    if encoding in UTF8_NAMES:
        return lambda raw, _final: raw
    decoder = codecs.getincrementaldecoder(encoding)("replace")

    def to_utf8(raw: bytes, final: bool) -> bytes:  # noqa: FBT001 (the signature of codecs)
        try:
            # lone surrogates become bytes that are not UTF-8, so their lines are rejected later
            return decoder.decode(raw, final).encode(errors="surrogatepass")
        except UnicodeError as fault:  # UTF-16 without byte-order mark
            raise RawDataError(f"{path}: is not valid {encoding} text ({fault}); set `encoding`.") from None

    return to_utf8


@contextmanager
def decompress(file: io.FileIO, path: Path) -> Iterator[BinaryIO]:
    """Yield the stream of the bytes that the suffix of `path` says are compressed; other files as they are.

    RawDataError if it is an archive that does not hold exactly one file, or a damaged one.
    """
    suffix = path.suffix.lower()
    if suffix == ".gz":
        with gzip.open(file) as stream:
            yield cast("BinaryIO", stream)
    elif suffix == ".zst":
        with pa.input_stream(file, compression="zstd") as stream:
            yield stream
    elif suffix == ".zip":
        with _open_only_member(file, path) as stream:
            yield stream
    else:
        yield cast("BinaryIO", file)


@contextmanager
def _open_only_member(file: io.FileIO, path: Path) -> Iterator[BinaryIO]:
    try:
        archive = zipfile.ZipFile(file)
    except DAMAGE as fault:
        raise _damage_error(path, fault) from None
    except OSError as fault:
        raise _damage_or_system_error(path, fault) from None
    with archive:
        members = [name for name in archive.namelist() if not name.endswith("/") and is_data_member(name)]
        if len(members) != 1:
            names = (
                f" ({listed(members, 5)}): unpack it into a folder to inspect its files" if members else ""
            )
            raise RawDataError(
                f"{path}: an archive that is read as one file must hold exactly one file, found {len(members)}{names}."
            )
        try:
            stream = archive.open(members[0])
        except (RuntimeError, NotImplementedError) as fault:  # a password, an unsupported method
            raise RawDataError(f"{path} cannot be decompressed: {fault}. Decompress it by hand.") from None
        except DAMAGE as fault:
            raise _damage_error(path, fault) from None
        except OSError as fault:
            raise _damage_or_system_error(path, fault) from None
        with stream:
            yield cast("BinaryIO", stream)


def _read(stream: BinaryIO, path: Path, size: int) -> bytes:
    try:
        return stream.read(size)
    except (*DAMAGE, gzip.BadGzipFile) as fault:
        raise _damage_error(path, fault) from None
    except OSError as fault:
        raise _damage_or_system_error(path, fault) from None


def _damage_or_system_error(path: Path, fault: OSError) -> OSError | RawDataError:
    """Return the error of damaged contents, or the fault itself if the system reports it (a disk that cannot be read)."""
    is_damage = is_compressed(path) and fault.errno in (
        None,
        errno.EINVAL,
    )  # a damaged offset is an invalid position
    return _damage_error(path, fault) if is_damage else fault


def _damage_error(path: Path, fault: Exception) -> RawDataError:
    return RawDataError(f"{path} cannot be decompressed: {fault}. Download or compress it again.")
