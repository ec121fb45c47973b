"""Gradient-boosted trees as a baseline: the same rows and features as the network, plus the series' index.

One model a target, squared error. Histograms and partitions of scikit-learn's implementation keep row order,
so the trees are the same for any number of threads (a test holds it).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.feed.rows import Rows
from pipeline.judge.reading import Judged, in_blocks
from pipeline.judge.table import Floats

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingRegressor

ITERATIONS = 300
_MOST_CATEGORIES = 255  # scikit-learn's limit for a categorical column; beyond it the index is a number


@dataclass(frozen=True)
class Trees:
    """The fitted trees, one model a target; None where a target has no training row."""

    models: tuple[HistGradientBoostingRegressor | None, ...]
    rows: tuple[int, ...]

    def predict(self, dataset: Judged, rows: Rows, series_of: NDArray[np.int32]) -> Floats:
        """(target, row) float32 in physical units; NaN where there is no model."""
        values = np.full((len(self.models), len(rows)), np.nan, np.float32)
        for place, read in in_blocks(dataset, rows, len(dataset.features)):
            inputs = _with_series(read("X"), series_of[rows.sequence[place]])
            for target, model in enumerate(self.models):
                if model is not None:
                    values[target, place] = model.predict(inputs)
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
        inputs, actual = _training(dataset, rows, chosen, series_of, target)
        models.append(_fitted(inputs, actual, int(series_of.max(initial=0)) + 1) if len(chosen) else None)
        advance(1)
    return Trees(tuple(models), tuple(counts))


def _drawn(rows: NDArray[np.intp], most: int, seed: list[int]) -> NDArray[np.intp]:
    if len(rows) <= most:
        return rows
    return rows[np.sort(np.random.default_rng(seed).choice(len(rows), most, replace=False, shuffle=False))]


def _training(
    dataset: Judged, rows: Rows, chosen: NDArray[np.intp], series_of: NDArray[np.int32], target: int
) -> tuple[Floats, Floats]:
    some = Rows(
        rows.sequence[chosen], rows.step[chosen], rows.sample[chosen], rows.offset[chosen], rows.time[chosen]
    )
    inputs = np.empty((len(some), len(dataset.features) + 1), np.float32)
    actual = np.empty(len(some), np.float32)
    for place, read in in_blocks(dataset, some, len(dataset.features)):
        inputs[place] = _with_series(read("X"), series_of[some.sequence[place]])
        actual[place] = read("Y")[:, target]
    return inputs, actual


def _fitted(inputs: Floats, actual: Floats, series: int) -> HistGradientBoostingRegressor:
    # Read when OpenMP is loaded. Its threads spin while they wait: with other programs on the same cores a fit
    # of 3 s took 50 (measured on two cores); passive waiting takes 3 to 8 and changes no result.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    from sklearn.ensemble import HistGradientBoostingRegressor

    model = HistGradientBoostingRegressor(
        max_iter=ITERATIONS,
        early_stopping=False,  # its random hold-out would mix hours that depend on each other
        categorical_features=[inputs.shape[1] - 1] if series <= _MOST_CATEGORIES else None,
        random_state=0,
    )
    return model.fit(inputs, actual)


def _with_series(inputs: Floats, series: NDArray[np.int32]) -> Floats:
    return np.concatenate([inputs, series[:, None].astype(np.float32)], axis=1)
