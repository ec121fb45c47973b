"""A file's header and its source -> the layout: which cells make which field of which rows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import HindcastError, RawDataError
from pipeline.raw.sources import RawFile, from_path, nearest, shortened
from pipeline.raw.text import blocks, split_line
from pipeline.settings.known import PublishedAt
from pipeline.settings.raw import RawSettings, Source, StampField, TextField

_HEADER_BYTES = 64 << 10  # the first block is read for its header alone


@dataclass(frozen=True)
class Slot:
    """What one line holds of one (group, series), or of as many as their columns name.

    `group` and `series` are names, or None where the layout's columns hold them; `values` are the columns
    of the source's values in its order, -1 where this slot has none.
    """

    group: str | None
    series: str | None
    values: tuple[int, ...]


@dataclass(frozen=True)
class Layout:
    """The columns of one file by what they are read for; a line makes one row a slot."""

    file: RawFile
    names: tuple[str, ...]
    header_line: int  # number of the header's line; rows follow it
    slots: tuple[Slot, ...]
    group_column: int = -1
    series_column: int = -1
    issue_columns: tuple[int, ...] = ()
    valid_columns: tuple[int, ...] = ()
    published_column: int = -1
    lead_column: int = -1

    @property
    def number_columns(self) -> tuple[int, ...]:
        """Columns read as numbers, ascending."""
        found = {column for slot in self.slots for column in slot.values} | {self.lead_column}
        return tuple(sorted(found - {-1} - set(self.text_columns)))

    @property
    def text_columns(self) -> tuple[int, ...]:
        """Columns read as texts, ascending."""
        single = {self.group_column, self.series_column, self.published_column}
        return tuple(sorted((single | {*self.issue_columns, *self.valid_columns}) - {-1}))


def read_layouts(raw: RawSettings, files: dict[str, list[RawFile]]) -> dict[str, list[Layout]]:
    """The layout of every file of every source; raises RawDataError with the faults of all files."""
    layouts: dict[str, list[Layout]] = {}
    faults: list[str] = []
    for name, source in raw.sources.items():
        layouts[name] = []
        for file in files[name]:
            try:
                layouts[name].append(read_layout(file, name, source))
            except HindcastError as fault:
                faults += fault.faults or [fault.summary]
    if faults:
        raise RawDataError(
            "Raw files do not fit the settings under raw.sources.", list(dict.fromkeys(faults))
        )
    return layouts


def read_layout(file: RawFile, name: str, source: Source) -> Layout:
    """The layout of one file of source `name`."""
    line, text = _header_of(file.path, source)
    names = tuple(cell.strip() for cell in split_line(text, source))
    columns = _Columns(file.name, f"raw.sources.{name}", names)
    for field in (source.group, source.series, source.issue_time, source.valid_time):
        if field is not None and field.path is not None:
            columns.check_path(field.path)
    slots = _wide_slots(file, source, columns) if source.is_wide else (_long_slot(file, source, columns),)
    layout = Layout(
        file,
        names,
        line,
        slots,
        group_column=columns.find("group", source.group.column if source.group else None),
        series_column=columns.find("series", source.series.column if source.series else None),
        issue_columns=columns.find_all("issue_time", source.issue_time),
        valid_columns=columns.find_all("valid_time", source.valid_time),
        published_column=columns.find(
            "known", source.known.column if isinstance(source.known, PublishedAt) else None
        ),
        lead_column=columns.find("lead", source.lead.column if source.lead else None),
    )
    if columns.faults:
        raise RawDataError(f"{file.name} does not fit its settings.", columns.faults)
    return layout


def _header_of(path: Path, source: Source) -> tuple[int, str]:
    line = 0
    for block in blocks(path, source, _HEADER_BYTES):
        for content in block.data.split(b"\n")[:-1]:
            line += 1
            if line > source.skip_lines and content:
                return line, _text_of(content, path, line, source)
    raise RawDataError(f"{path}: is empty; a header line is needed. Remove the file or download it again.")


def _text_of(content: bytes, path: Path, line: int, source: Source) -> str:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text or "\ufffd" in text:
        raise RawDataError(
            f"{path}: is no text in the encoding {source.encoding} (line {line} holds {content[:24]!r}); "
            "set `encoding`, or narrow `files` if this is no CSV file."
        )
    return text


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
        fault = "is absent" if count == 0 else f"stands {count} times in the header; names must differ"
        hint = f"; {nearest(column, list(self.names))}" if count == 0 else ""
        self.faults.append(f"{self.file}: column {column!r} ({self.place}.{field}) {fault}{hint}")
        return -1

    def find_all(self, field: str, stamp: StampField | None) -> tuple[int, ...]:
        if stamp is None or stamp.path is not None:
            return ()
        names = (stamp.column,) if stamp.column is not None else stamp.columns or ()
        return tuple(self.find(field, name) for name in names)

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
    found: dict[tuple[str | None, str], list[int]] = {}
    for place, (name, value) in enumerate(source.values.items()):
        for column, header in enumerate(columns.names):
            match = re.search(str(value.header), header)
            if match is None:
                continue
            names = match.groupdict()
            group = names["group"] if "group" in names else _fixed(source.group, file)
            row = found.setdefault((group, names.get("series") or ""), [-1] * len(source.values))
            if row[place] >= 0:
                columns.faults.append(
                    f"{file.name}: columns {columns.names[row[place]]!r} and {header!r} both make {name} of series "
                    f"{names.get('series') or ''!r} ({columns.place}.values.{name}.header)"
                )
            row[place] = column
    if not found:
        patterns = ", ".join(repr(value.header) for value in source.values.values())
        columns.faults.append(
            f"{file.name}: no column matches {patterns} ({columns.place}.values); there are: {shortened(list(columns.names))}"
        )
    return tuple(Slot(group, series, tuple(row)) for (group, series), row in found.items())


def _fixed(field: TextField | None, file: RawFile) -> str | None:
    """A name that holds for the whole file; None if a column holds it or its path does not match."""
    if field is None or field.column is not None:
        return None
    try:
        return from_path(field, file.name)
    except RawDataError:
        return None  # check_path has told it
