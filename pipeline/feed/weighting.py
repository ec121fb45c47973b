"""What a value counts in the loss beside its weight in the data set: by the size of its series, its lead, and its age."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hindcast.pipeline.arrays import Floats, Ints
from hindcast.pipeline.feed.scaling import Scaling
from hindcast.pipeline.feed.source import Source, sequence_of
from hindcast.pipeline.settings.train import TrainSettings
from hindcast.pipeline.store.index_types import Split


@dataclass(frozen=True)
class Weighting:
    """Factors of the weights of targets.

    - `sizes` (sequence, target): of each sequence's series; None: 1.
    - `bounds` (ns, ascending) and `by_lead` (one more): the factor of a lead below the first bound, from each bound to the next, and
      from the last one on; none: 1.
    - `half_life`, `until` (ns): a training value `half_life` before `until` counts half; None: 1.
    """

    sizes: Floats | None = None
    bounds: Ints | None = None
    by_lead: Floats | None = None
    half_life: int | None = None
    until: int = 0

    def factors(self, source: Source, split: str, samples: Ints) -> npt.NDArray[Any]:
        """Return the factors at samples (sample, step, target or 1); the age counts in training only."""
        rows, steps = sequence_of(source, samples), source.segment_length
        found = np.ones((len(samples), steps, 1))
        if self.sizes is not None:
            found = found * self.sizes[rows][:, None, :]
        table = source.sequences
        start = table.start_time[rows] + (samples - table.first_sample[rows]) * steps * source.frequency
        times = start[:, None] + np.arange(steps) * source.frequency
        if self.bounds is not None and self.by_lead is not None:
            leads = times - source.read("origin", samples)
            found = found * self.by_lead[np.searchsorted(self.bounds, leads, side="right")][:, :, None]
        if self.half_life is not None and split.rpartition("/")[2] == "train":
            found = found * np.exp2((times - self.until) / self.half_life)[:, :, None]
        return found


def weighting_of(
    source: Source, scaling: Scaling, series: npt.NDArray[np.int32], settings: TrainSettings
) -> Weighting | None:
    """Return what `settings` ask for; None if every value counts as in the data set. `series`: the index of each sequence's series."""
    if not settings.is_weighted:
        return None
    bounds, by_lead = settings.lead_factors
    return Weighting(
        sizes=_sizes(scaling, series, settings.loss) if settings.loss_units == "physical" else None,
        bounds=bounds if len(bounds) else None,
        by_lead=by_lead if len(bounds) else None,
        half_life=None if settings.half_life is None else settings.half_life.ns,
        until=_end_of(source, source.split("train")),
    )


def _sizes(scaling: Scaling, series: npt.NDArray[np.int32], loss: str) -> Floats | None:
    """Return the scale of each sequence's series relative to the mean over the series that training knows (sequence, target).

    A scaled error times it is an error in physical units, in which the errors of all series can be added up.
    """
    table = scaling.target_std
    if table.ndim == 1:
        return None  # all series have one scale
    known = table[1 : len(table) - len(scaling.groups)]
    relative: Floats = table[series] / (known if len(known) else table).mean(axis=0)
    return relative**2 if loss == "mse" else relative


def _end_of(source: Source, split: Split) -> int:
    """Return the end of the last sample of a split, or of the split, whichever is earlier."""
    samples, table = np.asarray(split.indices, np.int64), source.sequences
    if not len(samples):
        return 0
    rows = sequence_of(source, samples)
    span = source.segment_length * source.frequency
    ends = table.start_time[rows] + (samples - table.first_sample[rows] + 1) * span
    return min(int(ends.max()), int(split.until_time))
