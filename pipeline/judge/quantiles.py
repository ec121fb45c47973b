"""Score quantile forecasts: the pinball loss in physical units, and how often the actual value lies below each quantile
and between the outermost quantiles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hindcast.pipeline.judge.interval_scores import level_weights
from hindcast.pipeline.judge.table import Table, blocks


@dataclass(frozen=True)
class QuantileScores:
    """For each level, the mean pinball loss and the share of actual values at or below it, over the compared rows.

    `inside` is the share of actual values from the lowest to the highest quantile, both included; `nominal` is the
    expected share, `width` the mean distance between the outermost.
    All scores are None if no row is compared.
    """

    levels: tuple[float, ...]
    pinball: tuple[float, ...] | None
    below: tuple[float, ...] | None
    inside: float | None
    width: float | None = None

    @property
    def nominal(self) -> float:
        """The expected share of actual values between the outermost quantiles."""
        return self.levels[-1] - self.levels[0]

    @property
    def crps(self) -> float | None:
        """The continuous ranked probability score, from the pinball losses as `interval_scores.crps` computes it."""
        if self.pinball is None:
            return None
        weights: list[float] = level_weights(self.levels).tolist()
        return 2 * sum(loss * weight for loss, weight in zip(self.pinball, weights, strict=True))

    def as_dict(self) -> dict[str, Any]:
        """Return the scores as written to metrics.json."""
        by_level = {
            f"{level:g}": {"pinball": loss, "below": share}
            for level, loss, share in zip(self.levels, self.pinball or (), self.below or (), strict=False)
        }
        mean = sum(self.pinball) / len(self.pinball) if self.pinball else None
        return {
            "pinball": mean,
            "coverage": self.inside,
            "coverage_wanted": round(self.nominal, 9),
            "width": self.width,
            "crps": self.crps,
            "quantiles": by_level,
        }

    def __str__(self) -> str:
        low, high = (f"{level:g}" for level in (self.levels[0], self.levels[-1]))
        if self.inside is None:
            return f"quantiles {low} to {high}: no scores, because no row is compared"
        return f"quantiles {low} to {high} contain {self.inside:.1%} of the actual values (nominal {self.nominal:.1%})"


def quantile_scores(table: Table) -> QuantileScores | None:
    """Return the scores of the model's quantiles, or None if it has none. Sums are in float64 and in row order."""
    if table.quantiles is None:
        return None
    levels = np.array(table.levels)
    loss, below = np.zeros(len(levels)), np.zeros(len(levels))
    inside = count = 0
    width = 0.0
    for rows in blocks(len(table)):
        chosen = table.compared[rows]
        value = table.quantiles[rows][chosen].astype(np.float64)
        error = table.actual[rows][chosen].astype(np.float64)[:, None] - value
        loss += np.maximum(levels * error, (levels - 1) * error).sum(axis=0)
        below += (error <= 0).sum(axis=0)
        inside += int(((error[:, 0] >= 0) & (error[:, -1] <= 0)).sum())
        width += float((value[:, -1] - value[:, 0]).sum())
        count += int(chosen.sum())
    if not count:
        return QuantileScores(table.levels, None, None, None)
    pinball, shares = (tuple(float(part) / count for part in sums) for sums in (loss, below))
    return QuantileScores(table.levels, pinball, shares, inside / count, width / count)
