"""Choose a few rows for the plots: a typical and a hard week, and a subsample of (actual, model) pairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hindcast.pipeline.arrays import Flags, Ints, Times, Values
from hindcast.pipeline.judge.scores import Judgement
from hindcast.pipeline.judge.table import Table
from hindcast.pipeline.settings.base import DAY

_DAYS = 7
_POINTS = 1500  # enough to show the shape of a scatter plot, few enough for a small file


@dataclass(frozen=True)
class Week:
    """Regular steps of one series and track; `time` (step,) is in ns UTC.

    `columns` (step,) are the actual values, the model and its rival, NaN where a step is not compared. `band` holds the
    model's outermost quantiles in the same form, if it has any.
    """

    kind: str
    group: str
    series: str
    track: int
    time: Times
    columns: dict[str, Values]
    band: tuple[Values, Values] | None = None
    flagged: Flags | None = None  # (step,) whether the quality check flagged the step; None: no step


@dataclass(frozen=True)
class Examples:
    """The rows that the plots show: weeks, and pairs of actual and model; both arrays are (pair,)."""

    weeks: tuple[Week, ...]
    actual: Values
    model: Values


def choose_examples(table: Table, judgement: Judgement) -> Examples | None:
    """Choose one week of the series with the median MAE, one of the series with the largest MAE, and evenly spaced pairs."""
    if judgement.judged not in judgement.by_series or not judgement.comparison.compared:
        return None
    sums = judgement.by_series[judgement.judged]
    keys = np.flatnonzero(sums.n)
    order = keys[np.argsort(sums.mean_absolute()[keys], kind="stable")]
    chosen = {"typical": int(order[(len(order) - 1) // 2]), "hardest": int(order[-1])}
    if chosen["typical"] == chosen["hardest"]:
        del chosen["hardest"]
    weeks = tuple(_week(table, judgement, kind, key) for kind, key in chosen.items())
    pairs = np.flatnonzero(table.compared)
    pairs = pairs[:: max(1, -(-len(pairs) // _POINTS))]
    return Examples(weeks, table.actual[pairs], table.forecasts[judgement.judged][pairs])


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
    shown[judgement.judged] = table.forecasts[judgement.judged]
    if judgement.rival is not None:
        shown[judgement.rival] = table.forecasts[judgement.rival]
    columns = {name: _place_values(values[rows], place, len(time)) for name, values in shown.items()}
    band = None
    if table.quantiles is not None:
        low, high = (_place_values(table.quantiles[rows, end], place, len(time)) for end in (0, -1))
        band = (low, high)
    flagged = None
    if table.flagged is not None and table.flagged[rows].any():
        flagged = np.zeros(len(time), np.bool_)
        flagged[place] = table.flagged[rows] > 0
    return Week(kind, *judgement.names.key(series), track, time, columns, band, flagged)


def _place_values(values: Values, place: Ints, size: int) -> Values:
    column = np.full(size, np.nan, np.float32)
    column[place] = values
    return column
