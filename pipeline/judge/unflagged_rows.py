"""Rows whose target or published forecast lies in an interval that the quality check of `ingest` flagged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.arrays import Flags, Ints, Times
from hindcast.pipeline.judge.table import Table, blocks
from hindcast.pipeline.settings.params import Params

_MOST_LABELS = 32  # bits of `Table.flagged`
_OTHER = "other reasons"
_WHOLE_GROUP = ""  # the name of a series in an interval that holds for every series of the group


@dataclass(frozen=True)
class FlaggedIntervals:
    """Half-open intervals in ns UTC; all arrays are (interval,). They may overlap and have any order."""

    source: NDArray[np.object_]
    group: NDArray[np.object_]
    series: NDArray[np.object_]
    value: NDArray[np.object_]
    reason: NDArray[np.object_]
    from_time: Times
    until_time: Times

    @classmethod
    def from_frame(cls, frame: Any) -> FlaggedIntervals:
        """Take the columns of the DataFrame that `tables.read_flags` returns."""
        return cls(*(frame[name].to_numpy() for name in cls.__dataclass_fields__))

    def __len__(self) -> int:
        return len(self.from_time)

    def take(self, chosen: Flags) -> FlaggedIntervals:
        """Return the intervals that `chosen` (interval,) marks."""
        return FlaggedIntervals(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))


def flag_rows(table: Table, intervals: FlaggedIntervals, params: Params) -> Table:
    """Return the table with `flagged`: a bit for each label that flags a row's step, and the `labels`, beside those it has.

    A label is `target: reason` or `published: reason`. The target's intervals are those of the realized sources that have
    the value, the published forecast's those of the sources named by `align.published`. An interval flags every step that
    it overlaps.
    """
    flagged = np.zeros(len(table), np.uint32) if table.flagged is None else table.flagged.copy()
    labels = [*table.labels]
    for side, own in _sides(table.target, intervals, params):
        rows = np.flatnonzero(match_rows(table, own))
        part = _select_rows(table, rows)
        for reason in sorted(set(own.reason)):
            found = match_rows(part, own.take(own.reason == reason))
            if found.any():
                bit = _bit_of(labels, f"{side}: {str(reason).replace('_', ' ')}")
                flagged[rows[found]] |= np.uint32(1 << bit)
    return replace(table, flagged=flagged, labels=tuple(labels)) if labels else table


def match_rows(table: Table, intervals: FlaggedIntervals) -> Flags:
    """Return which rows have a step [time, time + frequency) that overlaps an interval of their series or group."""
    names = table.names
    found = np.zeros(len(table), np.bool_)
    whole = intervals.series == _WHOLE_GROUP
    series_places = {names.key(place): place for place in range(len(names.series))}
    group_places = {name: place for place, name in enumerate(names.groups)}
    keys = zip(intervals.group[~whole], intervals.series[~whole], strict=True)
    for own, places, key_of_series in (
        (intervals.take(~whole), [series_places.get(key, -1) for key in keys], np.arange(len(names.series))),
        (
            intervals.take(whole),
            [group_places.get(name, -1) for name in intervals.group[whole]],
            names.group_of,
        ),
    ):
        key = np.array(places, np.int64)
        known = key >= 0
        if known.any():
            merged = _merge(key[known], own.from_time[known], own.until_time[known])
            for rows in blocks(len(table)):
                row_key = key_of_series[table.series[rows]].astype(np.int64)
                found[rows] |= _overlaps(row_key, table.time[rows], table.frequency, merged)
    return found


def count_labels(table: Table) -> dict[str, int]:
    """Return the number of compared rows that each label flags, most rows first; a row may have several labels."""
    if table.flagged is None:
        return {}
    flagged = table.flagged[table.compared]
    counts = {label: int((flagged >> bit & 1).sum()) for bit, label in enumerate(table.labels)}
    return {label: count for label, count in sorted(counts.items(), key=lambda item: -item[1]) if count}


def _sides(
    target: str, intervals: FlaggedIntervals, params: Params
) -> Iterator[tuple[str, FlaggedIntervals]]:
    """Yield the intervals of the target and of its published forecast."""
    makers = [name for name, source in params.raw.sources_of("realized").items() if target in source.values]
    yield "target", _of_value(intervals, makers, target)
    if target in params.align.published:
        source, dot, value = params.align.published[target].rpartition(".")
        forecasts = params.raw.sources_of("forecast")
        makers = [source] if dot else [name for name, each in forecasts.items() if value in each.values]
        yield "published", _of_value(intervals, makers, value)


def _of_value(intervals: FlaggedIntervals, sources: list[str], value: str) -> FlaggedIntervals:
    of_source: Flags = np.isin(intervals.source.astype(str), sources)
    return intervals.take(of_source & (intervals.value == value))


def _select_rows(table: Table, rows: NDArray[np.intp]) -> Table:
    """Return the rows of a table with what `match_rows` reads of them."""
    return replace(
        table, series=table.series[rows], time=table.time[rows], actual=table.actual[rows], forecasts={}
    )


def _bit_of(labels: list[str], label: str) -> int:
    if label not in labels:
        label = label if len(labels) < _MOST_LABELS - 1 else _OTHER
        if label not in labels:
            labels.append(label)
    return labels.index(label)


@dataclass(frozen=True)
class _Merged:
    """Disjoint intervals ordered by (key, time); `place` combines the key with the rank of `until` among `ends`."""

    place: Ints
    key: Ints
    from_time: Times
    ends: Times  # sorted, each once


def _merge(key: Ints, from_time: Times, until_time: Times) -> _Merged:
    """Merge the intervals of each key that overlap or touch."""
    order = np.lexsort((from_time, key))
    key, from_time = key[order], from_time[order]
    ends, rank = np.unique(until_time[order], return_inverse=True)
    place = np.maximum.accumulate(key * (len(ends) + 1) + rank)  # the latest end so far of the interval's key
    latest = ends[place - key * (len(ends) + 1)]
    first = np.ones(len(key), np.bool_)
    first[1:] = (np.diff(key) != 0) | (from_time[1:] > latest[:-1])
    last = np.append(np.flatnonzero(first)[1:] - 1, len(key) - 1)
    return _Merged(place[last], key[first], from_time[first], ends)


def _overlaps(key: Ints, time: Times, length: int, merged: _Merged) -> Flags:
    """Return which of the steps [time, time + length) overlap an interval of their key."""
    rank = np.searchsorted(merged.ends, time, side="right")  # of the first end after the step's start
    at = np.searchsorted(merged.place, key * (len(merged.ends) + 1) + rank)
    inside = at < len(merged.place)
    at = np.minimum(at, len(merged.place) - 1)
    found: Flags = inside & (merged.key[at] == key) & (merged.from_time[at] < time + length)
    return found
