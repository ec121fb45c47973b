"""Check `scaler`: means and deviations in scaler.json were computed from the training rows only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hindcast.pipeline.arrays import TARGET_FLAGGED, Flags, Floats, Ints
from hindcast.pipeline.certify.findings import CheckResult
from hindcast.pipeline.certify.iterate import iter_sequences, scored_in
from hindcast.pipeline.certify.robust_moments import robust_moments
from hindcast.pipeline.settings.sections import ScaleSettings
from hindcast.pipeline.store.reader import Dataset

TOLERANCE = 1e-6
"""Relative to the standard deviation, for means and deviations: a larger difference is not due to rounding."""

_LEVELS = ("groups", "series")

_PARTS = {"feature": 0, "group": 1, "series": 2}  # how much of (group, series) a scale depends on

Key = tuple[str, ...]
"""(group, series), (group,), or () for all."""

Part = tuple[Key, Floats, Flags]
"""Rows of one key: values (row, column), and flags of the values that are present."""


@dataclass(frozen=True)
class Moments:
    """For each column: number of rows, their mean (0 if there are none), and their deviation (0 if all are equal)."""

    count: Ints
    mean: Floats
    deviation: Floats


def check_scaler(dataset: Dataset, scaler: dict[str, Any], how: ScaleSettings) -> CheckResult:
    """Check that the scaler matches the settings, and recompute mean, deviation and count of every feature and target, and
    of every group and series if these are scaled separately, in two passes over the training rows.
    """
    result = CheckResult(
        "scaler", f"the scaler is computed from the training rows only, within {TOLERANCE:g} of a deviation"
    )
    if scaler["fingerprint"] != dataset.fingerprint:
        result.add_violation(
            "scaler.json was fitted on another data set: its fingerprint differs from the fingerprint of dataset.h5; run the "
            "stage `scale` again"
        )
        return result
    requested = {"by": how.by, "target": how.of_targets, "min_rows": how.min_rows, "robust": how.robust}
    for field, asked in requested.items():
        if scaler.get(field, False) != asked:
            result.add_violation(
                f"scaler.json was fitted with scale.{field} {scaler.get(field, False)!r}, but the settings request {asked!r}: "
                "run the stage `scale` again"
            )
    for kind, field in (("features", "by"), ("targets", "target")):
        entries, by, names = scaler[kind], scaler[field], getattr(dataset, kind)
        if [entry["name"] for entry in entries] != list(names):
            result.add_violation(
                f"{kind}: scaler.json names {[entry['name'] for entry in entries]}, but dataset.h5 names {list(names)}: "
                "run the stage `scale` again"
            )
        elif by == "none":
            for entry in entries:
                if (entry["mean"], entry["std"]) != (0.0, 1.0):
                    result.add_violation(
                        f"{entry['name']}: no scaling was requested, but scaler.json has mean {entry['mean']!r} and std "
                        f"{entry['std']!r}"
                    )
        else:
            _check_side(result, dataset, scaler, kind, by)
    return result


def _own(dataset: Dataset) -> list[bool]:
    """Return, per feature, whether series may have their own scale: masks, calendar and leads mean the same everywhere."""
    masks = {int(mask) for mask in dataset.feature_masks}
    return [
        place not in masks and not (part == "calendar" and unit in {"1", "h"})
        for place, (part, unit) in enumerate(zip(dataset.feature_parts, dataset.feature_units, strict=True))
    ]


def _check_side(result: CheckResult, dataset: Dataset, scaler: dict[str, Any], kind: str, by: str) -> None:
    """Check the scales of features, or of targets: of all series together, then of the groups and series, depending on `by`."""
    names = [entry["name"] for entry in scaler[kind]]
    own = _own(dataset) if kind == "features" else [True] * len(names)

    def parted() -> Iterator[Part]:
        return ((key[: _PARTS[by]], values, present) for key, values, present in _rows(dataset, kind))

    of = compute_moments(parted, len(names), result.count_checked)
    for length in range(_PARTS[by] + 1) if scaler.get("robust") else ():
        deviations = {key: moments.deviation for key, moments in of.items()}
        for key, scale in robust_moments(parted, length, deviations).items():
            of[key] = Moments(of[key].count, *scale)
    whole = of[()]  # the scale that all series share: a column that does not vary has deviation 1
    whole = Moments(whole.count, whole.mean, np.where(whole.deviation > 0, whole.deviation, 1.0))
    recorded = {field: [entry[field] for entry in scaler[kind]] for field in ("mean", "std", "count")}
    _compare(result, names, recorded, whole)
    for length, level in enumerate(_LEVELS[: _PARTS[by]], start=1):
        fields = ("group", "series")[:length]
        entries = {
            tuple(str(entry[field]) for field in fields): entry[kind]
            for entry in scaler[level]
            if kind in entry
        }
        keys = {key for key in of if len(key) == length}
        for key in sorted(keys ^ entries.keys()):
            words = "lacks" if key in keys else "has, although training has no row of it,"
            result.add_violation(f"{level}: scaler.json {words} {'/'.join(key)}")
        for key in sorted(keys & entries.keys()):
            due = _with_fallback(of, key, scaler["min_rows"], whole, own)
            _compare(result, [f"{name} of {'/'.join(key)}" for name in names], entries[key], due)


def _with_fallback(
    of: Mapping[Key, Moments], key: Key, least: int, whole: Moments, own: list[bool]
) -> Moments:
    """For each column, use the first of series, group and all series that has enough rows, varies and may have a scale."""
    mean, deviation = whole.mean.copy(), whole.deviation.copy()
    for length in range(1, len(key) + 1):
        part = of[key[:length]]
        for column in range(len(mean)):
            if own[column] and part.count[column] >= least and part.deviation[column] > 0:
                mean[column], deviation[column] = part.mean[column], part.deviation[column]
    return Moments(of[key].count, mean, deviation)


def _compare(result: CheckResult, names: list[str], recorded: Mapping[str, list[Any]], due: Moments) -> None:
    mean, deviation, count = (np.array(recorded[field], float) for field in ("mean", "std", "count"))
    # the second term allows for the rounding of float64 sums of large numbers
    near = TOLERANCE * due.deviation + 1e-12 * np.abs(due.mean)
    is_equal = (
        (count == due.count) & (abs(mean - due.mean) <= near) & (abs(deviation - due.deviation) <= near)
    )
    for at in np.flatnonzero(~is_equal).tolist():
        result.add_violation(
            f"{names[at]}: scaler.json has mean {mean[at].item()!r}, std {deviation[at].item()!r} of {count[at]:g} rows; "
            f"but the training rows give {due.mean[at].item()!r}, {due.deviation[at].item()!r} of {due.count[at]}"
        )


def _rows(dataset: Dataset, kind: str) -> Iterator[Part]:
    """Yield the training rows of the features (present if their mask is 0) or of the targets (present if they have weight and are
    not flagged).
    """
    train = dataset.split("train")
    for piece in iter_sequences(dataset):
        inside = scored_in(train, piece)
        if not inside.any():
            continue
        values = piece.read("X" if kind == "features" else "Y")[inside].astype(np.float64)
        if kind == "features":
            present = np.ones(values.shape, bool)
            masked = np.flatnonzero(dataset.feature_masks >= 0)
            present[:, masked] = values[:, dataset.feature_masks[masked]] == 0
        else:
            present = piece.read("W")[inside] > 0
            if dataset.has_flagged:
                present &= piece.read("flagged")[inside] & TARGET_FLAGGED == 0
        yield (piece.group, piece.series), values, present


def compute_moments(
    rows: Callable[[], Iterator[Part]], columns: int, count_checked: Callable[[int], None]
) -> dict[Key, Moments]:
    """Return the moments of each key and of its parents. Iterates over `rows` twice; `count_checked` counts each row once."""
    seen: dict[Key, _RunningMoments] = {(): _RunningMoments(columns)}
    for key, values, present in rows():
        count_checked(len(values))
        seen.setdefault(key, _RunningMoments(columns)).add(values, present)
    for key, values, present in rows():
        seen[key].add_squares(values, present)
    finest = {key: running for key, running in seen.items() if key or len(seen) == 1}
    for key, running in finest.items():
        for length in range(len(key)):
            seen.setdefault(key[:length], _RunningMoments(columns)).merge(running)
    for key, running in finest.items():
        for length in range(len(key)):
            above = seen[key[:length]]
            above.squares += running.squares + running.count * (running.mean - above.mean) ** 2
    return {key: running.result() for key, running in seen.items()}


class _RunningMoments:
    def __init__(self, columns: int) -> None:
        self.count = np.zeros(columns, np.int64)
        self.total, self.squares = np.zeros(columns), np.zeros(columns)
        self.low, self.high = np.full(columns, np.inf), np.full(columns, -np.inf)

    def add(self, values: Floats, present: Flags) -> None:
        self.count += present.sum(axis=0)
        self.total += np.where(present, values, 0).sum(axis=0)
        self.low = np.minimum(self.low, np.where(present, values, np.inf).min(axis=0))
        self.high = np.maximum(self.high, np.where(present, values, -np.inf).max(axis=0))

    def add_squares(self, values: Floats, present: Flags) -> None:
        self.squares += np.where(present, (values - self.mean) ** 2, 0).sum(axis=0)

    def merge(self, part: _RunningMoments) -> None:
        self.count = self.count + part.count
        self.total = self.total + part.total
        self.low, self.high = np.minimum(self.low, part.low), np.maximum(self.high, part.high)

    @property
    def mean(self) -> Floats:
        return self.total / np.maximum(self.count, 1)

    def result(self) -> Moments:
        deviation = np.sqrt(self.squares / np.maximum(self.count, 1))
        return Moments(self.count, self.mean, np.where(self.low < self.high, deviation, 0.0))
