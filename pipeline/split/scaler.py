"""The scaler: mean and deviation (or median and robust spread) of features and targets over training rows, read as a stream.

Sums are exact (`split.exact_sums`), so the result does not depend on the order and size of the blocks. The sums of a group
are added up from its series, and the sums of a feature from all groups.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from hindcast.pipeline.arrays import TARGET_FLAGGED, Flags, Floats, Ints, Key, Values
from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.settings.sections import ScaleBy, ScaleSettings
from hindcast.pipeline.split.exact_quantiles import count_quantiles, robust_scale
from hindcast.pipeline.split.exact_sums import Sums
from hindcast.pipeline.split.steps import Steps, iter_scored
from hindcast.pipeline.store.index_types import Split
from hindcast.pipeline.store.layout import SCALER_FORMAT

_ANY_SERIES: Key = ("", "")  # the key if all series share one scale
_LENGTHS = {"none": 0, "feature": 0, "group": 1, "series": 2}  # how much of a key a scale depends on


@dataclass(frozen=True)
class Columns:
    """The names of X's features and Y's targets; `masks[i]` is the feature that is 1 where feature i is missing, or -1.

    `common` holds the indices of features that mean the same in every series (as masks always do): all series and groups
    share one scale. With a scale fitted to two months of a series, the day of the year would soon be far out of range.
    """

    features: Sequence[str]
    masks: Ints
    targets: Sequence[str]
    common: frozenset[int] = frozenset()

    @property
    def own(self) -> Flags:
        """Return (feature,) flags: whether a series or group may have its own scale."""
        shared = self.common | set(self.masks[self.masks >= 0].tolist())
        return np.array([place not in shared for place in range(len(self.features))], bool)


def common_features(parts: Sequence[str], units: Sequence[str]) -> frozenset[int]:
    """Return the indices of calendar features and leads: dimensionless or in hours. Other known values have other units."""
    pairs = enumerate(zip(parts, units, strict=True))
    return frozenset(place for place, (part, unit) in pairs if part == "calendar" and unit in {"1", "h"})


@dataclass(frozen=True)
class Scale:
    """Mean and deviation of each column, and the number of rows of the series, group or feature."""

    mean: Floats
    deviation: Floats
    count: Ints

    @classmethod
    def measured(cls, sums: Sums, quantiles: Floats | None) -> Scale:
        """Return mean and deviation of the rows; with their quantiles, median and robust spread."""
        if quantiles is None:
            return cls(sums.mean, sums.deviation, sums.count)
        return cls(*robust_scale(quantiles, sums.deviation), sums.count)

    def shared(self) -> Scale:
        """Return the scale that all series share: a column that is constant or empty has deviation 1."""
        return Scale(self.mean, np.where(self.deviation > 0, self.deviation, 1.0), self.count)

    def finer(self, part: Scale, least: int, may: Flags) -> Scale:
        """Return the scale of a series or group. A column gets its own scale if it `may` have one, has at least `least` rows
        and varies; all other columns keep this scale.

        A value that is constant in a series (its size, for example) distinguishes series; a scale per series would erase it.
        """
        own = may & (part.count >= least) & (part.deviation > 0)
        mean, deviation = np.where(own, part.mean, self.mean), np.where(own, part.deviation, self.deviation)
        return Scale(mean, deviation, part.count)

    def entry(self) -> dict[str, list[Any]]:
        """Return the entry for scaler.json."""
        return {"mean": self.mean.tolist(), "std": self.deviation.tolist(), "count": self.count.tolist()}


def fit_scaler(
    steps: Steps, train: Split, columns: Columns, fingerprint: str, how: ScaleSettings
) -> dict[str, Any]:
    """Return the content of scaler.json.

    A feature counts in the steps of the training split (inside its interval) where it is not missing; a target counts in
    the steps where it has weight. With `none` nothing is scaled: mean 0 and deviation 1. Raises FormatError if a training
    row of X or Y is not finite.
    """
    sides = {
        "features": _Side(columns.features, how.by, how.min_rows, columns.own),
        "targets": _Side(columns.targets, how.of_targets, how.min_rows, np.ones(len(columns.targets), bool)),
    }
    scaled = {kind: side for kind, side in sides.items() if side.by != "none"}
    for kind, key, values, counted in _parts(steps, train, columns, scaled) if scaled else ():
        scaled[kind].add(key, Sums.of(values, counted))
    _check_finite(sides.values())
    for kind, side in scaled.items() if how.robust else ():
        side.count_quantiles(partial(_parts, steps, train, columns, {kind: side}))
    return {
        "format": SCALER_FORMAT,
        "by": how.by,
        "target": how.of_targets,
        "min_rows": how.min_rows,
        **({"robust": True} if how.robust else {}),
        "fingerprint": fingerprint,
        **{kind: side.whole_entries() for kind, side in sides.items()},
        "groups": _entries({kind: side.scales(1) for kind, side in sides.items()}),
        "series": _entries({kind: side.scales(2) for kind, side in sides.items()}),
    }


def _parts(
    steps: Steps, train: Split, columns: Columns, scaled: Mapping[str, _Side]
) -> Iterator[tuple[str, Key, Values, Flags]]:
    """Yield (kind, key, values, counted) of the training rows of each block, per series if any of the scales needs it."""
    is_by_series = any(side.by != "feature" for side in scaled.values())
    for samples, inside in iter_scored(steps, train):
        parts = list(_by_series(steps, samples)) if is_by_series else [(_ANY_SERIES, slice(None))]
        for kind in scaled:
            if kind == "features":
                values, counted = _read_features(steps, samples, columns)
            else:
                values, counted = steps.read("Y", samples), _counted_targets(steps, samples)
            for key, part in parts:
                steps_inside = inside[part]
                if steps_inside.any():
                    yield kind, key, values[part][steps_inside], counted[part][steps_inside]


class _Side:
    """The sums of the features, or of the targets, of each series."""

    def __init__(self, names: Sequence[str], by: ScaleBy, least: int, own: Flags) -> None:
        self.names, self.by, self._least, self._own = names, by, least, own
        self._series: dict[Key, Sums] = {}
        self._quantiles: dict[tuple[str, ...], Floats] = {}

    def count_quantiles(self, parts: Callable[[], Iterator[tuple[str, Key, Values, Flags]]]) -> None:
        """Compute the quantiles of the features or targets from which scales are made."""
        self._quantiles = count_quantiles(
            lambda: ((key, values, counted) for _, key, values, counted in parts()),
            len(self.names),
            _LENGTHS[self.by],
        )

    def _measured(self, key: tuple[str, ...], sums: Sums) -> Scale:
        return Scale.measured(sums, self._quantiles.get(key))

    def add(self, key: Key, sums: Sums) -> None:
        self._series[key] = self._series[key].plus(sums) if key in self._series else sums

    def sums(self, length: int) -> dict[tuple[str, ...], Sums]:
        """Return the sums of each group (`length` 1, keys (group,)), of each series (2), or of all series (0, key ())."""
        sums_of: dict[tuple[str, ...], Sums] = {} if length else {(): Sums.none(len(self.names))}
        for (
            key,
            sums,
        ) in self._series.items():  # the sums are exact: the order of the series does not matter
            part = key[:length]
            sums_of[part] = sums_of[part].plus(sums) if part in sums_of else sums
        return sums_of

    def whole_entries(self) -> list[dict[str, Any]]:
        columns = self.scales(0)[()].entry().values()
        return [
            {"name": name, "mean": mean, "std": deviation, "count": count}
            for name, mean, deviation, count in zip(self.names, *columns, strict=True)
        ]

    def scales(self, length: int) -> dict[tuple[str, ...], Scale]:
        """Return the scales of groups (`length` 1), of series (2) or of all series (0); none if `by` is coarser."""
        if length > _LENGTHS[self.by]:
            return {}
        if length == 0:
            return {(): self._measured((), self.sums(0)[()]).shared()}
        coarser = self.scales(length - 1)
        return {
            key: coarser[key[:-1]].finer(self._measured(key, sums), self._least, self._own)
            for key, sums in self.sums(length).items()
        }


def _entries(scales: dict[str, dict[tuple[str, ...], Scale]]) -> list[dict[str, Any]]:
    """Return one entry per group or series: its names, then its scales of features and targets if it has them."""
    of_kind = {kind: found for kind, found in scales.items() if found}
    return [
        {
            **dict(zip(("group", "series"), key, strict=False)),
            **{kind: found[key].entry() for kind, found in of_kind.items()},
        }
        for key in dict.fromkeys(key for found in of_kind.values() for key in found)
    ]


def _by_series(steps: Steps, samples: Ints) -> Iterator[tuple[Key, slice]]:
    """Yield (key, slice) for each series in `samples`."""
    sequence = steps.sequence[samples]
    edges = [0, *(1 + np.flatnonzero(np.diff(sequence))).tolist(), len(samples)]
    for first, last in pairwise(edges):
        row = sequence[first]
        yield (str(steps.sequences.group[row]), str(steps.sequences.series[row])), slice(first, last)


def _read_features(steps: Steps, samples: Ints, columns: Columns) -> tuple[Values, Flags]:
    values = steps.read("X", samples)
    counted = np.ones(values.shape, bool)
    masked = np.flatnonzero(columns.masks >= 0)
    counted[..., masked] = values[..., columns.masks[masked]] == 0
    return values, counted


def _counted_targets(steps: Steps, samples: Ints) -> Flags:
    """Flag the targets with weight that are not flagged."""
    counted: Flags = steps.read("W", samples) > 0
    if steps.has_flagged:
        counted &= steps.read("flagged", samples) & TARGET_FLAGGED == 0
    return counted


def _check_finite(sides: Iterable[_Side]) -> None:
    faults = [
        f"{name} contains NaN or infinity: run the stage `pack` again, or check the shards with `verify`"
        for side in sides
        for name, broken in zip(side.names, side.sums(0)[()].broken, strict=True)
        if broken
    ]
    if faults:
        raise FormatError("The scaler needs finite numbers in every training row.", faults)
