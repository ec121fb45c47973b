"""Check `scaler`: means and deviations in scaler.json were computed from the training rows only."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from hindcast.pipeline.arrays import NOT_LEARNED, Flags, Floats, Ints
from hindcast.pipeline.certify.findings import CheckResult
from hindcast.pipeline.certify.iterate import StepBlock, iter_blocks, scored_in
from hindcast.pipeline.certify.robust_moments import robust_moments
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.settings.sections import ScaleSettings
from hindcast.pipeline.store.index_types import Split
from hindcast.pipeline.store.reader import Dataset

TOLERANCE = 1e-6
"""Relative to the standard deviation, for means and deviations: a larger difference is not due to rounding."""

_LEVELS = ("groups", "series")

_PARTS = {"feature": 0, "group": 1, "series": 2, "auto": 2}  # how much of (group, series) a scale depends on

Key = tuple[str, ...]
"""(group, series), (group,), or () for all."""

Part = tuple[Key, Floats, Flags]
"""Rows of one key: values (row, column), and flags of the values that are present."""

SCALER = f"the scaler is computed from the training rows only, within {TOLERANCE:g} of a deviation"


@dataclass(frozen=True)
class Moments:
    """For each column: number of rows, their mean (0 if there are none), and their deviation (0 if all are equal)."""

    count: Ints
    mean: Floats
    deviation: Floats


def expected_capacity(params: Params) -> dict[str, str]:
    """Return, by target, the feature that holds its capacity at the origin: a known value, or the newest realized one."""
    known = {name for each in params.raw.sources.values() if each.role == "known" for name in each.values}
    return {
        target: name if name in known else name + "_recent_1"
        for target, name in params.align.capacity.items()
    }


def check_scaler(
    dataset: Dataset, scaler: dict[str, Any], how: ScaleSettings, sums: Mapping[str, TrainingSums]
) -> CheckResult:
    """Check that the scaler matches the settings, and compare mean, deviation and count of every feature and target, and
    of every group and series if these are scaled separately, with those of the training rows.

    `sums` has those of the features and of the targets, by series: see `sum_rows`.
    """
    result = CheckResult("scaler", SCALER)
    if scaler["fingerprint"] != dataset.fingerprint:
        result.add_violation(
            "scaler.json was fitted on another data set: its fingerprint differs from the fingerprint of dataset.h5; run the "
            "stage `scale` again"
        )
        return result
    requested = _requested(scaler, how, sums["targets"], len(dataset.targets))
    for field, asked in requested.items():
        if scaler.get(field, False) != asked:
            result.add_violation(
                f"scaler.json was fitted with scale.{field} {scaler.get(field, False)!r}, but the settings request {asked!r}: "
                "run the stage `scale` again"
            )
    result.add_violations(_faults_of_capacity(scaler, sums["targets"].capacity))
    for kind, field in (("features", "by"), ("targets", "target")):
        entries, by, names = scaler[kind], scaler[field], getattr(dataset, kind)
        if [entry["name"] for entry in entries] != list(names):
            result.add_violation(
                f"{kind}: scaler.json names {[entry['name'] for entry in entries]}, but dataset.h5 names {list(names)}: "
                "run the stage `scale` again"
            )
        elif by != requested[field]:
            continue  # named above
        elif by == "none":
            for entry in entries:
                if (entry["mean"], entry["std"]) != (0.0, 1.0):
                    result.add_violation(
                        f"{entry['name']}: no scaling was requested, but scaler.json has mean {entry['mean']!r} and std "
                        f"{entry['std']!r}"
                    )
        else:
            _check_side(result, dataset, scaler, kind, by, sums[kind])
    return result


def _faults_of_capacity(scaler: Mapping[str, Any], due: Mapping[str, str]) -> Iterator[str]:
    found = scaler.get("capacity", {})
    if found != due:
        yield f"scaler.json divides targets by {found!r}, but align.capacity requests {due!r}: run the stage `scale` again"


def _requested(
    scaler: Mapping[str, Any], how: ScaleSettings, sums: TrainingSums, targets: int
) -> dict[str, Any]:
    """Return what the settings request of the fields of scaler.json, with what `auto` is."""
    found = {"by": how.by, "target": how.of_targets, "min_rows": how.min_rows, "robust": how.robust}
    if "auto" not in found.values():
        return found
    due = _due_scales(sums, targets, how.min_rows)
    chosen = {
        field: scaler[field] if scaler[field] in due else due[0] for field in ("by", "target")
    }  # at the border both are right
    return found | {field: choice for field, choice in chosen.items() if found[field] == "auto"}


def _due_scales(sums: TrainingSums, columns: int, least: int) -> list[str]:
    """Return what `auto` is: by series if, of one target, the deviation that a tenth of the series exceed is twice the one that a tenth
    do not reach; both, if it is twice within TOLERANCE.
    """
    largest = 1.0
    series = [moments for key, moments in sums.of_keys(columns).items() if len(key) == 2]
    for column in range(columns):
        found = sorted(
            each.deviation[column]
            for each in series
            if each.count[column] >= least and each.deviation[column] > 0
        )
        if found:
            tenth = (len(found) - 1) / 10
            largest = max(largest, found[-int(tenth) - 1] / found[int(tenth)])
    if abs(largest - 2) <= 2 * TOLERANCE:
        return ["feature", "series"]
    return ["series" if largest > 2 else "feature"]


def _own(dataset: Dataset) -> list[bool]:
    """Return, per feature, whether series may have their own scale: masks, calendar and leads mean the same everywhere."""
    masks = {int(mask) for mask in dataset.feature_masks}
    return [
        place not in masks and not (part == "calendar" and unit in {"1", "h"})
        for place, (part, unit) in enumerate(zip(dataset.feature_parts, dataset.feature_units, strict=True))
    ]


def _check_side(  # noqa: PLR0917 - a side of the scaler depends on all of these
    result: CheckResult, dataset: Dataset, scaler: dict[str, Any], kind: str, by: str, sums: TrainingSums
) -> None:
    """Check the scales of features, or of targets: of all series together, then of the groups and series, depending on `by`."""
    names = [entry["name"] for entry in scaler[kind]]
    own = _own(dataset) if kind == "features" else [True] * len(names)
    result.count_checked(sums.rows)
    of = sums.of_keys(len(names))
    for length in range(_PARTS[by] + 1) if scaler.get("robust") else ():
        deviations = {key: moments.deviation for key, moments in of.items()}
        for key, scale in robust_moments(
            lambda: _parts(dataset, kind, by, sums.capacity), length, deviations
        ).items():
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
            found, has = ("no scale", "has") if key in keys else ("a scale", "has no")
            result.add_violation(
                f"{level}: scaler.json has {found} of {'/'.join(key)}, but training {has} rows of it"
            )
        for key in sorted(keys & entries.keys()):
            due = _with_fallback(of, key, scaler["min_rows"], whole, own)
            _compare(result, [f"{name} of {'/'.join(key)}" for name in names], entries[key], due)


def _with_fallback(
    of: Mapping[Key, Moments], key: Key, least: int, whole: Moments, own: list[bool]
) -> Moments:
    """For each column, use the first of series, group and all series that has enough rows, varies and may have a scale."""
    mean, deviation, may = whole.mean, whole.deviation, np.array(own)
    for length in range(1, len(key) + 1):
        part = of[key[:length]]
        serves = may & (part.count >= least) & (part.deviation > 0)
        mean, deviation = np.where(serves, part.mean, mean), np.where(serves, part.deviation, deviation)
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


def _parts(dataset: Dataset, kind: str, by: str, capacity: Mapping[str, str]) -> Iterator[Part]:
    """Yield the training rows of each group and series that has a scale of its own."""
    train = dataset.split("train")
    for block in iter_blocks(dataset):
        rows = _training_rows(block, kind, train, capacity)
        present = np.ones(rows.values.shape, bool)
        present[rows.maskable] = ~rows.absent
        for key, start, stop in _runs(dataset, rows.row, _PARTS[by]):
            yield key, rows.values[:, start:stop].T, present[:, start:stop].T


@dataclass(frozen=True)
class _TrainingRows:
    """The m training rows of a block."""

    row: Ints  # (m,) row of the table of sequences
    values: Floats  # (columns, m)
    maskable: Ints  # (u,) the columns with values that may be absent
    absent: Flags  # (u, m)


def _training_rows(block: StepBlock, kind: str, train: Split, capacity: Mapping[str, str]) -> _TrainingRows:
    """Return the training rows of the features (absent where their mask is not 0) or of the targets (absent without weight, or
    if flagged; divided by their capacity, and absent where it is not above 0).
    """
    dataset, inside = block.dataset, np.flatnonzero(scored_in(train, block))
    stored = block.read("X" if kind == "features" else "Y")
    values = (stored if len(inside) == len(stored) else stored[inside]).T.astype(np.float64, order="C")
    if kind == "features":
        maskable = np.flatnonzero(dataset.feature_masks >= 0)
        absent = values[dataset.feature_masks[maskable]] != 0
    else:
        maskable = np.arange(len(values))
        absent = (block.read("W")[inside] <= 0).T
        if dataset.has_flagged:
            absent |= (block.read("flagged")[inside] & NOT_LEARNED != 0).T
        for target, name in capacity.items():
            size = block.read("X")[inside, dataset.features.index(name)]
            at = dataset.targets.index(target)
            absent[at] |= ~(size > 0)
            share = stored[inside, at] / np.where(size > 0, size, 1).astype(
                size.dtype
            )  # in float32, as it is learned
            values[at] = np.where(size > 0, share, 0.0)
    return _TrainingRows(block.row[inside], values, maskable, absent)


def _runs(dataset: Dataset, row: Ints, parts: int) -> Iterator[tuple[Key, int, int]]:
    """Yield (key, start, stop) of rows that follow one another and have the first `parts` of (group, series) in common."""
    if not len(row):
        return
    rows, first = np.unique(row, return_index=True)
    table = dataset.sequences
    keys = [(str(table.group[at]), str(table.series[at]))[:parts] for at in rows.tolist()]
    begins = [place for place, key in enumerate(keys) if not place or key != keys[place - 1]]
    stops = [*(int(first[place]) for place in begins[1:]), len(row)]
    for place, stop in zip(begins, stops, strict=True):
        yield keys[place], int(first[place]), stop


class TrainingSums:
    """Counts, means and squares of the training rows seen so far, by the groups and series that have scales of their own."""

    def __init__(self, kind: str, by: str, capacity: Mapping[str, str] | None = None) -> None:
        self._kind, self._by, self.capacity = kind, by, capacity or {}
        self._of: dict[Key, RunningMoments] = {}
        self.rows = 0

    def add(self, block: StepBlock, train: Split) -> None:
        """Add the training rows of a block; of a scaler without scales (`none`) nothing is needed."""
        if self._by == "none":
            return
        rows = _training_rows(block, self._kind, train, self.capacity)
        runs = list(_runs(block.dataset, rows.row, _PARTS[self._by]))
        if not runs:
            return
        self.rows += len(rows.row)
        moments = _moments_of_runs(rows, [start for _, start, _ in runs])
        for (key, _, _), found in zip(runs, moments, strict=True):
            self._add(key, found)

    def merge(self, other: TrainingSums) -> None:
        """Add the rows of other groups."""
        self.rows += other.rows
        for key, moments in other._of.items():
            self._add(key, moments)

    def of_keys(self, columns: int) -> dict[Key, Moments]:
        """Return the moments of each key and of its parents."""
        every: dict[Key, RunningMoments] = {(): RunningMoments.nothing(columns)}
        for key, moments in self._of.items():
            for length in range(len(key) + 1):
                every.setdefault(key[:length], RunningMoments.nothing(columns)).merge(moments)
        return {key: moments.result() for key, moments in every.items()}

    def plain(self) -> dict[str, Any]:
        """Return the rows seen so far as a JSON-like value, bit for bit."""
        return {"rows": self.rows, "of": [[key, moments.plain()] for key, moments in self._of.items()]}

    def restore(self, value: Mapping[str, Any]) -> None:
        """Set the rows seen so far to those of a value that `plain` returned."""
        self.rows = value["rows"]
        self._of = {tuple(key): RunningMoments.from_plain(moments) for key, moments in value["of"]}

    def _add(self, key: Key, moments: RunningMoments) -> None:
        self._of.setdefault(key, RunningMoments.nothing(len(moments.count))).merge(moments)


@dataclass
class RunningMoments:
    """For each column: count, mean, sum of squared differences from the mean, smallest and largest value."""

    count: Ints
    mean: Floats
    squares: Floats
    low: Floats
    high: Floats

    @classmethod
    def nothing(cls, columns: int) -> Self:
        """Return the moments of no rows."""
        zero, infinity = np.zeros(columns), np.full(columns, np.inf)
        return cls(np.zeros(columns, np.int64), zero, zero, infinity, -infinity)

    def plain(self) -> list[str]:
        """Return the numbers as text, bit for bit."""
        columns = (self.count, self.mean, self.squares, self.low, self.high)
        return [b64encode(column.astype(f"<{column.dtype.kind}8").tobytes()).decode() for column in columns]

    @classmethod
    def from_plain(cls, texts: Sequence[str]) -> Self:
        """Return the numbers from the text of `plain`."""
        count, *others = map(b64decode, texts)
        return cls(np.frombuffer(count, "<i8"), *(np.frombuffer(other, "<f8") for other in others))

    def merge(self, part: RunningMoments) -> None:
        """Add other rows."""
        count = self.count + part.count
        share = part.count / np.maximum(count, 1)
        apart = part.mean - self.mean
        self.squares = self.squares + part.squares + apart**2 * self.count * share
        self.mean = self.mean + apart * share
        self.low, self.high = np.minimum(self.low, part.low), np.maximum(self.high, part.high)
        self.count = count

    def result(self) -> Moments:
        """Return the moments; the deviation of equal values is 0, also if their mean differs by a rounding error."""
        deviation = np.sqrt(self.squares / np.maximum(self.count, 1))
        return Moments(self.count, self.mean, np.where(self.low < self.high, deviation, 0.0))


def _moments_of_runs(rows: _TrainingRows, starts: list[int]) -> Iterable[RunningMoments]:
    """Return the moments of the rows from each start to the next."""
    values, maskable, absent = rows.values, rows.maskable, rows.absent
    lengths = np.diff([*starts, values.shape[1]])
    low, high = (each.reduceat(values, starts, axis=1) for each in (np.minimum, np.maximum))
    count = np.tile(lengths, (len(values), 1))
    if len(maskable):
        count[maskable] -= np.add.reduceat(absent, starts, axis=1, dtype=np.int64)
        low[maskable] = np.minimum.reduceat(np.where(absent, np.inf, values[maskable]), starts, axis=1)
        high[maskable] = np.maximum.reduceat(np.where(absent, -np.inf, values[maskable]), starts, axis=1)
        values[maskable] = np.where(absent, 0.0, values[maskable])
    mean = np.add.reduceat(values, starts, axis=1) / np.maximum(count, 1)
    values -= mean[:, :1] if len(starts) == 1 else np.repeat(mean, lengths, axis=1)
    if len(maskable):
        values[maskable] = np.where(absent, 0.0, values[maskable])
    squares = np.add.reduceat(np.square(values, out=values), starts, axis=1)
    columns = (count, mean, squares, low, high)
    return [RunningMoments(*(each[:, run] for each in columns)) for run in range(len(starts))]
