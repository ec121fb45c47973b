"""The scaler: mean and standard deviation of features and targets over training rows only, by streaming.

Sums are exact (`pipeline.split.exact_sums`), so the result is the same whatever the order and size of the blocks; those of a
group are those of its series added up, and those of a feature those of all groups.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from hindcast.pipeline.arrays import Flags, Floats, Ints
from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.settings.sections import ScaleBy, ScaleSettings
from hindcast.pipeline.split.exact_sums import Sums
from hindcast.pipeline.split.steps import Steps, rows
from hindcast.pipeline.store.index_types import Split
from hindcast.pipeline.store.layout import SCALER_FORMAT

FORMAT = SCALER_FORMAT

Key = tuple[str, str]  # group, series

_ANY = ("", "")  # stands for every series where they need not be told apart


@dataclass(frozen=True)
class Columns:
    """The names of X's features and Y's targets; `masks[i]` is the feature that is 1 where feature i is missing, or -1.

    `common` are the places of features that mean the same in every series (masks do by themselves): no series or group has
    a scale of its own for them. Two months of a series would make a scale on which the day of the year leaves all bounds.
    """

    features: Sequence[str]
    masks: Ints
    targets: Sequence[str]
    common: frozenset[int] = frozenset()

    @property
    def own(self) -> Flags:
        """(feature,): whether a series or group may have a scale of its own."""
        alike = self.common | set(self.masks[self.masks >= 0].tolist())
        return np.array([place not in alike for place in range(len(self.features))], bool)


def common_features(parts: Sequence[str], units: Sequence[str]) -> frozenset[int]:
    """The calendar's features and leads, not what somebody else knows for all time in a unit of its own."""
    pairs = enumerate(zip(parts, units, strict=True))
    return frozenset(place for place, (part, unit) in pairs if part == "calendar" and unit in {"1", "h"})


@dataclass(frozen=True)
class Scale:
    """Mean and deviation of each column, and the number of rows that its series, group or feature has of its own."""

    mean: Floats
    deviation: Floats
    count: Ints

    @classmethod
    def of_feature(cls, sums: Sums) -> Scale:
        """The scale where all series share one: a column that is constant or empty has deviation 1."""
        deviation = sums.deviation
        return cls(sums.mean, np.where(deviation > 0, deviation, 1.0), sums.count)

    def finer(self, sums: Sums, least: int, may: Flags) -> Scale:
        """The scale of a part: this one in columns in which the part has fewer than `least` rows, or does not vary, or where
        it `may` have none of its own.

        What is constant in a series (its size, say) tells series apart, and would be gone on a scale of its own.
        """
        mean, deviation = sums.mean, sums.deviation
        own = may & (sums.count >= least) & (deviation > 0)
        return Scale(np.where(own, mean, self.mean), np.where(own, deviation, self.deviation), sums.count)

    def entry(self) -> dict[str, list[Any]]:
        """As it stands in scaler.json."""
        return {"mean": self.mean.tolist(), "std": self.deviation.tolist(), "count": self.count.tolist()}


def fit_scaler(
    steps: Steps, train: Split, columns: Columns, fingerprint: str, how: ScaleSettings
) -> dict[str, Any]:
    """The content of scaler.json.

    A feature's rows are the steps of the training split (inside its interval) where it is not missing; a
    target's are those with weight. `none` scales nothing: mean 0 and deviation 1. Raises FormatError where a
    training row of X or Y is no finite number.
    """
    sides = {
        "features": _Side(columns.features, how.by, how.min_rows, columns.own),
        "targets": _Side(columns.targets, how.of_targets, how.min_rows, np.ones(len(columns.targets), bool)),
    }
    asked = {kind: side for kind, side in sides.items() if side.by != "none"}
    is_cut = any(side.by != "feature" for side in asked.values())
    for start, stop, inside in rows(steps, train) if asked else ():
        parts = list(_by_series(steps, start, stop)) if is_cut else [(_ANY, slice(None))]
        for kind, side in asked.items():
            values, counted = (
                _of_inputs(steps, start, stop, columns)
                if kind == "features"
                else _of_targets(steps, start, stop)
            )
            for key, samples in parts:
                here = inside[samples]
                if here.any():
                    side.add(key, Sums.of(values[samples][here], counted[samples][here]))
    _refuse_numbers_that_are_none(sides.values())
    return {
        "format": FORMAT,
        "by": how.by,
        "target": how.of_targets,
        "min_rows": how.min_rows,
        "fingerprint": fingerprint,
        **{kind: list(side.whole_entries()) for kind, side in sides.items()},
        "groups": list(_entries_of_groups(sides)),
        "series": list(_entries_of_series(sides)),
    }


class _Side:
    """The sums of the features, or of the targets, by series."""

    def __init__(self, names: Sequence[str], by: ScaleBy, least: int, own: Flags) -> None:
        self.names, self.by, self.least, self.own = names, by, least, own
        self.series: dict[Key, Sums] = {}

    def add(self, key: Key, sums: Sums) -> None:
        self.series[key] = self.series[key].merged(sums) if key in self.series else sums

    @property
    def groups(self) -> dict[str, Sums]:
        """Exact sums: the order in which series are added changes nothing."""
        found: dict[str, Sums] = {}
        for (group, _), sums in self.series.items():
            found[group] = found[group].merged(sums) if group in found else sums
        return found

    @property
    def whole(self) -> Sums:
        total = Sums.none(len(self.names))
        for sums in self.groups.values():
            total = total.merged(sums)
        return total

    def whole_entries(self) -> Iterator[dict[str, Any]]:
        scale = Scale.of_feature(self.whole)
        for name, mean, deviation, count in zip(self.names, *scale.entry().values(), strict=True):
            yield {"name": name, "mean": mean, "std": deviation, "count": count}

    def of_groups(self) -> dict[str, Scale]:
        whole = Scale.of_feature(self.whole)
        return {group: whole.finer(sums, self.least, self.own) for group, sums in self.groups.items()}

    def of_series(self) -> dict[Key, Scale]:
        groups = self.of_groups()
        return {key: groups[key[0]].finer(sums, self.least, self.own) for key, sums in self.series.items()}


def _entries_of_groups(sides: dict[str, _Side]) -> Iterator[dict[str, Any]]:
    found = {kind: side.of_groups() for kind, side in sides.items() if side.by in {"group", "series"}}
    for group in dict.fromkeys(name for scales in found.values() for name in scales):
        yield {"group": group, **{kind: scales[group].entry() for kind, scales in found.items()}}


def _entries_of_series(sides: dict[str, _Side]) -> Iterator[dict[str, Any]]:
    found = {kind: side.of_series() for kind, side in sides.items() if side.by == "series"}
    for key in dict.fromkeys(name for scales in found.values() for name in scales):
        scales = {kind: scales[key].entry() for kind, scales in found.items()}
        yield {"group": key[0], "series": key[1], **scales}


def _by_series(steps: Steps, start: int, stop: int) -> Iterator[tuple[Key, slice]]:
    """Samples [start, stop) as slices of one series each, counted from `start`."""
    sequence = steps.sequence[start:stop]
    edges = [0, *(1 + np.flatnonzero(np.diff(sequence))).tolist(), stop - start]
    for first, last in pairwise(edges):
        row = sequence[first]
        yield (str(steps.sequences.group[row]), str(steps.sequences.series[row])), slice(first, last)


def _of_inputs(
    steps: Steps, start: int, stop: int, columns: Columns
) -> tuple[npt.NDArray[np.float32], Flags]:
    values = steps.read("X", start, stop)
    counted = np.ones(values.shape, bool)
    masked = np.flatnonzero(columns.masks >= 0)
    counted[..., masked] = values[..., columns.masks[masked]] == 0
    return values, counted


def _of_targets(steps: Steps, start: int, stop: int) -> tuple[npt.NDArray[np.float32], Flags]:
    return steps.read("Y", start, stop), steps.read("W", start, stop) > 0


def _refuse_numbers_that_are_none(sides: Any) -> None:
    bad = [
        name for side in sides for name, broken in zip(side.names, side.whole.broken, strict=True) if broken
    ]
    if bad:
        raise FormatError(
            "The scaler needs finite numbers in every training row.",
            [f"{name} holds NaN or infinity: run pack again, or verify the shards" for name in bad],
        )
