"""Sum series: the load of each group, or of all groups together, is evaluated like a series."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.arrays import Flags, Ints, Values
from hindcast.pipeline.judge.table import SeriesNames, Table

ALL = "all"
"""The group name of the sum over all groups."""

_SUFFIX = {"group": "sum_by_group", "all": "sum_over_all"}


def sum_series(table: Table, over: Literal["group", "all"]) -> Table:
    """Return the table of sums over the series of each group, or over all series, for each track.

    A sum is over the series with a compared row in this split and track; the table contains only the steps where all of
    them have a compared row. Sums are computed in float64 in row order. A reference without a value at one of the rows has
    no value in the sum.
    """
    groups = table.names.groups if over == "group" else (ALL,)
    rows = np.flatnonzero(table.compared)
    series = table.series[rows]
    group = table.names.group_of[series] if over == "group" else np.zeros(len(rows), np.int32)
    part = group.astype(np.int64) * table.tracks + table.track[rows]  # the index of a (group, track)
    order = np.lexsort((table.time[rows], part))  # stable: the rows of a step stay in series order
    rows, part = rows[order], part[order]
    # the first row of each step of each part
    first: Flags = (np.diff(part, prepend=-1) != 0) | (np.diff(table.time[rows], prepend=0) != 0)
    place = np.cumsum(first) - 1
    size = int(series.max(initial=0)) + 1
    expected = np.bincount(
        np.unique(part * size + series[order]) // size
    )  # for each part: the number of series with a row
    whole = np.bincount(place) == expected[part[first]]

    def total(column: Values) -> Values:
        values: Values = np.bincount(place, column[rows].astype(np.float64))[whole].astype(np.float32)
        return values

    heads, parts = rows[first][whole], part[first][whole]
    return Table(
        split=table.split,
        target=f"{table.target}_{_SUFFIX[over]}",
        unit=table.unit,
        names=SeriesNames(groups, ("",) * len(groups), np.arange(len(groups), dtype=np.int32)),
        frequency=table.frequency,
        series=(parts // max(table.tracks, 1)).astype(np.int32),
        track=(parts % max(table.tracks, 1)).astype(np.int16),
        time=table.time[heads],
        origin=table.origin[heads],
        begins=None if table.begins is None else table.begins[heads],
        actual=total(table.actual),
        forecasts={name: total(column) for name, column in table.forecasts.items()},
        compared=np.ones(len(heads), np.bool_),
        flagged=_flagged(table, rows, first, whole),
        labels=table.labels,
    )


def _flagged(table: Table, rows: Ints, first: Flags, whole: Flags) -> NDArray[np.uint32] | None:
    """Return the flags of the sums: a sum is flagged if a row in it is."""
    if table.flagged is None or not len(rows):
        return None
    return np.bitwise_or.reduceat(table.flagged[rows], np.flatnonzero(first))[whole]
