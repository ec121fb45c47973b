"""Cells -> typed rows: names, times and checked values of every (line, series) of a block."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from hindcast.pipeline.raw.csv_blocks import Block
from hindcast.pipeline.raw.csv_cells import Cells, cut
from hindcast.pipeline.raw.csv_layout import Layout, Slot
from hindcast.pipeline.raw.numbers import check, markers_among_numbers, without_markers
from hindcast.pipeline.raw.records import Key, Places, Records
from hindcast.pipeline.raw.records import joined as joined_records
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
    BadRows,
    Findings,
    joined,
)
from hindcast.pipeline.raw.row_times import BlockTimes, Times, TimesReader
from hindcast.pipeline.raw.source_files import mapped
from hindcast.pipeline.settings.clock import Stamps
from hindcast.pipeline.settings.fields import TextField
from hindcast.pipeline.settings.raw import RawSettings, Source

_OF_HEADINGS = (VALID_TIME, AMBIGUOUS, NONEXISTENT, NONEXISTENT_DROPPED, LEAD)
_TEXT_BLOCKS = 7  # read as text, without trying the typed way, after one that failed it


@dataclass(frozen=True)
class Doubled:
    """Rows whose wall time comes twice, slot by slot in the order of lines, those put aside for their values included:
    they too take their turn.

    `place` is the row's place among the records, -1 where it was put aside; `key` its place among the keys; `times` are
    those of the record, the first occurrence among them, and `second` is the later one (ns UTC).
    """

    place: Places
    key: NDArray[np.int32]
    times: tuple[Stamps, ...]
    second: Stamps

    def __len__(self) -> int:
        return len(self.place)


@dataclass(frozen=True)
class Rows:
    """The typed rows of a block: `records` refer to `keys`, slot by slot in the order of lines.

    `doubled` are the rows whose wall time comes twice: the order of rows in the file settles which is meant.
    `unzoned` are groups that `raw.zone` lacks.
    """

    read: int
    keys: list[Key]
    records: Records
    doubled: Doubled
    bad: BadRows
    unzoned: frozenset[str]


@dataclass(frozen=True)
class _Names:
    """Groups or series of the lines: distinct names, and each line's place among them."""

    names: list[str]
    codes: NDArray[np.int64]


class RowReader:
    """Reads the blocks of one file of a source; they may be read in any order and by several threads."""

    def __init__(self, raw: RawSettings, name: str, source: Source, layout: Layout) -> None:
        self._raw, self._source, self._layout = raw, source, layout
        self._times = TimesReader(raw, name, source, layout)
        self._markers = markers_among_numbers(source.missing, source.decimal)
        self._as_text = 0  # blocks still to read as text; a matter of speed alone, so threads may race for it

    def read(self, block: Block) -> Rows:
        """All rows of a block of lines below the header."""
        cells = cut(block, self._layout, self._source, try_typed=self._as_text <= 0)
        self._as_text = 0 if cells.typed else _TEXT_BLOCKS if self._as_text <= 0 else self._as_text - 1
        times = self._times.of_block(cells)
        by_heading = {
            when: times.at(when) for when in dict.fromkeys(slot.when for slot in self._layout.slots)
        }
        lots = [self._read_slot(slot, cells, by_heading[slot.when]) for slot in self._layout.slots]
        starts = np.cumsum([0, *(len(lot.records) for lot in lots)])
        keys: list[Key] = []
        for lot in lots:
            lot.records.key[:] += len(keys)
            lot.doubled.key[:] += len(keys)
            keys += lot.keys
        return Rows(
            read=(len(cells.lines) + len(cells.broken)) * len(lots),
            keys=keys,
            records=joined_records([lot.records for lot in lots]),
            doubled=_joined_doubled([lot.doubled for lot in lots], starts[:-1]),
            bad=joined([*(lot.bad for lot in lots), *(_broken(cells, slot) for slot in self._layout.slots)]),
            unzoned=frozenset[str]().union(*(lot.unzoned for lot in lots)),
        )

    def _read_slot(self, slot: Slot, cells: Cells, block: BlockTimes) -> Rows:
        layout, source = self._layout, self._source
        groups = _names_of(slot.group, layout.group_column, source.group, cells)
        series = _names_of(slot.series, layout.series_column, source.series, cells)
        zones = [self._raw.zone_of(group) for group in groups.names]
        times = block.in_zones([zone or "UTC" for zone in zones], groups.codes)
        findings = Findings(len(cells.lines))
        if layout.group_column >= 0:
            findings.mark(_is_empty(groups), GROUP, layout.group_column)
        if layout.series_column >= 0:
            findings.mark(_is_empty(series), SERIES, layout.series_column)
        findings.add(times.findings)
        if slot.when:  # the heading's part of a time is at fault together with the line's: its cell is shown
            findings.column[np.isin(findings.rule, _OF_HEADINGS) & (findings.column < 0)] = max(slot.values)
        values = self._values(slot, cells, findings)
        good = np.flatnonzero(findings.rule == GOOD)
        codes = groups.codes * len(series.names) + series.codes
        return Rows(
            read=len(cells.lines),
            keys=[(group, name) for group in groups.names for name in series.names],
            records=_records(cells, times, values, codes, good),
            doubled=_doubled(times, codes, findings),
            bad=_bad_rows(cells, findings, groups, series),
            unzoned=frozenset(
                group for group, zone in zip(groups.names, zones, strict=True) if zone is None and group
            ),
        )

    def _values(self, slot: Slot, cells: Cells, findings: Findings) -> list[NDArray[np.float64]]:
        values = []
        for column, field in zip(slot.values, self._source.values.values(), strict=True):
            if column < 0:
                values.append(np.full(len(cells.lines), np.nan))
                continue
            numbers = without_markers(cells.numbers[column], self._markers)
            if column in cells.unreadable:
                findings.mark(cells.unreadable[column], NUMBER, column)
            check(numbers, field, column, findings)
            values.append(numbers)
        return values


def _records(
    cells: Cells, times: Times, values: list[NDArray[np.float64]], codes: NDArray[np.int64], good: Places
) -> Records:
    stamps = [found for found in (times.valid, times.issue, times.known) if found is not None]
    records = Records(codes.astype(np.int32), cells.lines, tuple(stamps), tuple(values))
    return records if len(good) == len(codes) else records.take(good)


def _doubled(times: Times, codes: NDArray[np.int64], findings: Findings) -> Doubled:
    rows = np.flatnonzero(times.doubled) if times.doubled.any() else np.empty(0, np.int64)
    kept = findings.rule == GOOD
    stamps = [found for found in (times.valid, times.issue, times.known) if found is not None]
    return Doubled(
        place=np.where(kept[rows], (np.cumsum(kept) - 1)[rows], -1) if len(rows) else rows,
        key=codes[rows].astype(np.int32),
        times=tuple(stamp[rows] for stamp in stamps),
        second=times.second[rows],
    )


def _joined_doubled(lots: list[Doubled], starts: NDArray[np.int64]) -> Doubled:
    return Doubled(
        place=np.concatenate(
            [np.where(lot.place < 0, -1, lot.place + start) for lot, start in zip(lots, starts, strict=True)]
        ),
        key=np.concatenate([lot.key for lot in lots]),
        times=tuple(np.concatenate(times) for times in zip(*(lot.times for lot in lots), strict=True)),
        second=np.concatenate([lot.second for lot in lots]),
    )


def _names_of(fixed: str | None, column: int, field: TextField | None, cells: Cells) -> _Names:
    if fixed is not None or field is None:
        return _Names([fixed or ""], np.zeros(len(cells.lines), np.int64))
    coded = pc.dictionary_encode(cells.texts[column])
    texts: pa.StringArray = coded.dictionary
    return _Names(
        [mapped(field, text.strip()) for text in texts.to_pylist()], coded.indices.to_numpy().astype(np.int64)
    )


def _is_empty(found: _Names) -> NDArray[np.bool_]:
    return np.array([not name for name in found.names], np.bool_)[found.codes]


def _bad_rows(cells: Cells, findings: Findings, groups: _Names, series: _Names) -> BadRows:
    rows = np.flatnonzero(findings.rule != GOOD)
    return BadRows(
        cells.lines[rows],
        findings.rule[rows],
        findings.column[rows],
        np.array(groups.names, object)[groups.codes[rows]],
        np.array(series.names, object)[series.codes[rows]],
    )


def _broken(cells: Cells, slot: Slot) -> BadRows:
    count = len(cells.broken)
    return BadRows(
        cells.broken,
        cells.broken_rules,
        np.full(count, -1, np.int32),
        np.full(count, slot.group or "", object),
        np.full(count, slot.series or "", object),
    )
