"""Kind `scaler`: the moments in scaler.json are those of the training rows, and of no others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hindcast.pipeline.arrays import Floats
from hindcast.pipeline.certify.findings import Findings
from hindcast.pipeline.certify.iterate import Stretch, scored_in, stretches
from hindcast.pipeline.settings.sections import ScaleSettings
from hindcast.pipeline.store.reader import Dataset

TOLERANCE = 1e-6


"""Of the standard deviation, for means and deviations: beyond it other rows were used, not another rounding."""


_LEVELS = ("groups", "series")


_PARTS = {"feature": 0, "group": 1, "series": 2}  # how much of (group, series) tells scales apart


def check_scaler(dataset: Dataset, scaler: dict[str, Any], how: ScaleSettings) -> Findings:
    """It is scaled as the settings ask; mean, deviation and count of every feature and target (of every group and series where scaled by these),
    recomputed in two passes over the training rows.
    """
    found = Findings(
        "scaler", f"the scaler is that of the training rows alone, within {TOLERANCE:g} of a deviation"
    )
    if scaler["fingerprint"] != dataset.fingerprint:
        found.blame("scaler.json was fitted on another data set: its fingerprint is not that of dataset.h5")
        return found
    for field, asked in (("by", how.by), ("target", how.of_targets), ("min_rows", how.min_rows)):
        if scaler[field] != asked:
            found.blame(
                f"scaler.json was fitted with scale.{field} {scaler[field]!r}, the settings ask for {asked!r}: "
                "run the stage `scale` again"
            )
    for kind, by, names, rows, own in (
        ("features", scaler["by"], dataset.features, lambda: _input_rows(dataset), _own(dataset)),
        (
            "targets",
            scaler["target"],
            dataset.targets,
            lambda: _target_rows(dataset),
            [True] * len(dataset.targets),
        ),
    ):
        entries = scaler[kind]
        if [entry["name"] for entry in entries] != list(names):
            found.blame(
                f"{kind}: scaler.json names {[entry['name'] for entry in entries]}, dataset.h5 {list(names)}"
            )
        elif by == "none":
            _check_identity(found, entries)
        else:
            _check_side(found, scaler, kind, by, rows, own)
    return found


def _check_identity(found: Findings, entries: list[dict[str, Any]]) -> None:
    for entry in entries:
        if (entry["mean"], entry["std"]) != (0.0, 1.0):
            found.blame(
                f"{entry['name']}: nothing is to be scaled, yet mean {entry['mean']!r} and std {entry['std']!r}"
            )


def _own(dataset: Dataset) -> list[bool]:
    """Whether a series may have a scale of its own for a feature: masks, the calendar and leads mean the same everywhere."""
    masks = {int(mask) for mask in dataset.feature_masks}
    return [
        place not in masks and not (part == "calendar" and unit in {"1", "h"})
        for place, (part, unit) in enumerate(zip(dataset.feature_parts, dataset.feature_units, strict=True))
    ]


def _check_side(  # noqa: PLR0917 - what is checked, and by what
    found: Findings,
    scaler: dict[str, Any],
    kind: str,
    by: str,
    rows: Callable[[], Iterator[Part]],
    own: list[bool],
) -> None:
    """The scales of one kind of columns: of all series together, then of the parts that `by` asks for."""
    names = [entry["name"] for entry in scaler[kind]]

    def parted() -> Iterator[Part]:
        return ((key[: _PARTS[by]], values, present) for key, values, present in rows())

    of = moments_of(parted, len(names), found.looked_at)
    whole = _shared(of[()])
    said = {field: [entry[field] for entry in scaler[kind]] for field in ("mean", "std", "count")}
    _compare(found, names, said, whole)
    for length, level in enumerate(_LEVELS[: _PARTS[by]], start=1):
        entries = {_key(entry): entry[kind] for entry in scaler[level] if kind in entry}
        keys = {key for key in of if len(key) == length}
        for key in sorted(keys ^ entries.keys()):
            lacks = "lacks" if key in keys else "holds, though training has no row of it,"
            found.blame(f"{level}: scaler.json {lacks} {'/'.join(key)}")
        for key in sorted(keys & entries.keys()):
            due = _fallen_back(of, key, scaler["min_rows"], whole, own)
            _compare(found, [f"{name} of {'/'.join(key)}" for name in names], entries[key], due)


def _key(entry: Mapping[str, Any]) -> Key:
    return tuple(str(entry[field]) for field in ("group", "series") if field in entry)


def _shared(moments: Moments) -> Moments:
    """The scale that all series share: 1 stands for the deviation of what does not vary."""
    return Moments(moments.count, moments.mean, np.where(moments.deviation > 0, moments.deviation, 1.0))


def _fallen_back(of: Mapping[Key, Moments], key: Key, least: int, whole: Moments, own: list[bool]) -> Moments:
    """The nearest of series, group and all that has enough rows, varies and may differ, column by column."""
    mean, deviation = whole.mean.copy(), whole.deviation.copy()
    for length in range(1, len(key) + 1):
        part = of[key[:length]]
        for column in range(len(mean)):
            if own[column] and part.count[column] >= least and part.deviation[column] > 0:
                mean[column], deviation[column] = part.mean[column], part.deviation[column]
    return Moments(of[key].count, mean, deviation)


def _compare(found: Findings, names: list[str], said: Mapping[str, list[Any]], due: Moments) -> None:
    mean, deviation, count = (np.array(said[field], float) for field in ("mean", "std", "count"))
    near = TOLERANCE * due.deviation + 1e-12 * np.abs(
        due.mean
    )  # the second part: float64 sums of large numbers
    fits = (count == due.count) & (abs(mean - due.mean) <= near) & (abs(deviation - due.deviation) <= near)
    for at in np.flatnonzero(~fits).tolist():
        found.blame(
            f"{names[at]}: scaler.json has mean {mean[at].item()!r}, std {deviation[at].item()!r} of {count[at]:g} rows; "
            f"the training rows give {due.mean[at].item()!r}, {due.deviation[at].item()!r} of {due.count[at]}"
        )


def _input_rows(dataset: Dataset) -> Iterator[Part]:
    for stretch, inside in _training(dataset):
        values = stretch.read("X")[inside].astype(np.float64)
        present = np.ones(values.shape, bool)
        for column, mask in enumerate(dataset.feature_masks):
            if mask >= 0:
                present[:, column] = values[:, mask] == 0
        yield (stretch.group, stretch.series), values, present


def _target_rows(dataset: Dataset) -> Iterator[Part]:
    for stretch, inside in _training(dataset):
        values = stretch.read("Y")[inside].astype(np.float64)
        yield (stretch.group, stretch.series), values, stretch.read("W")[inside] > 0


def _training(dataset: Dataset) -> Iterator[tuple[Stretch, npt.NDArray[np.bool_]]]:
    train = dataset.split("train")
    for stretch in stretches(dataset):
        inside = scored_in(train, stretch)
        if inside.any():
            yield stretch, inside


Key = tuple[str, ...]


"""(group, series), (group,), or () for all."""


Part = tuple[Key, Floats, npt.NDArray[np.bool_]]


"""Rows of one key: values (row, column) and which of them are there."""


@dataclass(frozen=True)
class Moments:
    """Of each column: rows, their mean (0 of none), and their deviation, 0 where they are all equal."""

    count: npt.NDArray[np.int64]
    mean: Floats
    deviation: Floats


def moments_of(
    rows: Callable[[], Iterator[Part]], columns: int, looked_at: Callable[[int], None]
) -> dict[Key, Moments]:
    """The moments of each key and of what is above it; `rows` is gone through twice, `looked_at` told of each row once."""
    seen: dict[Key, _Running] = {(): _Running(columns)}
    for key, values, present in rows():
        looked_at(len(values))
        seen.setdefault(key, _Running(columns)).add(values, present)
    for key, values, present in rows():
        seen[key].add_squares(values, present)
    finest = {key: running for key, running in seen.items() if key or len(seen) == 1}
    for key, running in finest.items():
        for length in range(len(key)):
            seen.setdefault(key[:length], _Running(columns)).take_in(running)
    for key, running in finest.items():
        for length in range(len(key)):
            above = seen[key[:length]]
            above.squares += running.squares + running.count * (running.mean - above.mean) ** 2
    return {key: running.made() for key, running in seen.items()}


class _Running:
    def __init__(self, columns: int) -> None:
        self.count, self.total, self.squares = (
            np.zeros(columns, np.int64),
            np.zeros(columns),
            np.zeros(columns),
        )
        self.low, self.high = np.full(columns, np.inf), np.full(columns, -np.inf)

    def add(self, values: Floats, present: npt.NDArray[np.bool_]) -> None:
        self.count += present.sum(axis=0)
        self.total += np.where(present, values, 0).sum(axis=0)
        self.low = np.minimum(self.low, np.where(present, values, np.inf).min(axis=0))
        self.high = np.maximum(self.high, np.where(present, values, -np.inf).max(axis=0))

    def add_squares(self, values: Floats, present: npt.NDArray[np.bool_]) -> None:
        self.squares += np.where(present, (values - self.mean) ** 2, 0).sum(axis=0)

    def take_in(self, part: _Running) -> None:
        self.count = self.count + part.count
        self.total = self.total + part.total
        self.low, self.high = np.minimum(self.low, part.low), np.maximum(self.high, part.high)

    @property
    def mean(self) -> Floats:
        return self.total / np.maximum(self.count, 1)

    def made(self) -> Moments:
        deviation = np.sqrt(self.squares / np.maximum(self.count, 1))
        return Moments(self.count, self.mean, np.where(self.low < self.high, deviation, 0.0))
