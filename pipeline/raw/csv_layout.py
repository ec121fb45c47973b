"""The header of a file, and its layout: which cells hold which field of which rows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from functools import cached_property, lru_cache
from pathlib import Path

import pyarrow as pa

from hindcast.pipeline.digests import Stamp
from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.raw.csv_blocks import (
    Block,
    closes_quotes,
    ignore_test,
    iter_blocks,
    split_line,
    unicode_encoding,
)
from hindcast.pipeline.raw.numbers import NumberStyle, read_numbers
from hindcast.pipeline.raw.opened_file import OpenedFile
from hindcast.pipeline.raw.patterns import matcher
from hindcast.pipeline.raw.source_files import RawFile, field_from_path, quoted, suggest_nearest
from hindcast.pipeline.settings.fields import LaterField, StampField, StampText, TextField
from hindcast.pipeline.settings.known import PublishedAt
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
    """

    line: int
    names: tuple[str, ...]
    width: int
    content: bytes
    stamp: Stamp = dataclass_field(default_factory=list, compare=False)
    text_bytes: int = dataclass_field(default=0, compare=False)
    text_digest: str = dataclass_field(default="", compare=False)

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


@dataclass(frozen=True)
class Slot:
    """The part of each line that becomes one row.

    `group` and `series` are names, or None where a column of the layout holds them; `values` are the columns of the
    source's values in the source's order, -1 for a value that this slot lacks; `time_text` is the part of the time
    that the headings of these columns contain.
    """

    group: str | None
    series: str | None
    values: tuple[int, ...]
    time_text: str = ""


@dataclass(frozen=True)
class StampColumns:
    """The columns of one timestamp: its texts, the flag of the later of two equal wall times, and the step number."""

    texts: tuple[int, ...] = ()
    later: int = -1
    period: int = -1

    @property
    def all(self) -> frozenset[int]:
        """All columns that exist."""
        return frozenset({*self.texts, self.later, self.period} - {-1})


@dataclass(frozen=True)
class Layout:
    """The columns of one file by purpose; each line makes one row per slot."""

    file: RawFile
    header: Header
    slots: tuple[Slot, ...]
    group_column: int = -1
    series_column: int = -1
    issue: StampColumns = StampColumns()
    valid: StampColumns = StampColumns()
    published: StampColumns = StampColumns()
    lead_column: int = -1
    where: tuple[tuple[int, tuple[str, ...]], ...] = ()  # column, texts in this source's rows
    header_time: str | None = None  # the part of the time that the headings contain
    repeated_header: bytes = b""  # an equal line is a repeated header; empty if it could be a row
    of_texts: tuple[int, ...] = ()  # the places of values whose cells are read as texts

    @property
    def number_columns(self) -> tuple[int, ...]:
        """Columns read as numbers, ascending."""
        columns = {
            column for slot in self.slots for at, column in enumerate(slot.values) if at not in self.of_texts
        }
        return tuple(sorted((columns | {self.lead_column}) - {-1}))

    @property
    def text_columns(self) -> tuple[int, ...]:
        """Columns read as texts, ascending."""
        single = {self.group_column, self.series_column}
        tested = {column for column, _ in self.where}
        tested |= {slot.values[at] for slot in self.slots for at in self.of_texts}
        times = self.issue.all | self.valid.all | self.published.all
        return tuple(sorted((single | times | tested) - {-1}))


def read_layout(file: RawFile, name: str, source: Source) -> Layout:
    """Return the layout of one file of the source `name`; raises RawDataError with all faults of the header."""
    header = read_header(file.path, source)
    columns = _ColumnFinder(file.name, f"raw.sources.{name}", header.names[: header.width])
    for field in (source.group, source.series, *source.stamp_texts.values()):
        if field is not None and field.path is not None:
            columns.check_path(field.path)
    slots = (
        _make_wide_slots(file, source, columns) if source.is_wide else (_make_slot(file, source, columns),)
    )
    layout = Layout(
        file,
        header,
        slots,
        group_column=columns.find("group", source.group.column if source.group else None),
        series_column=columns.find("series", source.series.column if source.series else None),
        issue=columns.find_stamp("issue_time", source.issue_time),
        valid=columns.find_stamp("valid_time", source.valid_time),
        published=columns.find_stamp(
            "known", source.known if isinstance(source.known, PublishedAt) else None
        ),
        lead_column=columns.find("lead", source.lead.column if source.lead else None),
        where=tuple((columns.find("where", column), texts) for column, texts in source.where.items()),
        header_time=source.header_time,
        of_texts=tuple(at for at, field in enumerate(source.values.values()) if field.is_of_texts),
    )
    if columns.faults:
        faults = [*columns.faults, *_other_separator(file.name, name, header, source)]
        raise RawDataError(f"{file.name} does not fit its settings.", faults)
    # if all header cells of number columns are numbers, a repeated header looks like a row
    cells = tuple(header.names[column] for column in layout.number_columns)
    has_words = _has_words(cells, source.missing, NumberStyle.of(source))
    return replace(layout, repeated_header=header.content if has_words else b"")


def _other_separator(file: str, name: str, header: Header, source: Source) -> Iterator[str]:
    """Yield the remedy if another separator cuts the header into more cells."""
    text = header.content.decode(errors="replace")
    best = max((";", "\t", ",", "|"), key=text.count)
    if text.count(best) > text.count(source.separator):
        written = {"\t": "\\t"}.get(best, best)
        yield (
            f"{file}: line {header.line} has {text.count(best)} of {written!r} and {text.count(source.separator)} of the "
            f'separator {source.separator!r}; set raw.sources.{name}.separator: "{written}"'
        )


@lru_cache(maxsize=64)  # the files of a source usually share one header
def _has_words(cells: tuple[str, ...], missing: tuple[str, ...], style: NumberStyle) -> bool:
    _, bad = read_numbers(pa.array(cells, pa.string()), missing, style)
    return bool(bad.any())


class _ColumnFinder:
    """Finds columns by name and collects the faults."""

    def __init__(self, file: str, place: str, names: tuple[str, ...]) -> None:
        self.file, self.place, self.names = file, place, names
        self.faults: list[str] = []

    def find(self, field: str, column: str | None) -> int:
        if column is None:
            return -1
        named = len(self.names)
        while named and not self.names[named - 1]:
            named -= 1  # an empty cell behind the last separator is no heading
        places = [place for place, name in enumerate(self.names) if name == column.strip()]
        places = [place for place in places if place < named] or places
        count = len(places)
        if count == 1:
            return places[0]
        fault = (
            f"occurs {count} times in the header; give `names`, and skip the header with `skip_lines`"
            if count
            else f"is missing; {suggest_nearest(column, list(self.names))}"
        )
        self.faults.append(f"{self.file}: column {column!r} ({self.place}.{field}) {fault}")
        return -1

    def find_stamp(self, field: str, stamp: StampText | None) -> StampColumns:
        if stamp is None:
            return StampColumns()
        texts = tuple(self.find(field, name) for name in stamp.column_names)
        if not isinstance(stamp, StampField):
            return StampColumns(texts)
        later = stamp.ambiguous.column if isinstance(stamp.ambiguous, LaterField) else None
        return StampColumns(
            texts,
            self.find(f"{field}.ambiguous", later),
            self.find(f"{field}.period", stamp.period.column if stamp.period else None),
        )

    def check_path(self, pattern: str) -> None:
        found = matcher(pattern).groups(self.file)
        if found is None or None in found:
            self.faults.append(
                f"{self.file}: the pattern {pattern!r} ({self.place}) does not match this path; correct it or narrow `files`"
            )


def _make_slot(file: RawFile, source: Source, columns: _ColumnFinder) -> Slot:
    values = tuple(columns.find(f"values.{name}", value.column) for name, value in source.values.items())
    series = "" if source.series is None else _name_of_file(source.series, file)
    return Slot(_name_of_file(source.group, file), series, values)


def _make_wide_slots(file: RawFile, source: Source, columns: _ColumnFinder) -> tuple[Slot, ...]:
    slots: dict[tuple[str | None, str | None, str], list[int]] = {}
    has_series = source.series is not None and not source.series.is_of_headings
    fixed_series = _name_of_file(source.series, file) if has_series else ""
    fixed_group = _name_of_file(source.group, file)
    for place, (name, value) in enumerate(source.values.items()):
        for column, header in enumerate(columns.names):
            names = matcher(str(value.header)).named_groups(header)
            if names is None:
                continue
            group = _translated(source.group, names["group"] or "") if "group" in names else fixed_group
            series = _translated(source.series, names["series"] or "") if "series" in names else fixed_series
            time_text = names.get(source.header_time or "") or ""
            chosen = slots.setdefault((group, series, time_text), [-1] * len(source.values))
            if chosen[place] >= 0:
                at = f" at {time_text!r}" if time_text else ""
                columns.faults.append(
                    f"{file.name}: columns {columns.names[chosen[place]]!r} and {header!r} both hold {name} of series "
                    f"{series or ''!r}{at} ({columns.place}.values.{name}.header)"
                )
            chosen[place] = column
    if not slots:
        patterns = ", ".join(repr(value.header) for value in source.values.values())
        columns.faults.append(
            f"{file.name}: no column matches {patterns} ({columns.place}.values); columns: {quoted(list(columns.names))}"
        )
    return tuple(
        Slot(group, series, tuple(chosen), time_text) for (group, series, time_text), chosen in slots.items()
    )


def _translated(field: TextField | None, name: str) -> str:
    return name if field is None else field.translate(name)


def _name_of_file(field: TextField | None, file: RawFile) -> str | None:
    """Return a name that is the same for the whole file; None if a column holds it or the path does not match."""
    if field is None or field.column is not None or field.is_of_headings:
        return None
    try:
        return field_from_path(field, file.name)
    except RawDataError:
        return None  # check_path reported it


def read_header(path: Path, source: Source) -> Header:
    """Find the header of a file.

    Raises RawDataError for a file without a readable header, and for `names` that do not fit its rows.
    """
    head = _HeadText()
    with OpenedFile(path) as opened, opened.stream() as stream:
        header = _find_header(
            _iter_lines(head.note(iter_blocks(stream, path, source, _HEAD_BYTES)), source), path, source
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
