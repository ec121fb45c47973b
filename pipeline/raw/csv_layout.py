"""A file's header and its source -> the layout: which cells make which field of which rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import pyarrow as pa

from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.raw.csv_header import read_head
from hindcast.pipeline.raw.numbers import Style, numbers_of
from hindcast.pipeline.raw.source_files import RawFile, from_path, nearest, shortened
from hindcast.pipeline.settings.fields import LaterField, StampField, TextField
from hindcast.pipeline.settings.known import PublishedAt
from hindcast.pipeline.settings.raw import Source


@dataclass(frozen=True)
class Slot:
    """What one line holds of one (group, series), or of as many as their columns name.

    `group` and `series` are names, or None where the layout's columns hold them; `values` are the columns
    of the source's values in its order, -1 where this slot has none; `when` is what their headings carry of
    the time.
    """

    group: str | None
    series: str | None
    values: tuple[int, ...]
    when: str = ""


@dataclass(frozen=True)
class StampColumns:
    """The columns of one stamp: its texts, what tells the later of doubled wall times, the number of a step in a day."""

    texts: tuple[int, ...] = ()
    later: int = -1
    period: int = -1

    @property
    def all(self) -> frozenset[int]:
        """All of them."""
        return frozenset({*self.texts, self.later, self.period} - {-1})


@dataclass(frozen=True)
class Layout:
    """The columns of one file by what they are read for; a line makes one row a slot."""

    file: RawFile
    names: tuple[str, ...]
    header_line: int  # number of the header's line, or of the last line skipped; rows follow it
    slots: tuple[Slot, ...]
    group_column: int = -1
    series_column: int = -1
    issue: StampColumns = StampColumns()
    valid: StampColumns = StampColumns()
    published_column: int = -1
    lead_column: int = -1
    where: tuple[
        tuple[int, tuple[str, ...]], ...
    ] = ()  # columns, and the texts that rows of this source have there
    header_time: str | None = None  # the part of the time that headings carry
    width: int | None = None  # cells of the header, where the rows differ from it by empty ones
    named: int = 0  # cells that a row needs then
    header_again: bytes = b""  # a line that repeats the header, where it cannot be taken for a row

    @property
    def spare_columns(self) -> tuple[int, ...]:
        """Columns without a name that the rows have beyond the header, or the header beyond the rows: their cells are empty."""
        differs = self.width is not None and self.width != len(self.names)
        return tuple(range(self.named, len(self.names))) if differs else ()

    def fits(self, cells: Sequence[str]) -> bool:
        """Whether a line has as many cells as the header; empty ones that have no name do not count."""
        if len(cells) == (len(self.names) if self.width is None else self.width):
            return True
        needs = self.named if self.width is not None else len(self.names)
        return len(cells) >= needs and not any(cell.strip() for cell in cells[needs:])

    @property
    def number_columns(self) -> tuple[int, ...]:
        """Columns read as numbers, ascending."""
        found = {column for slot in self.slots for column in slot.values} | {self.lead_column}
        return tuple(sorted(found - {-1}))

    @property
    def text_columns(self) -> tuple[int, ...]:
        """Columns read as texts, ascending."""
        single = {self.group_column, self.series_column, self.published_column}
        chosen = {column for column, _ in self.where}
        return tuple(sorted((single | self.issue.all | self.valid.all | chosen) - {-1}))


def read_layout(file: RawFile, name: str, source: Source) -> Layout:
    """The layout of one file of source `name`."""
    head = read_head(file.path, source)
    columns = _Columns(file.name, f"raw.sources.{name}", head.names[: head.width])
    for field in (source.group, source.series, source.issue_time, source.valid_time):
        if field is not None and field.path is not None:
            columns.check_path(field.path)
    slots = _wide_slots(file, source, columns) if source.is_wide else (_long_slot(file, source, columns),)
    layout = Layout(
        file,
        head.names,
        head.line,
        slots,
        group_column=columns.find("group", source.group.column if source.group else None),
        series_column=columns.find("series", source.series.column if source.series else None),
        issue=columns.of_stamp("issue_time", source.issue_time),
        valid=columns.of_stamp("valid_time", source.valid_time),
        published_column=columns.find(
            "known", source.known.column if isinstance(source.known, PublishedAt) else None
        ),
        lead_column=columns.find("lead", source.lead.column if source.lead else None),
        where=tuple((columns.find("where", column), texts) for column, texts in source.where.items()),
        header_time=source.header_time,
        width=head.width,
        named=head.named,
    )
    if columns.faults:
        raise RawDataError(f"{file.name} does not fit its settings.", columns.faults)
    return replace(layout, header_again=_header_again(layout, head.content, source))


def _header_again(layout: Layout, content: bytes, source: Source) -> bytes:
    """The header's bytes, unless all its cells in number columns are numbers: such a line is read like any other."""
    cells = tuple(layout.names[column] for column in layout.number_columns)
    return content if _has_words(cells, source.missing, Style.of(source)) else b""


@lru_cache(maxsize=64)  # files of a source have one header, as a rule
def _has_words(cells: tuple[str, ...], missing: tuple[str, ...], style: Style) -> bool:
    _, bad = numbers_of(pa.array(cells, pa.string()), missing, style)
    return bool(bad.any())


class _Columns:
    """The header's names, and the faults met while looking for them."""

    def __init__(self, file: str, place: str, names: tuple[str, ...]) -> None:
        self.file, self.place, self.names = file, place, names
        self.faults: list[str] = []

    def find(self, field: str, column: str | None) -> int:
        if column is None:
            return -1
        count = self.names.count(column.strip())
        if count == 1:
            return self.names.index(column.strip())
        fault = (
            "is absent"
            if count == 0
            else f"stands {count} times in the header; call the columns by `names`, with the header in `skip_lines`"
        )
        hint = f"; {nearest(column, list(self.names))}" if count == 0 else ""
        self.faults.append(f"{self.file}: column {column!r} ({self.place}.{field}) {fault}{hint}")
        return -1

    def of_stamp(self, field: str, stamp: StampField | None) -> StampColumns:
        if stamp is None:
            return StampColumns()
        names = (stamp.column,) if stamp.column is not None else stamp.columns or ()
        later = stamp.ambiguous.column if isinstance(stamp.ambiguous, LaterField) else None
        return StampColumns(
            tuple(self.find(field, name) for name in names),
            self.find(f"{field}.ambiguous", later),
            self.find(f"{field}.period", stamp.period.column if stamp.period else None),
        )

    def check_path(self, pattern: str) -> None:
        match = re.search(pattern, self.file)
        if match is None or match[1] is None:
            self.faults.append(
                f"{self.file}: the pattern {pattern!r} ({self.place}) does not match this path; correct it or narrow `files`"
            )


def _long_slot(file: RawFile, source: Source, columns: _Columns) -> Slot:
    values = tuple(columns.find(f"values.{name}", value.column) for name, value in source.values.items())
    series = "" if source.series is None else _fixed(source.series, file)
    return Slot(_fixed(source.group, file), series, values)


def _wide_slots(file: RawFile, source: Source, columns: _Columns) -> tuple[Slot, ...]:
    found: dict[tuple[str | None, str | None, str], list[int]] = {}
    column_of_series = _fixed(source.series, file) if source.series else ""
    for place, (name, value) in enumerate(source.values.items()):
        for column, header in enumerate(columns.names):
            match = re.search(str(value.header), header)
            if match is None:
                continue
            names = match.groupdict()
            group = names["group"] if "group" in names else _fixed(source.group, file)
            series = (names["series"] or "") if "series" in names else column_of_series
            when = names.get(source.header_time or "") or ""
            row = found.setdefault((group, series, when), [-1] * len(source.values))
            if row[place] >= 0:
                columns.faults.append(
                    f"{file.name}: columns {columns.names[row[place]]!r} and {header!r} both make {name} of series "
                    f"{series or ''!r}{' at ' + repr(when) if when else ''} ({columns.place}.values.{name}.header)"
                )
            row[place] = column
    if not found:
        patterns = ", ".join(repr(value.header) for value in source.values.values())
        columns.faults.append(
            f"{file.name}: no column matches {patterns} ({columns.place}.values); there are: {shortened(list(columns.names))}"
        )
    return tuple(Slot(group, series, tuple(row), when) for (group, series, when), row in found.items())


def _fixed(field: TextField | None, file: RawFile) -> str | None:
    """A name that holds for the whole file; None if a column holds it or its path does not match."""
    if field is None or field.column is not None:
        return None
    try:
        return from_path(field, file.name)
    except RawDataError:
        return None  # check_path has told it
