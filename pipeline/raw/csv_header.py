"""The header of a file: the line with the names of its columns, or the names that the settings give."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from functools import cached_property
from pathlib import Path

from hindcast.pipeline.digests import Stamp
from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.raw.csv_blocks import (
    Block,
    closes_quotes,
    ignore_test,
    is_compressed,
    iter_blocks,
    split_line,
    unicode_encoding,
)
from hindcast.pipeline.raw.opened_file import OpenedFile
from hindcast.pipeline.raw.parquet_blocks import MAGIC, ParquetSchema
from hindcast.pipeline.raw.patterns import matcher
from hindcast.pipeline.settings.raw import Source
from hindcast.pipeline.wording import counted

_HEAD_BYTES = 8 << 10  # size of a block if only the header is needed
_MOST_LINES = 10_000  # number of lines that are searched for a header


@dataclass(frozen=True)
class Header:
    """The stripped names of a file's columns; rows follow `line`, whose bytes are `content`.

    With `names:`, `line` is the last line skipped, and `content` is empty.

    `width` is the number of cells of the header line. Where header and first row differ by empty cells only, `names`
    has one element per cell of the first row.

    `stamp` is the file's stamp when the header was read, `text_digest` the SHA-256 of the `text_bytes` bytes of text
    that were read to find it: rows belong to this header only if the file still has this stamp and this text.

    `schema` is that of a Parquet file, which has no lines.
    """

    line: int
    names: tuple[str, ...]
    width: int
    content: bytes
    stamp: Stamp = dataclass_field(default_factory=list, compare=False)
    text_bytes: int = dataclass_field(default=0, compare=False)
    text_digest: str = dataclass_field(default="", compare=False)
    schema: ParquetSchema | None = dataclass_field(default=None, compare=False)

    @cached_property
    def named(self) -> int:
        """Number of cells that a row needs: the cells after them have no name and may be missing."""
        return max((place for place, name in enumerate(self.names, 1) if name), default=0)

    @property
    def spare_columns(self) -> tuple[int, ...]:
        """Unnamed columns that exist only in the header or only in the rows; their cells must be empty."""
        return tuple(range(self.named, len(self.names))) if self.width != len(self.names) else ()

    def fits(self, cells: Sequence[str]) -> bool:
        """Return whether a line has as many cells as the header, not counting empty unnamed cells."""
        if len(cells) == self.width:
            return True
        return len(cells) >= self.named and not any(cell.strip() for cell in cells[self.named :])


def read_header(path: Path, source: Source, label: Path | None = None) -> Header:
    """Find the header of a file, which is called `label` in messages.

    Raises RawDataError for a file without a readable header, and for `names` that do not fit its rows.
    """
    head = _HeadText()
    with OpenedFile(path) as opened, opened.stream() as stream:
        header = _find_header(
            _iter_lines(head.note(iter_blocks(stream, path, source, _HEAD_BYTES, label)), source),
            label or path,
            source,
        )
        return replace(header, stamp=opened.stamp, text_bytes=head.size, text_digest=head.digest)


class _HeadText:
    """The text at the beginning of a file that was read to find its header."""

    def __init__(self) -> None:
        self.size, self._hash = 0, hashlib.sha256()

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    def note(self, blocks: Iterable[Block]) -> Iterator[Block]:
        for block in blocks:
            self.size += len(block.data)
            self._hash.update(block.data)
            yield block


def _find_header(lines: Iterator[tuple[int, bytes]], path: Path, source: Source) -> Header:
    if source.names is not None:
        header = Header(source.skip_lines, source.names[0], len(source.names[0]), b"")
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
    if source.names is None:
        return replace(header, names=_match_width(header.names, cells))
    for names in sorted(
        source.names, key=lambda each: len(each) != len(cells)
    ):  # the exact number of columns first
        matched = _match_width(names, cells)
        if len(matched) == len(cells):
            return replace(header, names=matched, width=len(names))
    given = " or ".join(str(len(names)) for names in source.names)
    raise RawDataError(
        f"{path}: `names` gives {given} {'column' if given == '1' else 'columns'}, but line {line} has "
        f"{counted(len(cells), 'cell')} ({content[:80].decode()!r}); name every column, set `skip_lines` to the number of lines "
        "above the rows, and give a list of names for each number of columns that files have."
    )


def _iter_lines(blocks: Iterable[Block], source: Source) -> Iterator[tuple[int, bytes]]:
    """Yield the lines from the header on that are not empty and not ignored, with their line numbers."""
    ignored = ignore_test(source.ignore_lines)
    start = None if source.skip_until is None else matcher(source.skip_until)
    number = 0
    for block in blocks:
        for content in block.data.split(b"\n")[:-1]:
            number += 1
            if start is not None:
                if number > _MOST_LINES:
                    return
                if not start.matches(content.decode(errors="replace")):
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
    if content.startswith(MAGIC):
        remedy = "unpack it" if is_compressed(path) else f"rename it to {path.name}.parquet"
        raise RawDataError(f"{path}: holds a Parquet file; {remedy}, or narrow `files`.")
    if "\0" in text or "\ufffd" in text:
        found = unicode_encoding(content)
        how = f" to {found}, as the first bytes show" if found else ""
        raise RawDataError(
            f"{path}: is not valid {source.encoding} text (line {line} holds {content[:24]!r}); "
            f"set `encoding`{how}, or narrow `files` if this is not a CSV file."
        )
    if not closes_quotes(text, source):
        raise RawDataError(
            f"{path}: line {line}, read as the header, opens a quote and does not close it ({text[:60]!r}); "
            "correct `quote`, or give `names` and set `skip_lines` to the number of lines above the rows."
        )
    return tuple(cell.strip() for cell in split_line(text, source))


def _absence_fault(path: Path, source: Source) -> str:
    if source.skip_until is not None:
        return (
            f"{path}: no header found: none of the first {_MOST_LINES} lines matches {source.skip_until!r} "
            "(`skip_until`); correct the pattern or narrow `files`."
        )
    above = f" below the {counted(source.skip_lines, 'line')} of `skip_lines`" if source.skip_lines else ""
    return f"{path}: is empty; a header line is needed{above}. Remove the file or download it again."


def _match_width(names: tuple[str, ...], cells: list[str]) -> tuple[str, ...]:
    more = len(cells) - len(names)
    if more > 0 and not any(cell.strip() for cell in cells[-more:]):
        return (*names, *[""] * more)
    if more < 0 and not any(names[more:]):
        return names[:more]
    return names
