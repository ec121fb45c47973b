"""A few rows to look at: a typical and a hard week, and a thinned cloud of pairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.judge.scores import DAY, Judgement
from hindcast.pipeline.judge.table import Floats, Integers, Table

_DAYS = 7
_POINTS = 1500  # enough to see a cloud's shape, few enough for a small file


@dataclass(frozen=True)
class Week:
    """Regular steps of one series and track; `columns` are actual, model and whom it is measured by, NaN where
    a step is not compared; so is `band`, the model's outermost quantiles, if it has any.
    """

    kind: str
    group: str
    series: str
    track: int
    time: Integers
    columns: dict[str, Floats]
    band: tuple[Floats, Floats] | None = None


@dataclass(frozen=True)
class Examples:
    """What the plots show of single rows."""

    weeks: tuple[Week, ...]
    actual: Floats
    model: Floats


def examples_of(table: Table, judgement: Judgement) -> Examples | None:
    """The week of the series with the median and of the one with the largest MAE; pairs at even distances."""
    if "model" not in judgement.by_series or not judgement.comparison.compared:
        return None
    sums = judgement.by_series["model"]
    keys = np.flatnonzero(sums.n)
    order = keys[np.argsort(sums.mean_absolute()[keys], kind="stable")]
    chosen = {"typical": int(order[(len(order) - 1) // 2]), "hardest": int(order[-1])}
    if chosen["typical"] == chosen["hardest"]:
        del chosen["hardest"]
    weeks = tuple(_week(table, judgement, kind, key) for kind, key in chosen.items())
    pairs = _thinned(np.flatnonzero(table.compared))
    return Examples(weeks, table.actual[pairs], table.forecasts["model"][pairs])


def _week(table: Table, judgement: Judgement, kind: str, key: int) -> Week:
    series, track = divmod(key, judgement.tracks)
    first, last = np.searchsorted(table.series, [series, series + 1])
    rows = first + np.flatnonzero(table.compared[first:last] & (table.track[first:last] == track))
    middle = table.time[rows[len(rows) // 2]] // DAY * DAY
    start = middle - (_DAYS // 2) * DAY
    rows = rows[(table.time[rows] >= start) & (table.time[rows] < start + _DAYS * DAY)]
    time = np.arange(table.time[rows[0]], table.time[rows[-1]] + 1, table.frequency)
    place = (table.time[rows] - time[0]) // table.frequency
    shown = {"actual": table.actual, "model": table.forecasts["model"]}
    if judgement.against is not None:
        shown[judgement.against] = table.forecasts[judgement.against]
    columns = {name: _placed(values[rows], place, len(time)) for name, values in shown.items()}
    band = None
    if table.quantiles is not None:
        low, high = (_placed(table.quantiles[rows, end], place, len(time)) for end in (0, -1))
        band = (low, high)
    return Week(kind, *judgement.names.key(series), track, time, columns, band)


def _placed(values: Floats, place: Integers, size: int) -> Floats:
    column = np.full(size, np.nan, np.float32)
    column[place] = values
    return column


def _thinned(rows: NDArray[np.intp]) -> NDArray[np.intp]:
    return rows[:: max(1, -(-len(rows) // _POINTS))]
