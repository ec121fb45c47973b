"""Gradient-boosted trees as a baseline: the same rows and features as the network, plus the series' index.

One model a target, squared error. A series without a training row has no index that says anything: scikit-learn sends
a category that it has not seen down whichever branch is the larger. Such series have a second model, fitted to the same
rows without the index. Histograms and partitions of scikit-learn's implementation keep row order,
so the trees are the same for any number of threads (a test holds it).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.feed.scored_rows import Rows
from hindcast.pipeline.judge.load import Judged, in_blocks
from hindcast.pipeline.judge.table import Floats

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingRegressor

ITERATIONS = 300
_MOST_CATEGORIES = 255  # scikit-learn's limit for a categorical column; beyond it the index is a number


@dataclass(frozen=True)
class _Model:
    """A target's trees: for series of the training rows, and for others (None: the data set holds no other)."""

    seen: NDArray[np.bool_]  # (series,)
    with_index: HistGradientBoostingRegressor
    without: HistGradientBoostingRegressor | None

    def predict(self, inputs: Floats, series: NDArray[np.int32]) -> Floats:
        """(row,): of inputs (row, feature) and the series of each."""
        values = np.empty(len(inputs), np.float32)
        seen = self.seen[series]
        if seen.any():
            values[seen] = self.with_index.predict(_with_series(inputs[seen], series[seen]))
        if self.without is not None and not seen.all():
            values[~seen] = self.without.predict(inputs[~seen])
        return values


@dataclass(frozen=True)
class Trees:
    """The fitted trees, one model a target; None where a target has no training row."""

    models: tuple[_Model | None, ...]
    rows: tuple[int, ...]

    def predict(self, dataset: Judged, rows: Rows, series_of: NDArray[np.int32]) -> Floats:
        """(target, row) float32 in physical units; NaN where there is no model."""
        values = np.full((len(self.models), len(rows)), np.nan, np.float32)
        for place, read in in_blocks(dataset, rows, len(dataset.features)):
            inputs, series = read("X"), series_of[rows.sequence[place]]
            for target, model in enumerate(self.models):
                if model is not None:
                    values[target, place] = model.predict(inputs, series)
        return values


def fit_trees(
    dataset: Judged,
    rows: Rows,
    series_of: NDArray[np.int32],
    *,
    most_rows: int,
    seed: int,
    advance: Callable[[int], None],
) -> Trees:
    """Fit on the training rows whose target is known, at most `most_rows` of them drawn by `seed`.

    Calls `advance(1)` after each target.
    """
    known = np.zeros((len(dataset.targets), len(rows)), np.bool_)
    for place, read in in_blocks(dataset, rows, len(dataset.targets)):
        known[:, place] = (read("W") > 0).T
    models, counts = [], []
    for target in range(len(dataset.targets)):
        chosen = _drawn(np.flatnonzero(known[target]), most_rows, [seed, target])
        counts.append(len(chosen))
        series = series_of[rows.sequence[chosen]]
        inputs, actual = _training(dataset, rows, chosen, target)
        models.append(_model(inputs, actual, series, int(series_of.max()) + 1) if len(chosen) else None)
        advance(1)
    return Trees(tuple(models), tuple(counts))


def _drawn(rows: NDArray[np.intp], most: int, seed: list[int]) -> NDArray[np.intp]:
    if len(rows) <= most:
        return rows
    return rows[np.sort(np.random.default_rng(seed).choice(len(rows), most, replace=False, shuffle=False))]


def _training(dataset: Judged, rows: Rows, chosen: NDArray[np.intp], target: int) -> tuple[Floats, Floats]:
    some = Rows(
        rows.sequence[chosen], rows.step[chosen], rows.sample[chosen], rows.offset[chosen], rows.time[chosen]
    )
    inputs = np.empty((len(some), len(dataset.features)), np.float32)
    actual = np.empty(len(some), np.float32)
    for place, read in in_blocks(dataset, some, len(dataset.features)):
        inputs[place] = read("X")
        actual[place] = read("Y")[:, target]
    return inputs, actual


def _model(inputs: Floats, actual: Floats, series: NDArray[np.int32], count: int) -> _Model:
    seen = np.zeros(count, np.bool_)
    seen[series] = True
    index = inputs.shape[1] if count <= _MOST_CATEGORIES else None
    fitted = _fitted(_with_series(inputs, series), actual, index)
    return _Model(seen, fitted, None if seen.all() else _fitted(inputs, actual, None))


def _fitted(inputs: Floats, actual: Floats, category: int | None) -> HistGradientBoostingRegressor:
    # Read when OpenMP is loaded. Its threads spin while they wait: with other programs on the same cores a fit
    # of 3 s took 50 (measured on two cores); passive waiting takes 3 to 8 and changes no result.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    from sklearn.ensemble import HistGradientBoostingRegressor

    model = HistGradientBoostingRegressor(
        max_iter=ITERATIONS,
        early_stopping=False,  # its random hold-out would mix hours that depend on each other
        categorical_features=None if category is None else [category],
        random_state=0,
    )
    return model.fit(inputs, actual)


def _with_series(inputs: Floats, series: NDArray[np.int32]) -> Floats:
    return np.concatenate([inputs, series[:, None].astype(np.float32)], axis=1)
