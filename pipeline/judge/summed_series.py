"""Sums over series: a group's load, or all groups' together, judged like a series of its own."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.judge.table import Floats, Names, Table

ALL = "all"
"""The name under which the sum over all groups stands."""

_SUFFIX = {"group": "sum_by_group", "all": "sum_over_all"}


def summed(table: Table, over: Literal["group", "all"]) -> Table:
    """The table of sums over the series of each group, or over all series, track by track.

    Only steps at which every series that the sum has in this split and track has a compared row. Sums are
    taken in float64 in row order. A reference without a value at one of the rows has none in the sum.
    """
    groups = table.names.groups if over == "group" else (ALL,)
    rows = np.flatnonzero(table.compared)
    series = table.series[rows]
    group = table.names.group_of[series] if over == "group" else np.zeros(len(rows), np.int32)
    part = group.astype(np.int64) * table.tracks + table.track[rows]  # a (group, track)
    order = np.lexsort((table.time[rows], part))  # stable: the rows of one step stay in series order
    rows, part = rows[order], part[order]
    first = _starts(part, table.time[rows])
    place = np.cumsum(first) - 1
    whole = np.bincount(place) == _series_of_each(part, series[order])[part[first]]

    def total(column: Floats) -> Floats:
        values: Floats = np.bincount(place, column[rows].astype(np.float64))[whole].astype(np.float32)
        return values

    heads, parts = rows[first][whole], part[first][whole]
    return Table(
        split=table.split,
        target=f"{table.target}_{_SUFFIX[over]}",
        unit=table.unit,
        names=Names(groups, ("",) * len(groups), np.arange(len(groups), dtype=np.int32)),
        frequency=table.frequency,
        series=(parts // max(table.tracks, 1)).astype(np.int32),
        track=(parts % max(table.tracks, 1)).astype(np.int16),
        time=table.time[heads],
        origin=table.origin[heads],
        actual=total(table.actual),
        forecasts={name: total(column) for name, column in table.forecasts.items()},
        compared=np.ones(len(heads), np.bool_),
    )


def _starts(part: NDArray[np.int64], time: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Where a new step of a new or the same part begins."""
    new = np.ones(len(part), np.bool_)
    new[1:] = (part[1:] != part[:-1]) | (time[1:] != time[:-1])
    return new


def _series_of_each(part: NDArray[np.int64], series: NDArray[np.int32]) -> NDArray[np.int64]:
    """By part: how many series have a row at all."""
    size = int(series.max(initial=0)) + 1
    present = np.unique(part * size + series)
    return np.bincount(present // size)
