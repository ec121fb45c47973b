"""Score intervals: coverage, width and interval score, for all rows and by month, band of leads and top decile; and the CRPS."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.arrays import Flags, Floats, Ints
from hindcast.pipeline.feed.lead_bands import band_text, lead_bands
from hindcast.pipeline.forecasters import delivered
from hindcast.pipeline.judge.table import Table

ALL = "all rows"
FEWEST_ROWS = 100
"""Parts with fewer rows have no scores: a share of fewer values says little."""


@dataclass(frozen=True)
class IntervalScore:
    """The share of actual values inside, the mean width, and the mean interval score of some rows; in the target's unit.

    The interval score (Gneiting and Raftery 2007) is the width, plus 2 / (1 - nominal coverage) times the distance of an actual
    value outside; lower is better.
    """

    coverage: float
    width: float
    score: float


@dataclass(frozen=True)
class ScoredPart:
    """Some of the rows that have intervals of every forecaster: `kind` is `all`, `month`, `lead` or `top_decile`."""

    kind: str
    name: str
    rows: int
    scores: dict[str, IntervalScore]


@dataclass(frozen=True)
class IntervalScores:
    """The scores of the intervals of one nominal coverage. `without` is the number of compared rows without intervals."""

    nominal: float
    without: int
    parts: tuple[ScoredPart, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the scores as written to metrics.json."""
        made: dict[str, Any] = {"rows_without": self.without}
        for part in self.parts:
            found = {
                "rows": part.rows,
                **{
                    name: {"coverage": each.coverage, "width": each.width, "interval_score": each.score}
                    for name, each in part.scores.items()
                },
            }
            if part.kind == "all":
                made |= found
            else:
                made.setdefault(f"by_{part.kind}", {})[part.name] = found
        return made

    def __str__(self) -> str:
        if not self.parts:
            return f"intervals of {self.nominal:.0%}: none, because too few errors were known"
        scores = self.parts[0].scores
        judged = delivered(scores)
        text = f"intervals of {self.nominal:.0%} contain {scores[judged].coverage:.1%} of the actual values"
        if "published" not in scores or not scores["published"].score:
            return text
        ratio = scores[judged].score / scores["published"].score - 1
        return f"{text}; their interval score is {abs(ratio):.1%} {'lower' if ratio <= 0 else 'higher'} than that of the published forecast's errors"


@dataclass(frozen=True)
class Crps:
    """The continuous ranked probability score of each forecaster with intervals, from quantiles at `levels`."""

    levels: tuple[float, ...]
    scores: dict[str, float]


def interval_scores(table: Table) -> tuple[IntervalScores, ...]:
    """Return the scores of each nominal coverage; the rows are those compared that have intervals of every forecaster."""
    kept = _rows_with_bounds(table)
    without = int(table.compared.sum()) - len(kept)
    actual = table.actual[kept].astype(np.float64)
    made = []
    for place, nominal in enumerate(table.coverages):
        ends = {name: bounds[kept, place].astype(np.float64) for name, bounds in table.bounds.items()}
        columns = {name: _columns(actual, bounds, nominal) for name, bounds in ends.items()}
        parts = [
            part
            for kind, names, keys in _parts(table, kept, actual)
            for part in _scored(kind, names, keys, columns)
        ]
        made.append(IntervalScores(nominal, without, tuple(parts)))
    return tuple(made)


def crps_of_intervals(table: Table) -> Crps | None:
    """Return the CRPS of the bounds and the point forecast between them, on the rows of `interval_scores`; None without rows."""
    kept = _rows_with_bounds(table)
    if not table.coverages or not len(kept):
        return None
    outer = [(1 - coverage) / 2 for coverage in table.coverages]
    levels = (*outer[::-1], 0.5, *(1 - level for level in outer))
    actual, scores = table.actual[kept].astype(np.float64), {}
    for name, bounds in table.bounds.items():
        ends, middle = bounds[kept].astype(np.float64), table.forecasts[name][kept].astype(np.float64)
        values = np.concatenate([ends[:, ::-1, 0], middle[:, None], ends[:, :, 1]], axis=1)
        scores[name] = float(crps(actual, np.sort(values, axis=1), levels).mean())
    return Crps(tuple(round(level, 9) for level in levels), scores)


def crps(actual: Floats, values: Floats, levels: Sequence[float]) -> Floats:
    """Return the CRPS of each row from its quantiles (row, level), ascending.

    The CRPS is twice the integral of the pinball loss over the levels from 0 to 1. The loss at a level stands for the levels nearer to it
    than to its neighbours, so the approximation is as good as the levels are dense.
    """
    grid, error = np.array(levels), actual[:, None] - values
    loss = np.maximum(grid * error, (grid - 1) * error)
    found: Floats = 2 * (loss * level_weights(levels)).sum(axis=1)
    return found


def level_weights(levels: Sequence[float]) -> Floats:
    """Return the length of the range of levels that each level stands for; they add up to 1."""
    grid = np.array(levels)
    return np.diff(np.concatenate([[0.0], (grid[1:] + grid[:-1]) / 2, [1.0]]))


def _rows_with_bounds(table: Table) -> Ints:
    kept: Flags = table.compared.copy()
    for bounds in table.bounds.values():
        kept &= ~np.isnan(bounds).any(axis=(1, 2))
    return np.flatnonzero(kept) if table.bounds else np.empty(0, np.int64)


def _columns(actual: Floats, bounds: Floats, nominal: float) -> Floats:
    """Return what is averaged, (3, row): inside or not, width, interval score."""
    low, high = bounds.T
    outside = np.maximum(low - actual, 0) + np.maximum(actual - high, 0)
    width = high - low
    return np.stack([outside == 0, width, width + 2 / (1 - nominal) * outside])


def _parts(table: Table, kept: Ints, actual: Floats) -> Iterator[tuple[str, list[str], NDArray[np.int64]]]:
    """Yield a kind of parts, their names, and the part of each row; -1 if it is in none."""
    yield "all", [ALL], np.zeros(len(kept), np.int64)
    months, month = np.unique(
        table.time[kept].astype("datetime64[ns]").astype("datetime64[M]"), return_inverse=True
    )
    yield "month", [str(each) for each in months], month
    bands, band = np.unique(lead_bands(table.leads(slice(None))[kept]), return_inverse=True)
    yield "lead", [band_text(int(each)) for each in bands], band
    names = ["of actual values", "of forecasts"]
    forecast = table.forecasts[delivered(table.bounds)][kept].astype(np.float64)
    for place, values in enumerate((actual, forecast)):
        yield "top_decile", names, np.where(in_top_decile(table.series[kept], values), place, -1)


def in_top_decile(series: NDArray[np.int32], values: Floats) -> Flags:
    """Return whether each value is among the highest tenth of its series."""
    order = np.lexsort((values, series))
    sorted_ = series[order]
    first = np.searchsorted(sorted_, sorted_)
    size = np.searchsorted(sorted_, sorted_, side="right") - first
    made = np.empty(len(values), np.bool_)
    made[order] = np.arange(len(values)) - first >= np.ceil(0.9 * size)
    return made


def _scored(
    kind: str, names: list[str], keys: NDArray[np.int64], columns: dict[str, Floats]
) -> Iterator[ScoredPart]:
    inside = keys >= 0
    rows = np.bincount(keys[inside], minlength=len(names))
    means = {
        name: np.stack([np.bincount(keys[inside], each[inside], len(names)) for each in values])
        for name, values in columns.items()
    }
    for place in np.flatnonzero(rows >= (1 if kind == "all" else FEWEST_ROWS)).tolist():
        scores = {
            name: IntervalScore(*(sums[:, place] / rows[place]).tolist()) for name, sums in means.items()
        }
        yield ScoredPart(kind, names[place], int(rows[place]), scores)
