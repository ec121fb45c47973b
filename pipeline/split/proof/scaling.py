"""Kind `scaler`: the moments in scaler.json are those of the training rows, and of no others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.split.proof.findings import Findings
from pipeline.split.proof.walk import Stretch, stretches
from pipeline.store.reader import Dataset

TOLERANCE = 1e-6
"""Of the standard deviation, for means and deviations: beyond it other rows were used, not another rounding."""

Rows = Callable[[], Iterator[tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]]]


def check_scaler(dataset: Dataset, scaler: dict[str, Any]) -> Findings:
    """Mean, deviation and count of every feature and target, recomputed in two passes over the training rows."""
    found = Findings(
        "scaler", f"the scaler is that of the training rows alone, within {TOLERANCE:g} of a deviation"
    )
    if scaler["fingerprint"] != dataset.fingerprint:
        found.blame("scaler.json was fitted on another data set: its fingerprint is not that of dataset.h5")
        return found
    for kind, names, rows in (
        ("features", dataset.features, lambda: _input_rows(dataset)),
        ("targets", dataset.targets, lambda: _target_rows(dataset)),
    ):
        entries = scaler[kind]
        if [entry["name"] for entry in entries] != list(names):
            found.blame(
                f"{kind}: scaler.json names {[entry['name'] for entry in entries]}, dataset.h5 {list(names)}"
            )
        elif scaler["by"] == "none":
            _check_identity(found, entries)
        else:
            _check_moments(found, entries, rows)
    return found


def _check_identity(found: Findings, entries: list[dict[str, Any]]) -> None:
    for entry in entries:
        if (entry["mean"], entry["std"]) != (0.0, 1.0):
            found.blame(
                f"{entry['name']}: scale.by is none, yet mean {entry['mean']!r} and std {entry['std']!r}"
            )


def _check_moments(found: Findings, entries: list[dict[str, Any]], rows: Rows) -> None:
    count = np.zeros(len(entries), np.int64)
    total = np.zeros(len(entries))
    for values, present in rows():
        found.looked_at(len(values))
        count += present.sum(axis=0)
        total += np.where(present, values, 0).sum(axis=0)
    mean = total / np.maximum(count, 1)
    squares, constant = np.zeros(len(entries)), np.full(len(entries), True)
    first = np.full(len(entries), np.nan)
    for values, present in rows():
        squares += np.where(present, (values - mean) ** 2, 0).sum(axis=0)
        for column in range(len(entries)):
            mine = values[present[:, column], column]
            if len(mine):
                first[column] = mine[0] if np.isnan(first[column]) else first[column]
                constant[column] &= bool((mine == first[column]).all())
    deviation = np.where(constant, 1.0, np.sqrt(squares / np.maximum(count, 1)))
    for entry, *own in zip(entries, count.tolist(), mean.tolist(), deviation.tolist(), strict=True):
        _compare(found, entry, *own)


def _compare(found: Findings, entry: dict[str, Any], count: int, mean: float, deviation: float) -> None:
    near = TOLERANCE * deviation + 1e-12 * abs(mean)  # the second part: float64 sums of large numbers
    if entry["count"] != count or abs(entry["mean"] - mean) > near or abs(entry["std"] - deviation) > near:
        found.blame(
            f"{entry['name']}: scaler.json has mean {entry['mean']!r}, std {entry['std']!r} of {entry['count']} rows; "
            f"the training rows give {mean!r}, {deviation!r} of {count}"
        )


def _input_rows(dataset: Dataset) -> Iterator[tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]]:
    for stretch, inside in _training(dataset):
        values = stretch.read("X")[inside].astype(np.float64)
        present = np.ones(values.shape, bool)
        for column, mask in enumerate(dataset.feature_masks):
            if mask >= 0:
                present[:, column] = values[:, mask] == 0
        yield values, present


def _target_rows(dataset: Dataset) -> Iterator[tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]]:
    for stretch, inside in _training(dataset):
        yield stretch.read("Y")[inside].astype(np.float64), stretch.read("W")[inside] > 0


def _training(dataset: Dataset) -> Iterator[tuple[Stretch, npt.NDArray[np.bool_]]]:
    train = dataset.split("train")
    for stretch in stretches(dataset):
        inside = (stretch.times >= train.from_time) & (stretch.times < train.until_time)
        if train.attributes.get("policy") != "chronological":  # there, straddlers count that other lists name
            sample = stretch.first + np.arange(len(stretch.times)) // dataset.segment_length
            inside &= np.isin(sample, train.indices)
        if inside.any():
            yield stretch, inside
