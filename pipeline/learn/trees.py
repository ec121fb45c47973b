"""Gradient-boosted trees as a baseline, fitted the way the network is: same rows, weights, scales and residual.

There is one model per target, fitted by LightGBM in its deterministic mode and stored in its text format: the bytes are the
same for any number of threads (tested), and reading them executes nothing. The number of rounds (0: a constant), the error that is
minimized (squared or absolute) and whether a model gets the index of the series are chosen by the mean absolute error on validation.
An index without training rows says nothing, so series that training never saw always get the model without it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.arrays import NOT_LEARNED, PUBLISHED_FLAGGED, Flags, Floats, Ints, Values
from hindcast.pipeline.errors import TrainingError
from hindcast.pipeline.feed.scaling import Scaling
from hindcast.pipeline.feed.scored_rows import Rows, RowSource, Spans, read_blocks, rows_of, scored_spans
from hindcast.pipeline.wording import counted

MOST_ROUNDS = 1000
ROUNDS_WITHOUT_VALIDATION = 300

_PATIENCE = 25  # rounds without a better validation error
_BLOCK_ROWS = 1 << 20  # rows whose weights are read together
_MOST_CATEGORIES = (
    255  # LightGBM merges rare categories beyond its bins; with more series the index is used as a number
)
_PARAMETERS = {
    "deterministic": True,
    # by column, one thread adds up a histogram in the order of the rows; by row, threads add up blocks of rows, and the
    # sums depend on their number
    "force_col_wise": True,
    "seed": 0,
    "learning_rate": 0.1,
    "num_leaves": 31,
    "verbosity": -1,
    "metric": "none",
}
_NO_SPLIT = {"min_gain_to_split": 1e300}

Objective = Literal["l2", "l1"]

Read = tuple[Values, Floats, NDArray[np.int32], Floats]
"""Inputs, scaled targets, series and units of rows, as `TreeData.read` returns them."""


@dataclass(frozen=True)
class Booster:
    """One fitted model: LightGBM's text, and how it was fitted. `mae` is the validation error in physical units.

    With 0 `rounds` the text is a tree without a split.
    """

    text: str
    objective: Objective
    rounds: int
    mae: float | None

    def description(self) -> dict[str, Any]:
        """Return the fields that trees.json records."""
        return {"objective": self.objective, "rounds": self.rounds, "validation_mae": self.mae}


@dataclass(frozen=True)
class TargetTrees:
    """The trees of one target. `with_series` is None if the model without the index of the series was better.

    `rows` of `available` training rows were used.
    """

    name: str
    with_series: Booster | None
    without_series: Booster
    residual: bool
    rows: int
    available: int

    def __str__(self) -> str:
        best = self.with_series or self.without_series
        rounds = counted(best.rounds, "round") if best.rounds else "a constant, better than any tree,"
        error = "" if best.mae is None else f", validation MAE {best.mae:.4g}"
        return (
            f"trees for {self.name}: {rounds} on {self.rows:,} of {counted(self.available, 'training row')}, "
            f"{'with' if self.with_series else 'without'} the index of the series"
            f"{', on the error of the published forecast' if self.residual else ''}{error}"
        )


@dataclass(frozen=True)
class TreeData:
    """What trees are fitted on: the data set, its scales, the index of each sequence's series, and `train.residual`.

    Series 1 to `known` are those of training; 0 and higher numbers (groups) are series without training rows.
    """

    source: RowSource
    scaling: Scaling
    numbers: NDArray[np.int32]  # (sequence,)
    known: int
    residual: bool

    def is_known(self, series: NDArray[np.int32]) -> Flags:
        """Return whether each series is one of training."""
        return (series > 0) & (series <= self.known)

    def read(self, rows: Rows, target: int, check: Callable[[], None] = lambda: None) -> Read:
        """Return inputs (row, `width`) float32, the scaled target to learn (row,) float64, the series' index (row,) and the
        size in physical units of one scaled unit (row,).

        Calls `check()` after each block of rows.
        """
        series = self.numbers[rows.sequence]
        inputs = np.empty((len(rows), self.width), np.float32)
        due, units = np.empty(len(rows), np.float64), np.empty(len(rows), np.float64)
        for block, read in read_blocks(self.source, rows, inputs.shape[1]):
            published, physical = read("published"), read("X")
            inputs[block] = self.with_flag(self.scaled_inputs(physical, series[block]), published[:, target])
            offset, units[block] = self.offset_and_spread(published, series[block], target, physical)
            due[block] = (read("Y")[:, target] - offset) / units[block]
            check()
        return inputs, due, series, units

    @property
    def width(self) -> int:
        """The number of inputs without the index of the series."""
        return len(self.source.features) + self.residual

    def with_flag(self, inputs: Values, published: Values) -> Values:
        """Return inputs, with one more that is 1 where there is a published forecast (row,) if its error is learned."""
        if not self.residual:
            return inputs
        return np.concatenate([inputs, np.isfinite(published)[:, None]], axis=1, dtype=np.float32)

    def scaled_inputs(self, inputs: Values, series: NDArray[np.int32]) -> Values:
        """Return inputs in the units of each series if it has its own scale; a scale that all share changes no tree."""
        mean, spread = self.scaling.feature_mean, self.scaling.feature_std
        if mean.ndim == 1:
            return inputs
        return ((inputs - mean[series]) / spread[series]).astype(np.float32)

    def offset_and_spread(
        self, published: Values, series: NDArray[np.int32], target: int, inputs: Values
    ) -> tuple[Floats, Floats]:
        """Return the offset and the spread of each row (row,): the scaled target is (target - offset) / spread.

        Both are multiplied by the capacity in `inputs` (row, feature), in physical units, if the target has one. The offset
        is the published forecast if its error is learned; otherwise, and where no forecast was published, it is the mean.
        Without a capacity above 0 both are 0. The network uses the same values.
        """
        mean, spread = (
            table[..., target] if table.ndim == 1 else table[series, target]
            for table in (self.scaling.target_mean, self.scaling.target_std)
        )
        size: Floats = np.ones(1)
        if self.scaling.capacity:
            size = np.maximum(self.scaling.sizes(inputs)[:, target].astype(np.float64), 0.0)
            mean, spread = mean * size, spread * size
        offset = np.broadcast_to(mean, len(series)).astype(np.float64)
        if self.residual:
            offset = np.where(np.isfinite(published[:, target]) & (size > 0), published[:, target], offset)
        return offset, np.broadcast_to(spread, len(series))


class TreeFitter:
    """Fits the trees of a data set, one target at a time.

    Training rows count as for the network: see `read_weights`. If there are more than `most_rows`, that many
    are chosen at random by `seed`; so are validation rows. Before each model, `threads()` says how many threads may fit it
    (0: as many as there are processors), which changes no byte. `check()` is called after each round and each
    block of rows, and may end the work by raising.
    """

    def __init__(
        self,
        data: TreeData,
        *,
        most_rows: int,
        seed: int,
        threads: Callable[[], int] = lambda: 0,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._data, self._most_rows, self._seed = data, most_rows, seed
        self._threads, self._check = threads, check

    def fit(self, target: int) -> TargetTrees | None:
        """Fit the trees of a target, by its number; None if it has no training row."""
        available = int(self._parts["train"][1][target].sum())
        if not available:
            return None
        data, boost = self._data, partial(_boost, threads=self._threads, check=self._check)
        parts = [
            data.read(rows_of(data.source, spans, self._draw(counted[target], target)), target, self._check)
            for spans, counted in self._parts.values()
        ]
        return _fit_target(data, target, parts, available, boost)

    @cached_property
    def _parts(self) -> dict[str, tuple[Spans, Flags]]:
        spans = {part: scored_spans(self._data.source, part) for part in ("train", "validation")}
        return {part: (spans[part], _counted(self._data, part, spans[part], self._check)) for part in spans}

    def _draw(self, counted: Flags, target: int) -> Ints:
        numbers = np.flatnonzero(counted)
        if len(numbers) <= self._most_rows:
            return numbers
        random = np.random.default_rng([self._seed, target])
        return numbers[np.sort(random.choice(len(numbers), self._most_rows, replace=False, shuffle=False))]


@dataclass(frozen=True)
class Binned:
    """The rows on which several models of a target are fitted, sorted into LightGBM's bins once.

    - `train`: the training rows; `due` are their scaled targets.
    - `late`: the validation rows, None if there are none; `late_due` are their scaled targets.
    - `spread`: the size of one scaled unit in physical units, for each validation row (row,).
    - `inputs`: the inputs of the first training row, not binned.
    """

    train: Any
    due: Floats
    late: Any
    late_due: Floats
    spread: Floats
    inputs: Values


def bin_rows(
    inputs: Values, due: Floats, validation: tuple[Values, Floats, Floats], category: int | None
) -> Binned:
    """Put training and validation rows into bins; `category` is the number of the input that is a category."""
    lightgbm = load_library()
    late_inputs, late_due, spread = validation
    categories = [] if category is None else [category]
    train = lightgbm.Dataset(inputs, due, categorical_feature=categories, params=dict(_PARAMETERS))
    late = lightgbm.Dataset(late_inputs, late_due, reference=train, categorical_feature=categories)
    return Binned(train, due, late if len(late_due) else None, late_due, spread, inputs[:1].copy())


def _fit_target(
    data: TreeData, target: int, parts: list[Read], available: int, boost: Callable[..., Booster]
) -> TargetTrees:
    (inputs, due, series, _), (late_inputs, late_due, late_series, spread) = parts
    known = data.is_known(late_series)
    constant = 0.0 if data.residual else None
    category = inputs.shape[1] if len(np.unique(series)) <= _MOST_CATEGORIES else None

    def binned(*, by_series: bool) -> Binned:
        # only series that training knows decide whether the index helps; others never get it
        chosen = known if by_series or known.any() else np.ones(len(known), np.bool_)
        early, later = (
            with_series(part, index) if by_series else part
            for part, index in ((inputs, series), (late_inputs[chosen], late_series[chosen]))
        )
        return bin_rows(
            early, due, (later, late_due[chosen], spread[chosen]), category if by_series else None
        )

    tables = [binned(by_series=False), binned(by_series=True)]
    models = [boost(table, "l2", base=constant) for table in tables]
    without, best = models[0], min(models, key=_error)
    by_series = best is models[1]
    best = min(best, boost(tables[by_series], "l1", base=constant), key=_error)
    name, residual, count = data.source.targets[target], data.residual, len(due)
    if by_series:
        return TargetTrees(name, best, without, residual, count, available)
    return TargetTrees(name, None, best, residual, count, available)


def _boost(
    rows: Binned,
    objective: Objective,
    *,
    base: float | None = None,
    threads: Callable[[], int] = lambda: 0,
    check: Callable[[], None] = lambda: None,
) -> Booster:
    """Fit one model; without validation rows it has a fixed number of rounds.

    If no tree is better on validation, it is the constant `base`, or for None the constant that fits the training rows best.
    """
    lightgbm = load_library()
    parameters = {**_PARAMETERS, "objective": objective, "num_threads": threads()}

    def interrupt(_: object) -> None:
        check()

    if rows.late is None:
        booster = lightgbm.train(parameters, rows.train, ROUNDS_WITHOUT_VALIDATION, callbacks=[interrupt])
        return Booster(_text(booster, ROUNDS_WITHOUT_VALIDATION), objective, ROUNDS_WITHOUT_VALIDATION, None)

    # reused: new memory in each round would take longer than the arithmetic
    errors = np.empty_like(rows.late_due)

    def error(predicted: Floats | float, _: object) -> tuple[str, float, bool]:
        np.abs(np.subtract(predicted, rows.late_due, out=errors), out=errors)
        return "mae", float(np.mean(np.multiply(errors, rows.spread, out=errors))), False

    stop = lightgbm.early_stopping(_PATIENCE, verbose=False)
    booster = lightgbm.train(
        parameters, rows.train, MOST_ROUNDS, valid_sets=[rows.late], feval=error, callbacks=[stop, interrupt]
    )
    rounds, best = booster.best_iteration, float(booster.best_score["valid_0"]["mae"])
    if base is not None:
        rows.train.set_label(np.full(len(rows.due), base))
    constant = lightgbm.train({**parameters, **_NO_SPLIT}, rows.train, 1)
    rows.train.set_label(rows.due)  # for the next model
    _, without, _ = error(float(constant.predict(rows.inputs)[0]), None)
    if without <= best:
        return Booster(_text(constant, 1), objective, 0, without)
    return Booster(_text(booster, rounds), objective, rounds, best)


def load_library() -> Any:
    """Import LightGBM; raise TrainingError if the system lacks the library that it is linked with."""
    # OpenMP reads this when it is loaded. By default its threads spin while they wait: with other programs on the same
    # cores a fit of 3 s took 50 s (measured on two cores). With passive waiting it takes 3 to 8 s; the result is the same.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        import lightgbm
    except OSError as fault:
        raise TrainingError(
            "LightGBM, which fits the trees, needs a library of the system that is missing: install libgomp1 (Debian, "
            "Ubuntu), libgomp (Fedora) or libomp (macOS), or remove trees from evaluate.baselines.",
            [str(fault)],
        ) from None
    return lightgbm


def _text(booster: Any, rounds: int) -> str:
    """Return LightGBM's text of a model without the number of threads, on which nothing else depends."""
    lines = booster.model_to_string(num_iteration=rounds).split("\n")
    return "\n".join(line for line in lines if not line.startswith("[num_threads:"))


def _error(booster: Booster) -> float:
    return 0.0 if booster.mae is None else booster.mae


def with_series(inputs: Values, series: NDArray[np.int32]) -> Values:
    """Return inputs with the index of the series (row,) as one more."""
    return np.concatenate([inputs, series[:, None].astype(np.float32)], axis=1)


def _counted(data: TreeData, split: str, spans: Spans, check: Callable[[], None]) -> Flags:
    """Return (target, row) flags: the target is known, and in training nothing is flagged that the trees learn from."""
    source, out = data.source, NOT_LEARNED | PUBLISHED_FLAGGED if data.residual else NOT_LEARNED
    counted = np.zeros((len(source.targets), len(spans)), np.bool_)
    for start in range(0, len(spans), _BLOCK_ROWS):
        part = counted[:, start : start + _BLOCK_ROWS]
        rows = rows_of(source, spans, np.arange(start, start + part.shape[1]))
        for block, read in read_blocks(source, rows, len(source.targets)):
            part[:, block] = (read("W") > 0).T
            if split == "train" and source.has_flagged:
                part[:, block] &= (read("flagged") & out == 0).T
            if data.scaling.capacity:
                part[:, block] &= (data.scaling.sizes(read("X")) > 0).T
            check()
    return counted
