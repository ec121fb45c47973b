"""Gradient-boosted trees as a baseline: the same rows and features as the network, plus the index of the series.

There is one model per target, fitted to the squared error. The index of a series without training rows carries no
information: scikit-learn sends an unseen category down the larger branch. Such series get a second model, fitted to the
same rows without the index. The histograms and partitions of scikit-learn keep row order, so the trees are the same for
any number of threads (tested).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.arrays import Flags, Values
from hindcast.pipeline.feed.scored_rows import Rows
from hindcast.pipeline.judge.load import EvaluationSource, read_blocks

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingRegressor

ITERATIONS = 300
_MOST_CATEGORIES = (
    255  # scikit-learn's limit for a categorical column; with more series the index is used as a number
)


@dataclass(frozen=True)
class _Model:
    """The trees of one target: for series in the training rows, and for other series (None if there are no others)."""

    seen: Flags  # (series,)
    with_index: HistGradientBoostingRegressor
    without_index: HistGradientBoostingRegressor | None

    def predict(self, inputs: Values, series: NDArray[np.int32]) -> Values:
        """Predict (row,) float32 from inputs (row, feature) and the series index of each row."""
        values = np.empty(len(inputs), np.float32)
        seen = self.seen[series]
        if seen.any():
            values[seen] = self.with_index.predict(_with_series(inputs[seen], series[seen]))
        if self.without_index is not None and not seen.all():
            values[~seen] = self.without_index.predict(inputs[~seen])
        return values


@dataclass(frozen=True)
class Trees:
    """The fitted trees: one model per target, None for a target without training rows."""

    models: tuple[_Model | None, ...]

    def predict(self, dataset: EvaluationSource, rows: Rows, series_of: NDArray[np.int32]) -> Values:
        """Predict (target, row) float32 in physical units; NaN for a target without a model."""
        values = np.full((len(self.models), len(rows)), np.nan, np.float32)
        for block, read in read_blocks(dataset, rows, len(dataset.features)):
            inputs, series = read("X"), series_of[rows.sequence[block]]
            for target, model in enumerate(self.models):
                if model is not None:
                    values[target, block] = model.predict(inputs, series)
        return values


def fit_trees(
    dataset: EvaluationSource,
    rows: Rows,
    series_of: NDArray[np.int32],
    *,
    most_rows: int,
    seed: int,
    advance: Callable[[int], None],
) -> Trees:
    """Fit on the training rows with a known target, or on `most_rows` of them chosen at random by `seed` if there are more.

    Calls `advance(1)` after each target.
    """
    known = np.zeros((len(dataset.targets), len(rows)), np.bool_)
    for block, read in read_blocks(dataset, rows, len(dataset.targets)):
        known[:, block] = (read("W") > 0).T
        if dataset.has_flagged:
            known[:, block] &= (read("flagged") == 0).T
    models: list[_Model | None] = []
    for target in range(len(dataset.targets)):
        chosen = _draw_rows(np.flatnonzero(known[target]), most_rows, [seed, target])
        series = series_of[rows.sequence[chosen]]
        inputs, actual = _read_rows(dataset, rows, chosen, target)
        models.append(_fit_target(inputs, actual, series, int(series_of.max()) + 1) if len(chosen) else None)
        advance(1)
    return Trees(tuple(models))


def _draw_rows(rows: NDArray[np.intp], most: int, seed: list[int]) -> NDArray[np.intp]:
    if len(rows) <= most:
        return rows
    return rows[np.sort(np.random.default_rng(seed).choice(len(rows), most, replace=False, shuffle=False))]


def _read_rows(
    dataset: EvaluationSource, rows: Rows, chosen: NDArray[np.intp], target: int
) -> tuple[Values, Values]:
    inputs = np.empty((len(chosen), len(dataset.features)), np.float32)
    actual = np.empty(len(chosen), np.float32)
    for block, read in read_blocks(dataset, rows.take(chosen), len(dataset.features)):
        inputs[block] = read("X")
        actual[block] = read("Y")[:, target]
    return inputs, actual


def _fit_target(inputs: Values, actual: Values, series: NDArray[np.int32], count: int) -> _Model:
    seen = np.zeros(count, np.bool_)
    seen[series] = True
    index = inputs.shape[1] if count <= _MOST_CATEGORIES else None
    fitted = _fit(_with_series(inputs, series), actual, index)
    return _Model(seen, fitted, None if seen.all() else _fit(inputs, actual, None))


def _fit(inputs: Values, actual: Values, category: int | None) -> HistGradientBoostingRegressor:
    # OpenMP reads this when it is loaded. By default its threads spin while they wait: with other programs on the same
    # cores a fit of 3 s took 50 s (measured on two cores). With passive waiting it takes 3 to 8 s; the result is the same.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    from sklearn.ensemble import HistGradientBoostingRegressor

    model = HistGradientBoostingRegressor(
        max_iter=ITERATIONS,
        early_stopping=False,  # its random hold-out would mix dependent hours
        categorical_features=None if category is None else [category],
        random_state=0,
    )
    return model.fit(inputs, actual)


def _with_series(inputs: Values, series: NDArray[np.int32]) -> Values:
    return np.concatenate([inputs, series[:, None].astype(np.float32)], axis=1)
