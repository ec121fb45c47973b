"""Settings of training that are `auto`: decided by fixed rules from the training rows of the packed data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from hindcast.pipeline.arrays import Flags, Floats, Ints
from hindcast.pipeline.feed.source import Source, read_weights, scored_steps, sequence_of, split_samples
from hindcast.pipeline.feed.trained_series import number_series
from hindcast.pipeline.settings.train import TrainSettings
from hindcast.pipeline.wording import counted

FEW_ROWS = 20_000
"""With fewer training rows `units: auto` is one layer of 32, else of 64."""

_BLOCK = 1024  # samples read at a time


@dataclass(frozen=True)
class Decisions:
    """The values of settings of the section `train` that are `auto`, by name, and a sentence on each."""

    values: tuple[tuple[str, Any], ...] = ()
    reasons: tuple[tuple[str, str], ...] = ()

    def settle(self, settings: TrainSettings) -> TrainSettings:
        """Return the settings with these values in place of `auto`."""
        due = {name: value for name, value in self.values if getattr(settings, name) == "auto"}
        return settings.model_copy(update=due) if due else settings

    def lines(self) -> Iterator[str]:
        """Yield a line on each decision, for a summary."""
        for name, reason in self.reasons:
            yield f"train.{name}: auto is {reason}."


def decide(settings: TrainSettings, source: Source) -> Decisions:
    """Decide what is `auto`, from the targets and published forecasts of the training rows.

    - `residual` is true if every target has a published forecast, and if, in the median of the series, the standard deviation of its
      error is smaller than that of the target itself.
    - `units` is [32] with fewer than FEW_ROWS rows, else [64].
    """
    wanted = [name for name in ("residual", "units") if getattr(settings, name) == "auto"]
    if not wanted:
        return Decisions()
    rows, series, ratios = _measure(source)
    values: dict[str, Any] = {"residual": bool((ratios < 1).all()), "units": (32 if rows < FEW_ROWS else 64,)}
    if np.isnan(ratios).any():
        missing = int(np.isnan(ratios).sum())
        why = f"false: training has no published forecast of {missing} of {counted(len(ratios), 'target')}"
    else:
        shares = ", ".join(f"{ratio:.3g}" for ratio in ratios.tolist())
        why = (
            f"{str(values['residual']).lower()}: the standard deviation of the published forecast's error is {shares} of that of the "
            f"target (median of {counted(series, 'series')})"
        )
    size = "below" if rows < FEW_ROWS else "not below"
    reasons = {
        "residual": why,
        "units": f"[{values['units'][0]}]: {rows:,} training rows, {size} {FEW_ROWS:,}",
    }
    return Decisions(
        tuple((name, values[name]) for name in wanted), tuple((name, reasons[name]) for name in wanted)
    )


def _measure(source: Source) -> tuple[int, int, Floats]:
    """Return the number of training rows, of series with a published forecast, and by target the median over them of
    std(published - target) / std(target); NaN without any.
    """
    samples = split_samples(source, source.split("train"))
    keys, number = number_series(source)
    own = number[sequence_of(source, samples)]
    targets = source.read("Y", samples[:1]).shape[2]
    errors, values = _Spread(len(keys), targets), _Spread(len(keys), targets)
    rows = 0
    for start in range(0, len(samples), _BLOCK):
        block, series = samples[start : start + _BLOCK], own[start : start + _BLOCK]
        scored = scored_steps(source, source.split("train"), block)[..., None]
        rows += int(((read_weights(source, "train", block) > 0) & scored).any(axis=2).sum())
        target, published = source.read("Y", block), source.read("published", block)
        both = (read_weights(source, "train", block, residual=True) > 0) & scored & np.isfinite(published)
        clean = np.where(both, published, 0.0).astype(np.float64)
        actual = np.where(both, target, 0.0).astype(np.float64)
        errors.add(series, clean - actual, both)
        values.add(series, actual, both)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = errors.deviations() / values.deviations()  # infinite where the target does not vary
    counts = np.isfinite(ratios)
    medians = [
        float(np.median(ratios[counts[:, at], at])) if counts[:, at].any() else np.nan
        for at in range(targets)
    ]
    return rows, int(counts.any(axis=1).sum()), np.array(medians)


class _Spread:
    """Standard deviations by (series, target), of values relative to the first mean of a sample, which keeps sums small."""

    def __init__(self, series: int, targets: int) -> None:
        self._base = np.full((series, targets), np.nan)
        self._count, self._sum, self._squares = (np.zeros((series, targets)) for _ in range(3))

    def add(self, series: Ints, values: Floats, counts: Flags) -> None:
        """Add values (sample, step, target) of these series (sample,), where `counts`."""
        number = counts.sum(axis=1)
        mean = (values * counts).sum(axis=1) / np.maximum(number, 1)
        for at in range(values.shape[2]):
            has = np.flatnonzero(number[:, at] > 0)
            first, place = np.unique(series[has], return_index=True)
            unset = np.isnan(self._base[first, at])
            self._base[first[unset], at] = mean[has[place[unset]], at]
        apart = np.where(counts, values - np.nan_to_num(self._base[series])[:, None], 0.0)
        np.add.at(self._count, series, number)
        np.add.at(self._sum, series, apart.sum(axis=1))
        np.add.at(self._squares, series, np.square(apart).sum(axis=1))

    def deviations(self) -> Floats:
        """Return the standard deviations; NaN with fewer than two values."""
        count = np.where(self._count > 1, self._count, np.nan)
        found: Floats = np.sqrt(np.maximum(self._squares / count - np.square(self._sum / count), 0))
        return found
