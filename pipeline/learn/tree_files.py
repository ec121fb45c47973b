"""The files of trees: written by training, read with their digests, and opened to predict with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.arrays import Floats, Values
from hindcast.pipeline.errors import FormatError, MissingInputError
from hindcast.pipeline.feed.scaling import read_scaling, series_numbers
from hindcast.pipeline.feed.scored_rows import Rows, RowSource, read_blocks
from hindcast.pipeline.files import digest_of_file, file_name, read_json, write_json
from hindcast.pipeline.learn.trees import TargetTrees, TreeData, load_library, with_series
from hindcast.pipeline.store.reader import Dataset

FORMAT = "hindcast-trees/1"
FOLDER = "trees"  # below models/
# LightGBM plays all trees row by row: 16 trees stay in a core's fastest memory, 200 do not and take half as long again each
_ROUNDS_TOGETHER = 16


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
        width = data.width
        self._models: dict[str, tuple[Any, Any]] = {
            entry["name"]: (
                _load(folder / entry["with_series"]["file"], width + 1) if entry["with_series"] else None,
                _load(folder / entry["without_series"]["file"], width),
            )
            for entry in content["targets"]
        }

    def predict(self, rows: Rows) -> Values:
        """Predict (target, row) float32 in physical units; NaN for a target without trees."""
        source = self._data.source
        values = np.full((len(source.targets), len(rows)), np.nan, np.float32)
        for block, read in read_blocks(source, rows, len(source.features)):
            series = self._data.numbers[rows.sequence[block]]
            values[:, block] = self.predict_inputs(read("X"), read("published"), series)
        return values

    def predict_inputs(self, physical: Values, published: Values, series: NDArray[np.int32]) -> Values:
        """Predict (target, row) from X (row, feature), the published forecast (row, target) and the index of the series (row,)."""
        values = np.full((len(self._data.source.targets), len(series)), np.nan, np.float32)
        inputs = self._data.scaled_inputs(physical, series)
        for target, name in enumerate(self._data.source.targets):
            if name in self._models:
                offset, spread = self._data.offset_and_spread(published, series, target, physical)
                flagged = self._data.with_flag(inputs, published[:, target])
                values[target] = offset + spread * self._scaled(name, flagged, series)
        return values

    def _scaled(self, name: str, inputs: Values, series: NDArray[np.int32]) -> Floats:
        by_series, without_series = self._models[name]
        if by_series is None:
            return predict_rounds(without_series, inputs)
        known = self._data.is_known(series)
        found = np.empty(len(inputs), np.float64)
        if known.any():
            found[known] = predict_rounds(by_series, with_series(inputs[known], series[known]))
        if not known.all():
            found[~known] = predict_rounds(without_series, inputs[~known])
        return found


def predict_rounds(booster: Any, inputs: Values) -> Floats:
    """Return what LightGBM's `predict` returns, up to the rounding of float64, in less time: (row,)."""
    found = np.zeros(len(inputs), np.float64)
    for first in range(0, max(1, booster.current_iteration()), _ROUNDS_TOGETHER):
        found += booster.predict(inputs, start_iteration=first, num_iteration=_ROUNDS_TOGETHER)
    return found


def open_trees(
    models: Path, scaler: Path, dataset: Dataset
) -> tuple[Callable[[Rows], Values], list[dict[str, Any]]]:
    """Open the trees in `models`; return what predicts with them, and per target how they were fitted.

    Raises MissingInputError if there are none, FormatError if they are damaged, of another data set or of another scaler.
    """
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


@dataclass(frozen=True)
class _Columns:
    """The columns of a data set that is not open."""

    features: tuple[str, ...]
    targets: tuple[str, ...]


def open_served_trees(models: Path) -> TreesPredictor:
    """Open the trees in `models` without a data set, for `predict_inputs`; training with a blend put the scaler beside them.

    Raises MissingInputError if there are none, FormatError if they are damaged.
    """
    content, card = read_trees(models / FOLDER), read_json(models / "model.json")
    columns = _Columns(tuple(card["features"]), tuple(card["targets"]))
    known = [(group, series) for group, series in card["series"]]
    scaler = models / FOLDER / "scaler.json"
    scaling = read_scaling(scaler, columns.features, columns.targets, card["fingerprint"], known)
    data = TreeData(
        cast("RowSource", columns),
        scaling,
        np.zeros(0, np.int32),
        len(known),
        bool(card["train"]["residual"]),
    )
    return TreesPredictor(models / FOLDER, content, data)


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


def _load(path: Path, width: int) -> Any:
    lightgbm = load_library()
    try:
        booster = lightgbm.Booster(model_str=path.read_text(encoding="utf-8"))
    except lightgbm.basic.LightGBMError as fault:
        raise FormatError(f"{path} cannot be read ({fault}): run the stage `train` again.") from None
    if booster.num_feature() != width:
        raise FormatError(
            f"{path} was fitted with {booster.num_feature()} inputs, but these settings give {width}: run the stage `train` again."
        )
    return booster


def _is_intact(path: Path, digest: str) -> bool:
    return path.is_file() and digest_of_file(path) == digest
