"""Gradient-boosted trees as a baseline, fitted the way the network is: same rows, weights, scales and residual.

There is one model per target, fitted by LightGBM in its deterministic mode and stored in its text format: the bytes are the
same for any number of threads (tested), and reading them executes nothing. The number of rounds, the error that is minimized
(squared or absolute) and whether a model gets the index of the series are chosen by the mean absolute error on validation. An
index without training rows says nothing, so series that training never saw always get the model without it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.arrays import PUBLISHED_FLAGGED, TARGET_FLAGGED, Flags, Floats, Values
from hindcast.pipeline.errors import FormatError, MissingInputError, TrainingError
from hindcast.pipeline.feed.scaling import Scaling, read_scaling, series_numbers
from hindcast.pipeline.feed.scored_rows import Rows, RowSource, read_blocks, scored_rows
from hindcast.pipeline.files import digest_of_file, file_name, read_json, write_json
from hindcast.pipeline.store.reader import Dataset

FORMAT = "hindcast-trees/1"
FOLDER = "trees"  # below models/
MOST_ROUNDS = 1000
ROUNDS_WITHOUT_VALIDATION = 300

_PATIENCE = 50  # rounds without a better validation error
_MOST_CATEGORIES = (
    255  # LightGBM merges rare categories beyond its bins; with more series the index is used as a number
)
_PARAMETERS = {
    "deterministic": True,
    # by column, one thread adds up a histogram in the order of the rows; by row, threads add up blocks of rows, and the
    # sums depend on their number
    "force_col_wise": True,
    "seed": 0,
    "learning_rate": 0.05,
    "num_leaves": 31,
    "verbosity": -1,
    "metric": "none",
}

Objective = Literal["l2", "l1"]


@dataclass(frozen=True)
class Booster:
    """One fitted model: LightGBM's text, and how it was fitted. `mae` is the validation error in physical units."""

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
        error = "" if best.mae is None else f", validation MAE {best.mae:.4g}"
        return (
            f"trees for {self.name}: {best.rounds} rounds on {self.rows:,} of {self.available:,} training rows, "
            f"{'with' if self.with_series else 'without'} the index of the series"
            f"{', on the error of the published forecast' if self.residual else ''}{error}"
        )


@dataclass(frozen=True)
class TreeData:
    """What trees are fitted on: the data set, its scales, the index of each sequence's series, and `train.residual`.

    Series 1 to `known` are those that training knows; 0 and higher numbers (groups) are those that it never saw.
    """

    source: RowSource
    scaling: Scaling
    numbers: NDArray[np.int32]  # (sequence,)
    known: int
    residual: bool

    def is_known(self, series: NDArray[np.int32]) -> Flags:
        """Return whether training knows each series."""
        return (series > 0) & (series <= self.known)

    def read(self, rows: Rows, target: int) -> tuple[Values, Floats, NDArray[np.int32]]:
        """Return inputs (row, feature) float32, the scaled target to learn (row,) float64 and the series' index (row,)."""
        series = self.numbers[rows.sequence]
        inputs = np.empty((len(rows), len(self.source.features)), np.float32)
        due = np.empty(len(rows), np.float64)
        for block, read in read_blocks(self.source, rows, inputs.shape[1]):
            inputs[block] = self.scaled_inputs(read("X"), series[block])
            offset, spread = self.offset_and_spread(read("published"), series[block], target)
            due[block] = (read("Y")[:, target] - offset) / spread
        return inputs, due, series

    def scaled_inputs(self, inputs: Values, series: NDArray[np.int32]) -> Values:
        """Return inputs in the units of each series if it has its own scale: trees do not see a scale that all share."""
        mean, spread = self.scaling.feature_mean, self.scaling.feature_std
        if mean.ndim == 1:
            return inputs
        return ((inputs - mean[series]) / spread[series]).astype(np.float32)

    def offset_and_spread(
        self, published: Values, series: NDArray[np.int32], target: int
    ) -> tuple[Floats, Floats]:
        """Return what is subtracted from the target, and then divides it: (row,) each.

        It is the published forecast if the network learns its error, and the mean where none was published, as for the
        network.
        """
        mean, spread = (
            table[..., target] if table.ndim == 1 else table[series, target]
            for table in (self.scaling.target_mean, self.scaling.target_std)
        )
        offset = np.broadcast_to(mean, len(series)).astype(np.float64)
        if self.residual:
            offset = np.where(np.isfinite(published[:, target]), published[:, target], offset)
        return offset, np.broadcast_to(spread, len(series))


def fit_trees(
    data: TreeData, *, most_rows: int, seed: int, advance: Callable[[int], None] = lambda _: None
) -> list[TargetTrees | None]:
    """Fit the trees of every target; None for a target without a training row.

    Training rows count as for the network: see `read_weights`. If there are more than `most_rows`, that many
    are chosen at random by `seed`; so are validation rows. Calls `advance(1)` after each target.
    """
    fitted: list[TargetTrees | None] = []
    parts = {name: scored_rows(data.source, name) for name in ("train", "validation")}
    counted = {name: _counted(data, name, rows) for name, rows in parts.items()}
    for target, name in enumerate(data.source.targets):
        chosen = {
            part: parts[part].take(_draw(np.flatnonzero(counted[part][target]), most_rows, [seed, target]))
            for part in parts
        }
        available = int(counted["train"][target].sum())
        fitted.append(_fit_target(data, name, target, chosen, available) if available else None)
        advance(1)
    return fitted


def write_trees(folder: Path, fitted: list[TargetTrees | None], fingerprint: str, scaler: str) -> None:
    """Write `trees.json` and a text file per model into `folder`; `scaler` is the digest of scaler.json."""
    folder.mkdir(parents=True)
    entries = []
    for trees in filter(None, fitted):
        models: dict[str, Any] = {}
        for kind, booster in (("with_series", trees.with_series), ("without_series", trees.without_series)):
            models[kind] = None
            if booster is not None:
                path = folder / f"{file_name(trees.name)}.{kind}.txt"
                path.write_text(booster.text, encoding="utf-8", newline="\n")
                models[kind] = {"file": path.name, "digest": digest_of_file(path), **booster.description()}
        facts = {key: value for key, value in asdict(trees).items() if key not in models}
        entries.append({**facts, **models})
    content = {"format": FORMAT, "fingerprint": fingerprint, "scaler_digest": scaler, "targets": entries}
    write_json(folder / "trees.json", content)


def read_trees(folder: Path) -> dict[str, Any]:
    """Read `trees.json` and compare the digest of every model.

    Raises MissingInputError if there are no trees, FormatError if a file is damaged.
    """
    path = folder / "trees.json"
    if not path.is_file():
        raise MissingInputError(
            f"{path} is missing, and evaluate.baselines lists trees: run the stage `train` again, which fits them."
        )
    content = read_json(path)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise FormatError(f"{path} is not of format {FORMAT}: run the stage `train` again.")
    faults = [
        f"{folder / model['file']} {'was changed' if (folder / model['file']).is_file() else 'is missing'}"
        for entry in content["targets"]
        for model in (entry["with_series"], entry["without_series"])
        if model and not _is_intact(folder / model["file"], model["digest"])
    ]
    if faults:
        raise FormatError("The trees are not those that training wrote: run the stage `train` again.", faults)
    return content


class TreesPredictor:
    """The trees of a folder, to predict with."""

    def __init__(self, folder: Path, content: dict[str, Any], data: TreeData) -> None:
        """Load the models that `content` names, as read by `read_trees`; raises FormatError if one is damaged."""
        self._data = data
        self._models: dict[str, tuple[Any, Any]] = {
            entry["name"]: (
                _load(folder / entry["with_series"]["file"]) if entry["with_series"] else None,
                _load(folder / entry["without_series"]["file"]),
            )
            for entry in content["targets"]
        }

    def predict(self, rows: Rows) -> Values:
        """Predict (target, row) float32 in physical units; NaN for a target without trees."""
        source = self._data.source
        values = np.full((len(source.targets), len(rows)), np.nan, np.float32)
        for block, read in read_blocks(source, rows, len(source.features)):
            series = self._data.numbers[rows.sequence[block]]
            inputs, published = self._data.scaled_inputs(read("X"), series), read("published")
            for target, name in enumerate(source.targets):
                if name in self._models:
                    offset, spread = self._data.offset_and_spread(published, series, target)
                    values[target, block] = offset + spread * self._scaled(name, inputs, series)
        return values

    def _scaled(self, name: str, inputs: Values, series: NDArray[np.int32]) -> Floats:
        with_series, without_series = self._models[name]
        if with_series is None:
            return np.asarray(without_series.predict(inputs))
        known = self._data.is_known(series)
        found = np.empty(len(inputs), np.float64)
        if known.any():
            found[known] = with_series.predict(_with_series(inputs[known], series[known]))
        if not known.all():
            found[~known] = without_series.predict(inputs[~known])
        return found


def open_trees(root: Path, dataset: Dataset) -> tuple[Callable[[Rows], Values], list[dict[str, Any]]]:
    """Open the trees below `root`/models; return what predicts with them, and per target how they were fitted.

    Raises MissingInputError if there are none, FormatError if they are damaged, of another data set or of another scaler.
    """
    models, scaler = root / "models", root / "data" / "scaler.json"
    content = read_trees(models / FOLDER)
    card = read_json(models / "model.json")
    if (content["fingerprint"], content["scaler_digest"]) != (dataset.fingerprint, digest_of_file(scaler)):
        raise FormatError(
            f"The trees in {models / FOLDER} were fitted on another data set or with another scaler: run the stage `train` again."
        )
    known = [(group, series) for group, series in card["series"]]
    scaling = read_scaling(scaler, dataset.features, dataset.targets, dataset.fingerprint, known)
    numbers = series_numbers(dataset.sequences, known, card["groups"])
    data = TreeData(dataset, scaling, numbers, len(known), bool(card["train"]["residual"]))
    return TreesPredictor(models / FOLDER, content, data).predict, [
        _facts(entry) for entry in content["targets"]
    ]


def _facts(entry: dict[str, Any]) -> dict[str, Any]:
    best = entry["with_series"] or entry["without_series"]
    return {
        "target": entry["name"],
        "learns": "the error of the published forecast" if entry["residual"] else "the target",
        "index of the series": "yes" if entry["with_series"] else "no",
        "minimizes": {"l2": "squared errors", "l1": "absolute errors"}[best["objective"]],
        "rounds": best["rounds"],
        "training rows": f"{entry['rows']:,} of {entry['available']:,}",
        "validation MAE": best["validation_mae"],
    }


def _fit_target(data: TreeData, name: str, target: int, rows: dict[str, Rows], available: int) -> TargetTrees:
    inputs, due, series = data.read(rows["train"], target)
    late_inputs, late_due, late_series = data.read(rows["validation"], target)
    known = data.is_known(late_series)
    _, spread = data.offset_and_spread(np.full((len(late_series), target + 1), np.nan), late_series, target)
    category = inputs.shape[1] if len(np.unique(series)) <= _MOST_CATEGORIES else None

    def fit(objective: Objective, *, by_series: bool) -> Booster:
        # only series that training knows decide whether the index helps; others never get it
        chosen = known if by_series or known.any() else np.ones(len(known), np.bool_)
        train, late = (
            _with_series(part, index) if by_series else part
            for part, index in ((inputs, series), (late_inputs[chosen], late_series[chosen]))
        )
        validation = (late, late_due[chosen], spread[chosen])
        return _fit(train, due, validation, objective, category if by_series else None)

    without = fit("l2", by_series=False)
    models = [without, fit("l2", by_series=True)]
    best = min(models, key=_error)
    by_series = best is models[1]
    best = min(best, fit("l1", by_series=by_series), key=_error)
    residual, count = data.residual, len(due)
    if by_series:
        return TargetTrees(name, best, without, residual, count, available)
    return TargetTrees(name, None, best, residual, count, available)


def _fit(
    inputs: Values,
    due: Floats,
    validation: tuple[Values, Floats, Floats],
    objective: Objective,
    category: int | None,
) -> Booster:
    """Fit one model; without validation rows it has a fixed number of rounds."""
    lightgbm = load_library()
    late_inputs, late_due, spread = validation
    parameters = {**_PARAMETERS, "objective": objective}
    categories = [] if category is None else [category]
    train = lightgbm.Dataset(inputs, due, categorical_feature=categories, params=parameters)
    if not len(late_due):
        booster = lightgbm.train(parameters, train, ROUNDS_WITHOUT_VALIDATION)
        return Booster(_text(booster, ROUNDS_WITHOUT_VALIDATION), objective, ROUNDS_WITHOUT_VALIDATION, None)

    def error(predicted: Floats, _: object) -> tuple[str, float, bool]:
        return "mae", float(np.mean(np.abs(predicted - late_due) * spread)), False

    late = lightgbm.Dataset(late_inputs, late_due, reference=train, categorical_feature=categories)
    stop = lightgbm.early_stopping(_PATIENCE, verbose=False)
    booster = lightgbm.train(parameters, train, MOST_ROUNDS, valid_sets=[late], feval=error, callbacks=[stop])
    rounds = booster.best_iteration
    return Booster(_text(booster, rounds), objective, rounds, float(booster.best_score["valid_0"]["mae"]))


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


def _load(path: Path) -> Any:
    lightgbm = load_library()
    try:
        return lightgbm.Booster(model_str=path.read_text(encoding="utf-8"))
    except lightgbm.basic.LightGBMError as fault:
        raise FormatError(f"{path} cannot be read ({fault}): run the stage `train` again.") from None


def _is_intact(path: Path, digest: str) -> bool:
    return path.is_file() and digest_of_file(path) == digest


def _error(booster: Booster) -> float:
    return 0.0 if booster.mae is None else booster.mae


def _with_series(inputs: Values, series: NDArray[np.int32]) -> Values:
    return np.concatenate([inputs, series[:, None].astype(np.float32)], axis=1)


def _counted(data: TreeData, split: str, rows: Rows) -> Flags:
    """Return (target, row) flags: the target is known, and in training nothing is flagged that the trees learn from."""
    source, out = data.source, TARGET_FLAGGED | PUBLISHED_FLAGGED if data.residual else TARGET_FLAGGED
    counted = np.zeros((len(source.targets), len(rows)), np.bool_)
    for block, read in read_blocks(source, rows, len(source.targets)):
        counted[:, block] = (read("W") > 0).T
        if split == "train" and source.has_flagged:
            counted[:, block] &= (read("flagged") & out == 0).T
    return counted


def _draw(rows: NDArray[np.intp], most: int, seed: list[int]) -> NDArray[np.intp]:
    if len(rows) <= most:
        return rows
    return rows[np.sort(np.random.default_rng(seed).choice(len(rows), most, replace=False, shuffle=False))]
