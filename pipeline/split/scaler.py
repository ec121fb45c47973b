"""The scaler: mean and deviation (or median and robust spread) of features and targets over training rows, read as a stream.

Sums are exact (`split.exact_sums`), so the result does not depend on the order and size of the blocks. The sums of a group
are added up from its series, and the sums of a feature from all groups.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from hindcast.pipeline.arrays import Flags, Floats, Ints, Values
from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.settings.sections import ScaleBy, ScaleChoice, ScaleSettings
from hindcast.pipeline.split.exact_quantiles import count_quantiles, robust_scale
from hindcast.pipeline.split.exact_sums import Sums
from hindcast.pipeline.split.steps import Steps
from hindcast.pipeline.split.training_rows import Columns, Key, TrainingRows
from hindcast.pipeline.store.index_types import Split
from hindcast.pipeline.store.layout import SCALER_FORMAT

DIFFERENT = 2.0
"""With `auto`, series have scales of their own from this factor on, between the standard deviations of a target that nine tenths
and one tenth of the series do not exceed.
"""

_MOST_EXAMPLES = 3  # series whose target is constant

_LENGTHS = {"none": 0, "feature": 0, "group": 1, "series": 2}  # how much of a key a scale depends on


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
    def measured(cls, mean: Floats, deviation: Floats, count: Ints, quantiles: Floats | None) -> Scale:
        """Return mean and deviation of the rows; with their quantiles, median and robust spread."""
        if quantiles is None:
            return cls(mean, deviation, count)
        return cls(*robust_scale(quantiles, deviation), count)

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
    steps: Steps,
    train: Split,
    columns: Columns,
    fingerprint: str,
    how: ScaleSettings,
    *,
    folder: Path | None = None,
) -> dict[str, Any]:
    """Return the content of scaler.json.

    A feature counts in the steps of the training split (inside its interval) where it is not missing; a target counts in
    the steps where it has weight. With `none` nothing is scaled: mean 0 and deviation 1. The key `auto`, where a choice is, holds the
    factor that decided. If `steps.read` reads
    files in `folder`, it is called in the engine's workers. The key `constant` is there only if a target does not vary in
    the training rows of a series, or has none at all. Raises FormatError if a training row of X or Y is not finite.
    """
    # by series, whatever the scales: merging is exact, and shows which targets do not vary
    keys, sums = TrainingRows(steps, train, columns, 2).sums(
        ("targets",) if how.by == "none" else ("features", "targets"), folder
    )
    factor = _largest_factor(sums["targets"], how.min_rows) if keys else 1.0
    by, target = (_decided(choice, factor) for choice in (how.by, how.of_targets))
    sides = {
        "features": _Side(columns.features, by, how.min_rows, columns.own),
        "targets": _Side(columns.targets, target, how.min_rows, np.ones(len(columns.targets), bool)),
    }
    scaled = {kind: side for kind, side in sides.items() if side.by != "none"}
    for kind in scaled.keys() & sums.keys():
        scaled[kind].set_sums(keys, sums[kind])
    _check_finite(sides.values())
    rows = TrainingRows(
        steps, train, columns, max((_LENGTHS[side.by] for side in scaled.values()), default=0)
    )
    for kind, side in scaled.items() if how.robust else ():
        side.count_quantiles(partial(rows.parts, kind))
    constant = _constant_targets(columns.targets, keys, sums["targets"]) if keys else {}
    return {
        "format": SCALER_FORMAT,
        "by": by,
        "target": target,
        "min_rows": how.min_rows,
        **({"auto": factor} if "auto" in {how.by, how.of_targets} else {}),
        **({"robust": True} if how.robust else {}),
        **({"capacity": capacity} if (capacity := _capacity(columns)) else {}),
        **({"constant": constant} if constant else {}),
        "fingerprint": fingerprint,
        **{kind: side.whole_entries() for kind, side in sides.items()},
        "groups": _entries({kind: side.scales(1) for kind, side in sides.items()}),
        "series": _entries({kind: side.scales(2) for kind, side in sides.items()}),
    }


def _decided(choice: ScaleChoice, factor: float) -> ScaleBy:
    if choice != "auto":
        return choice
    return "series" if factor >= DIFFERENT else "feature"


def _largest_factor(sums: Sums, least: int) -> float:
    """Return the largest factor, over the targets, between the standard deviations of series: see `DIFFERENT`.

    Series with fewer than `least` training rows, and those that do not vary, are left out.
    """
    factors = [1.0]
    for place in range(sums.count.shape[1]):
        deviations = sums.deviation[:, place]
        own = deviations[(sums.count[:, place] >= least) & (deviations > 0)]
        if len(own):
            low, high = np.quantile(own, 0.1, method="lower"), np.quantile(own, 0.9, method="higher")
            factors.append(float(high / low))
    return max(factors)


def _constant_targets(names: Sequence[str], keys: Sequence[Key], sums: Sums) -> dict[str, Any]:
    """Return, of each target that does not vary in the training rows of some series, or has none: how many series, and examples."""
    found: dict[str, Any] = {}
    whole, several = sums.merged(np.zeros(1, np.int64)), sums.count > 1
    for place, name in enumerate(names):
        constant = np.flatnonzero(several[:, place] & (sums.deviation[:, place] == 0))
        if whole.count[0, place] and not len(constant):
            continue
        means = sums.run(constant[:_MOST_EXAMPLES]).mean[:, place].tolist()
        found[name] = {
            "rows": int(whole.count[0, place]),
            "everywhere": bool(whole.deviation[0, place] == 0),
            "series": len(constant),
            "of": int(np.count_nonzero(sums.count[:, place])),
            "examples": [[*keys[row], mean] for row, mean in zip(constant.tolist(), means, strict=False)],
        }
    return found


def _capacity(columns: Columns) -> dict[str, str]:
    """Return, by target, the name of the feature as a share of which it is learned."""
    pairs = zip(columns.targets, columns.capacity, strict=False)
    return {target: columns.features[feature] for target, feature in pairs if feature >= 0}


class _Side:
    """The sums of the features, or of the targets, of each series or group, and the scales made from them."""

    def __init__(self, names: Sequence[str], by: ScaleBy, least: int, own: Flags) -> None:
        self.names, self.by, self._least, self._own = names, by, least, own
        self._levels: list[tuple[list[Key], Sums]] = [([()], Sums.none(1, len(names)))]
        self._quantiles: dict[Key, Floats] = {}

    def set_sums(self, keys: Sequence[Key], sums: Sums) -> None:
        """Take the sums (key, column) of the training rows; keys that begin with the same name follow one another."""
        for length in range(_LENGTHS[self.by] + 1):
            parts = [key[:length] for key in keys]
            first = [place for place, part in enumerate(parts) if place == 0 or part != parts[place - 1]]
            self._levels[length:] = [([parts[place] for place in first], sums.merged(np.array(first)))]

    def count_quantiles(self, parts: Callable[[], Iterator[tuple[Key, Values, Flags]]]) -> None:
        """Compute the quantiles of the features or targets from which scales are made."""
        self._quantiles = count_quantiles(parts, len(self.names), _LENGTHS[self.by])

    @property
    def broken(self) -> Flags:
        """The columns that contained NaN or infinity."""
        broken: Flags = self._levels[0][1].broken[0]
        return broken

    def whole_entries(self) -> list[dict[str, Any]]:
        columns = self.scales(0)[()].entry().values()
        return [
            {"name": name, "mean": mean, "std": deviation, "count": count}
            for name, mean, deviation, count in zip(self.names, *columns, strict=True)
        ]

    def scales(self, length: int) -> dict[Key, Scale]:
        """Return the scales of groups (`length` 1), of series (2) or of all series (0); none if `by` is coarser."""
        if length >= len(self._levels):
            return {}
        keys, sums = self._levels[length]
        measured = {
            key: Scale.measured(mean, deviation, count, self._quantiles.get(key))
            for key, mean, deviation, count in zip(keys, sums.mean, sums.deviation, sums.count, strict=True)
        }
        if length == 0:
            return {(): measured[()].shared()}
        coarser = self.scales(length - 1)
        return {
            key: coarser[key[:-1]].finer(scale, self._least, self._own) for key, scale in measured.items()
        }


def _entries(scales: dict[str, dict[Key, Scale]]) -> list[dict[str, Any]]:
    """Return one entry per group or series: its names, then its scales of features and targets if it has them."""
    of_kind = {kind: found for kind, found in scales.items() if found}
    return [
        {
            **dict(zip(("group", "series"), key, strict=False)),
            **{kind: found[key].entry() for kind, found in of_kind.items()},
        }
        for key in dict.fromkeys(key for found in of_kind.values() for key in found)
    ]


def _check_finite(sides: Iterable[_Side]) -> None:
    faults = [
        f"{name} contains NaN or infinity: run the stage `pack` again, or check the shards with `verify`"
        for side in sides
        for name, broken in zip(side.names, side.broken, strict=True)
        if broken
    ]
    if faults:
        raise FormatError("The scaler needs finite numbers in every training row.", faults)
