"""The head of a file: which line names its columns, and how many columns its rows have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.raw.csv_blocks import blocks, ignored_by, is_closed, split_line
from hindcast.pipeline.settings.raw import Source

_HEAD_BYTES = 8 << 10  # the first block is read for its head alone
_MOST_LINES = 10_000  # above a header


@dataclass(frozen=True)
class Head:
    """The names of a file's columns, stripped; rows follow `line`, whose bytes are `content` (empty if names are given).

    `width` is the number of cells that the header itself has; `names` are as many as the first row has cells
    where only empty ones make the difference.
    """

    line: int
    names: tuple[str, ...]
    width: int
    content: bytes

    @property
    def named(self) -> int:
        """How many cells a row needs: what stands behind them has no name and may be absent."""
        return max((place for place, name in enumerate(self.names, 1) if name), default=0)


def read_head(path: Path, source: Source) -> Head:
    """Find the header of a file.

    Raises RawDataError for a file without a header that can be read, and for `names` that do not fit its rows.
    """
    lines = _candidates(path, source)
    if source.names is not None:
        head = Head(source.skip_lines, source.names, len(source.names), b"")
    else:
        line, content = next(lines, (0, b""))
        if not line:
            raise RawDataError(_absent(path, source))
        names = _names_of(content, path, line, source)
        head = Head(line, names, len(names), content)
    line, content = next(lines, (0, b""))
    if not line:
        return head
    try:
        cells = split_line(content.decode(), source)
    except UnicodeDecodeError:
        return head  # the row will be told when it is read
    names = _of_width(head.names, cells)
    if source.names is not None and len(names) != len(cells):
        raise RawDataError(
            f"{path}: `names` gives {len(names)} columns, but line {line} has {len(cells)} cells "
            f"({content[:80].decode()!r}); name every column, and count the lines above the rows in `skip_lines`."
        )
    return replace(head, names=names)


def _candidates(path: Path, source: Source) -> Iterator[tuple[int, bytes]]:
    """The lines from the header on that are neither empty nor ignored, with their numbers."""
    ignored = ignored_by(source.ignore_lines)
    begins = None if source.skip_until is None else re.compile(source.skip_until)
    number = 0
    for block in blocks(path, source, _HEAD_BYTES):
        for content in block.data.split(b"\n")[:-1]:
            number += 1
            if (
                begins is not None
                and number <= _MOST_LINES
                and begins.search(content.decode(errors="replace"))
            ):
                begins = None
            elif (
                begins is not None
                or number <= source.skip_lines
                or not content
                or (ignored and ignored(content))
            ):
                if begins is not None and number > _MOST_LINES:
                    return
                continue
            yield number, content


def _names_of(content: bytes, path: Path, line: int, source: Source) -> tuple[str, ...]:
    text = _text_of(content, path, line, source)
    if not is_closed(text, source):
        raise RawDataError(
            f"{path}: line {line}, taken for the header, opens a quote and does not close it ({text[:60]!r}); see "
            "`quote`, or give the columns' `names` and count the lines above the rows in `skip_lines`."
        )
    return tuple(cell.strip() for cell in split_line(text, source))


def _text_of(content: bytes, path: Path, line: int, source: Source) -> str:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text or "\ufffd" in text:
        raise RawDataError(
            f"{path}: is no text in the encoding {source.encoding} (line {line} holds {content[:24]!r}); "
            f"set `encoding`{_known_mark(content)}, or narrow `files` if this is no CSV file."
        )
    return text


def _known_mark(content: bytes) -> str:
    return " (the first bytes are the mark of utf-16)" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else ""


def _absent(path: Path, source: Source) -> str:
    if source.skip_until is not None:
        return (
            f"{path}: none of its first {_MOST_LINES} lines matches {source.skip_until!r} (`skip_until`), so it has no "
            "header; correct the pattern or narrow `files`."
        )
    above = f" below the {source.skip_lines} of `skip_lines`" if source.skip_lines else ""
    return f"{path}: is empty; a header line is needed{above}. Remove the file or download it again."


def _of_width(names: tuple[str, ...], cells: list[str]) -> tuple[str, ...]:
    more = len(cells) - len(names)
    if more > 0 and not any(cell.strip() for cell in cells[-more:]):
        return (*names, *[""] * more)
    if more < 0 and not any(names[more:]):
        return names[:more]
    return names
