"""Converts cells to typed rows: names, times and checked values of every (line, series) of a block."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from hindcast.pipeline.arrays import Flags, Floats, Ints, Key, Names, Times
from hindcast.pipeline.raw.csv_blocks import Block
from hindcast.pipeline.raw.csv_cells import Cells, read_cells
from hindcast.pipeline.raw.csv_layout import Layout, Slot
from hindcast.pipeline.raw.numbers import blank_markers, check_values, numeric_markers
from hindcast.pipeline.raw.parquet_blocks import ParquetBlock
from hindcast.pipeline.raw.parquet_cells import read_parquet_cells
from hindcast.pipeline.raw.records import Records, join_records
from hindcast.pipeline.raw.reject_rules import (
    AMBIGUOUS,
    GOOD,
    GROUP,
    LEAD,
    NONEXISTENT,
    NONEXISTENT_DROPPED,
    NUMBER,
    SERIES,
    VALID_TIME,
    RejectedRows,
    RowFaults,
    join_rejected,
)
from hindcast.pipeline.raw.row_times import BlockTimes, RowTimes, TimesReader
from hindcast.pipeline.raw.text_values import read_text_values
from hindcast.pipeline.settings.fields import TextField
from hindcast.pipeline.settings.raw import RawSettings, Source
from hindcast.pipeline.tables import name_with_member

_OF_HEADINGS = (VALID_TIME, AMBIGUOUS, NONEXISTENT, NONEXISTENT_DROPPED, LEAD)
_TEXT_BLOCKS = 7  # number of blocks read as text after a block that could not be read typed


@dataclass(frozen=True)
class AmbiguousRows:
    """Rows whose wall time occurs twice, slot by slot in the order of lines.

    Rows rejected for their values are included, since they count too when the order of rows decides.

    `place` is the row's index among the records, -1 if it is rejected; `key` is an index into the keys; `times` are
    the times of the record, with the first occurrence as valid time, and `later` is the second one (ns UTC).
    """

    place: Ints
    key: NDArray[np.int32]
    times: tuple[Times, ...]
    later: Times

    def __len__(self) -> int:
        return len(self.place)


@dataclass(frozen=True)
class Rows:
    """The typed rows of a block: `records` refer to `keys`, slot by slot in the order of lines.

    `read` counts all rows.  For `ambiguous` rows the order of rows in the file decides which wall time is meant.
    `unzoned` are groups without a zone in `raw.zone`.
    """

    read: int
    keys: list[Key]
    records: Records
    ambiguous: AmbiguousRows
    rejected: RejectedRows
    unzoned: frozenset[str]


class RowReader:
    """Reads the blocks of one file of a source, in any order and from several threads."""

    def __init__(self, raw: RawSettings, name: str, source: Source, layout: Layout) -> None:
        self._raw, self._source, self._layout = raw, source, layout
        self._times = TimesReader(raw, name, source, layout)
        self._markers = numeric_markers(source.missing, source.decimal)
        self._as_text = 0  # blocks still to read as text; affects speed only, so threads may race for it

    @property
    def wall(self) -> list[str]:
        """The fields that had a timestamp without an offset in the blocks read so far."""
        return sorted(self._times.wall)

    @property
    def rounded(self) -> dict[str, tuple[int, int]]:
        """By field: the number of timestamps that the rounding of counts moved, and the longest way in ns."""
        parts: dict[str, list[tuple[int, int]]] = {}
        for (field, *_), counts in self._times.rounded.items():
            parts.setdefault(field, []).append(counts)
        return {
            field: (sum(count for count, _ in found), max(way for _, way in found))
            for field, found in sorted(parts.items())
        }

    def read(self, block: Block | ParquetBlock) -> Rows:
        """Read all rows of a block of lines below the header, or of a block of a Parquet file."""
        if isinstance(block, ParquetBlock):
            cells = read_parquet_cells(block, self._layout, self._source)
        else:
            cells = read_cells(block, self._layout, self._source, try_typed=self._as_text <= 0)
        self._as_text = 0 if cells.typed else _TEXT_BLOCKS if self._as_text <= 0 else self._as_text - 1
        times, slots = self._times.parse_block(cells), self._layout.slots
        by_heading = {
            text: times.for_heading(text) for text in dict.fromkeys(slot.time_text for slot in slots)
        }
        parts = [self._read_slot(slot, cells, by_heading[slot.time_text]) for slot in slots]
        starts = np.cumsum([0, *(len(part.records) for part in parts)])
        keys: list[Key] = []
        for part in parts:
            part.records.key[:] += len(keys)
            part.ambiguous.key[:] += len(keys)
            keys += part.keys
        broken = [
            RejectedRows.without_column(cells.broken, cells.broken_rules, slot.group or "", slot.series or "")
            for slot in slots
        ]
        return Rows(
            read=(len(cells.lines) + len(cells.broken)) * len(parts),
            keys=keys,
            records=join_records([part.records for part in parts]),
            ambiguous=_join_ambiguous([part.ambiguous for part in parts], starts[:-1]),
            rejected=join_rejected([*(part.rejected for part in parts), *broken]),
            unzoned=frozenset[str]().union(*(part.unzoned for part in parts)),
        )

    def _read_slot(self, slot: Slot, cells: Cells, block: BlockTimes) -> Rows:
        layout, source = self._layout, self._source
        groups = _names_of(slot.group, layout.group_column, source.group, cells)
        series = _names_of(slot.series, layout.series_column, source.series, cells)
        members = _names_of(slot.member, layout.member_column, source.member, cells)
        zones = [self._raw.zone_of(group) for group in groups.names]
        times = block.in_zones([zone or "UTC" for zone in zones], groups.codes)
        faults = RowFaults(len(cells.lines))
        for column, names, rule in (
            (layout.group_column, groups, GROUP),
            (layout.series_column, series, SERIES),
            (layout.member_column, members, SERIES),
        ):
            if column >= 0:
                faults.mark(np.array([not name for name in names.names], np.bool_)[names.codes], rule, column)
        faults.add(times.faults)
        if slot.time_text:  # the time comes from both heading and line: the value's cell is reported
            faults.column[np.isin(faults.rule, _OF_HEADINGS) & (faults.column < 0)] = max(slot.values)
        values = self._values(slot, cells, faults, ([zone or "UTC" for zone in zones], groups.codes))
        owners = _with_members(series, members) if source.has_members else series
        good, codes = faults.rule == GOOD, groups.codes * len(owners.names) + owners.codes
        records = Records(codes.astype(np.int32), cells.lines, times.fields, tuple(values))
        return Rows(
            read=len(cells.lines),
            keys=[(group, name) for group in groups.names for name in owners.names],
            records=records if good.all() else records.take(np.flatnonzero(good)),
            ambiguous=_ambiguous_rows(times, codes, good),
            rejected=_rejected_rows(cells, faults, groups, series),
            unzoned=frozenset(
                group for group, zone in zip(groups.names, zones, strict=True) if zone is None and group
            ),
        )

    def _values(
        self, slot: Slot, cells: Cells, faults: RowFaults, zones: tuple[list[str], Ints]
    ) -> list[Floats]:
        values = []
        for column, field in zip(slot.values, self._source.values.values(), strict=True):
            if column < 0:
                values.append(np.full(len(cells.lines), np.nan))
                continue
            if field.is_of_texts:
                numbers, bad = read_text_values(cells.texts[column], field, self._source.missing, *zones)
                faults.mark(bad, NUMBER, column)
                values.append(numbers)
                continue
            numbers = blank_markers(cells.numbers[column], self._markers)
            if column in cells.unreadable:
                faults.mark(cells.unreadable[column], NUMBER, column)
            check_values(numbers, field, column, faults)
            values.append(numbers)
        return values


def _ambiguous_rows(times: RowTimes, codes: Ints, good: Flags) -> AmbiguousRows:
    rows = np.flatnonzero(times.ambiguous)
    return AmbiguousRows(
        place=np.where(good[rows], (np.cumsum(good) - 1)[rows], -1) if len(rows) else rows,
        key=codes[rows].astype(np.int32),
        times=tuple(stamps[rows] for stamps in times.fields),
        later=times.later[rows],
    )


def _join_ambiguous(parts: list[AmbiguousRows], starts: Ints) -> AmbiguousRows:
    places = [
        np.where(part.place < 0, -1, part.place + start) for part, start in zip(parts, starts, strict=True)
    ]
    return AmbiguousRows(
        place=np.concatenate(places),
        key=np.concatenate([part.key for part in parts]),
        times=tuple(np.concatenate(times) for times in zip(*(part.times for part in parts), strict=True)),
        later=np.concatenate([part.later for part in parts]),
    )


@dataclass(frozen=True)
class _LineNames:
    """Groups or series of the lines: distinct names, and each line's index into them."""

    names: list[str]
    codes: Ints

    def at(self, rows: Ints) -> Names:
        """Return the names of some lines."""
        return np.array(self.names, object)[self.codes[rows]]


def _with_members(series: _LineNames, members: _LineNames) -> _LineNames:
    """Return the names of the members of each series."""
    return _LineNames(
        [name_with_member(name, member) for name in series.names for member in members.names],
        series.codes * len(members.names) + members.codes,
    )


def _names_of(fixed: str | None, column: int, field: TextField | None, cells: Cells) -> _LineNames:
    if fixed is not None or field is None:
        return _LineNames([fixed or ""], np.zeros(len(cells.lines), np.int64))
    coded = pc.dictionary_encode(cells.texts[column])
    texts: pa.StringArray = coded.dictionary
    names = [field.translate(text.strip()) for text in texts.to_pylist()]
    return _LineNames(names, coded.indices.to_numpy().astype(np.int64))


def _rejected_rows(cells: Cells, faults: RowFaults, groups: _LineNames, series: _LineNames) -> RejectedRows:
    rows = np.flatnonzero(faults.rule != GOOD)
    return RejectedRows(
        cells.lines[rows], faults.rule[rows], faults.column[rows], groups.at(rows), series.at(rows)
    )
