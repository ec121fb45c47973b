"""The layout of a file: which cells hold which field of which rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import pyarrow as pa

from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.raw.csv_header import Header
from hindcast.pipeline.raw.numbers import NumberStyle, read_numbers
from hindcast.pipeline.raw.patterns import matcher
from hindcast.pipeline.raw.source_files import RawFile, field_from_path, quoted, suggest_nearest
from hindcast.pipeline.settings.fields import LaterField, StampField, StampText, TextField
from hindcast.pipeline.settings.known import PublishedAt
from hindcast.pipeline.settings.raw import Source


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
    member: str | None = ""  # of an ensemble; without members ""


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
    member_column: int = -1
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
        single = {self.group_column, self.series_column, self.member_column}
        tested = {column for column, _ in self.where}
        tested |= {slot.values[at] for slot in self.slots for at in self.of_texts}
        times = self.issue.all | self.valid.all | self.published.all
        return tuple(sorted((single | times | tested) - {-1}))


def make_layout(file: RawFile, header: Header, name: str, source: Source) -> Layout:
    """Return the layout of one file of the source `name`; raises RawDataError with all faults of its header."""
    columns = _ColumnFinder(file.name, f"raw.sources.{name}", header)
    for field in (source.group, source.series, source.member, *source.stamp_texts.values()):
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
        member_column=columns.find("member", source.member.column if source.member else None),
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

    def __init__(self, file: str, place: str, header: Header) -> None:
        self.file, self.place, self.names = file, place, header.names[: header.width]
        self._rename = (
            "rename one" if header.schema else "give `names`, and skip the header with `skip_lines`"
        )
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
            f"occurs {count} times in the header; {self._rename}"
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
    member = "" if source.member is None else _name_of_file(source.member, file)
    return Slot(_name_of_file(source.group, file), series, values, member=member)


def _make_wide_slots(file: RawFile, source: Source, columns: _ColumnFinder) -> tuple[Slot, ...]:
    slots: dict[tuple[str | None, str | None, str, str | None], list[int]] = {}
    fixed_member = _name_of_file(source.member, file) if source.member else ""
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
            member = _translated(source.member, names["member"] or "") if "member" in names else fixed_member
            chosen = slots.setdefault((group, series, time_text, member), [-1] * len(source.values))
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
        Slot(group, series, tuple(chosen), time_text, member)
        for (group, series, time_text, member), chosen in slots.items()
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
