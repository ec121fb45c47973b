"""The header of a file: which line names its columns, and how many columns its rows have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.raw.csv_blocks import closes_quotes, ignore_test, read_blocks, split_line
from hindcast.pipeline.settings.raw import Source

_HEAD_BYTES = 8 << 10  # of a block, where only the header is wanted
_MOST_LINES = 10_000  # searched for a header


@dataclass(frozen=True)
class Header:
    """The stripped names of a file's columns; rows follow `line`, whose bytes are `content` (empty with `names:`).

    `width` is the number of cells of the header line. Where header and first row differ by empty cells only, `names`
    has as many elements as the first row has cells.
    """

    line: int
    names: tuple[str, ...]
    width: int
    content: bytes

    @property
    def named(self) -> int:
        """How many cells a row needs: those after them have no name and may be absent."""
        return max((place for place, name in enumerate(self.names, 1) if name), default=0)


def read_header(path: Path, source: Source) -> Header:
    """Find the header of a file.

    Raises RawDataError for a file without a readable header, and for `names` that do not fit its rows.
    """
    lines = _iter_lines(path, source)
    if source.names is not None:
        header = Header(source.skip_lines, source.names, len(source.names), b"")
    else:
        line, content = next(lines, (0, b""))
        if not line:
            raise RawDataError(_absence_fault(path, source))
        names = _split_names(content, path, line, source)
        header = Header(line, names, len(names), content)
    line, content = next(lines, (0, b""))
    if not line:
        return header
    try:
        cells = split_line(content.decode(), source)
    except UnicodeDecodeError:
        return header  # the row is rejected when it is read
    names = _match_width(header.names, cells)
    if source.names is not None and len(names) != len(cells):
        raise RawDataError(
            f"{path}: `names` gives {len(names)} columns, but line {line} has {len(cells)} cells "
            f"({content[:80].decode()!r}); name every column, and set `skip_lines` to the number of lines above the rows."
        )
    return replace(header, names=names)


def _iter_lines(path: Path, source: Source) -> Iterator[tuple[int, bytes]]:
    """The lines, with their numbers, from the header on that are neither empty nor ignored."""
    ignored = ignore_test(source.ignore_lines)
    start = None if source.skip_until is None else re.compile(source.skip_until)
    number = 0
    for block in read_blocks(path, source, _HEAD_BYTES):
        for content in block.data.split(b"\n")[:-1]:
            number += 1
            if start is not None:
                if number > _MOST_LINES:
                    return
                if not start.search(content.decode(errors="replace")):
                    continue
                start = None
            elif number <= source.skip_lines or not content or (ignored and ignored(content)):
                continue
            yield number, content


def _split_names(content: bytes, path: Path, line: int, source: Source) -> tuple[str, ...]:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text or "\ufffd" in text:
        has_mark = content[:2] in (b"\xff\xfe", b"\xfe\xff")
        hint = " (the first bytes are the byte-order mark of utf-16)" if has_mark else ""
        raise RawDataError(
            f"{path}: is not valid {source.encoding} text (line {line} holds {content[:24]!r}); "
            f"set `encoding`{hint}, or narrow `files` if this is not a CSV file."
        )
    if not closes_quotes(text, source):
        raise RawDataError(
            f"{path}: line {line}, read as the header, opens a quote and does not close it ({text[:60]!r}); see "
            "`quote`, or give `names` and set `skip_lines` to the number of lines above the rows."
        )
    return tuple(cell.strip() for cell in split_line(text, source))


def _absence_fault(path: Path, source: Source) -> str:
    if source.skip_until is not None:
        return (
            f"{path}: no header found: none of the first {_MOST_LINES} lines matches {source.skip_until!r} "
            "(`skip_until`); correct the pattern or narrow `files`."
        )
    above = f" below the {source.skip_lines} lines of `skip_lines`" if source.skip_lines else ""
    return f"{path}: is empty; a header line is needed{above}. Remove the file or download it again."


def _match_width(names: tuple[str, ...], cells: list[str]) -> tuple[str, ...]:
    more = len(cells) - len(names)
    if more > 0 and not any(cell.strip() for cell in cells[-more:]):
        return (*names, *[""] * more)
    if more < 0 and not any(names[more:]):
        return names[:more]
    return names
