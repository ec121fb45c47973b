"""Plans -> batches of numbers: one read and one gather a batch, always of full shape and without NaN."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.feed.lanes import IDLE, LanePlan
from pipeline.feed.runs import Ints, scored_steps
from pipeline.feed.scaling import Scaling
from pipeline.feed.source import Source, grid_of
from pipeline.feed.windows import WindowPlan
from pipeline.store.types import Split

Values = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Batch:
    """One batch of B rows of T steps.

    `inputs` (B, T, feature) in physical units, `series` (B, T) int32 index of the series (0: never seen),
    `targets` (B, T, target) in scaled units, `weights` (B, T, target), `keep` (B, 1), `identity` (B, 2)
    int64 sequence and sample, IDLE where a row plays nothing. Where a row or step plays nothing, its weight is 0.
    `published` (B, T, target) in physical units, 0 where there is none, and `has_published` (B, T, target), 1 where
    there is one: zeros unless the material is `with_published`.
    `begin` (B,) is the offset of a row's first step in the sample that `identity` names; below 0: in one before it.
    """

    inputs: Values
    series: npt.NDArray[np.int32]
    targets: Values
    weights: Values
    keep: Values
    identity: Ints
    begin: Ints
    published: Values
    has_published: Values


@dataclass(frozen=True)
class Material:
    """What batches are made from: the samples, their scaling, and the index of each sequence's series.

    `with_published`: batches hold the published forecast too.
    """

    source: Source
    scaling: Scaling
    series: npt.NDArray[np.int32]
    with_published: bool = False

    @property
    def resting(self) -> Values:
        """The features' means, which idle rows show: the scaled zero."""
        return self.scaling.resting


@dataclass(frozen=True)
class LaneBatches:
    """The batches of a lane plan: a sample a lane."""

    material: Material
    split: Split
    plan: LanePlan

    def __len__(self) -> int:
        return self.plan.batch_count

    def __getitem__(self, number: int) -> Batch:
        lanes, source, scaling = self.plan.batch(number), self.material.source, self.material.scaling
        plays = np.flatnonzero(lanes.sample != IDLE)
        samples = lanes.sample[plays]
        length = source.segment_length
        inputs = np.broadcast_to(
            self.material.resting, (self.plan.lanes, length, len(self.material.resting))
        ).copy()
        targets = np.zeros((self.plan.lanes, length, scaling.target_count), np.float32)
        weights = np.zeros_like(targets)
        series = np.zeros((self.plan.lanes, length), np.int32)
        inputs[plays] = source.read("X", samples)
        numbers = self.material.series[lanes.sequence[plays]]
        targets[plays] = scaling.scaled_targets(source.read("Y", samples), numbers)
        scored = scored_steps(source.sequences, self.split, grid_of(source), samples)
        scored &= lanes.weighted[plays][:, None]
        weights[plays] = source.read("W", samples) * scored[:, :, None]
        series[plays] = numbers[:, None]
        identity = np.stack([lanes.sequence, lanes.sample], axis=1)
        begin = np.zeros(self.plan.lanes, np.int64)
        published = np.full_like(targets, np.nan)
        if self.material.with_published:
            published[plays] = source.read("published", samples)
        return Batch(
            inputs, series, targets, weights, lanes.keep[:, None], identity, begin, *_with_flags(published)
        )


@dataclass(frozen=True)
class WindowBatches:
    """The batches of a window plan: a window a row, the target at its last step."""

    material: Material
    plan: WindowPlan

    def __len__(self) -> int:
        return self.plan.batch_count

    def __getitem__(self, number: int) -> Batch:
        windows, rows = self.plan.batch(number), self.plan.rows
        source, scaling, count = self.material.source, self.material.scaling, len(windows.row)
        size, lookback, features = self.plan.batch_size, self.plan.lookback, len(self.material.resting)
        inputs = np.broadcast_to(self.material.resting, (size, lookback, features)).copy()
        steps = source.read("X", windows.samples).reshape(-1, features)
        np.take(steps, windows.steps, axis=0, out=inputs[:count])
        targets = np.zeros((size, lookback, scaling.target_count), np.float32)
        weights = np.zeros_like(targets)
        series = np.zeros((size, lookback), np.int32)
        sample, offset, place = rows.sample[windows.row], rows.offset[windows.row], np.arange(count)
        sequence = rows.sequence[windows.row]
        numbers = self.material.series[sequence]
        targets[place, windows.last] = scaling.scaled_targets(
            source.read("Y", sample)[place, offset], numbers
        )
        weights[place, windows.last] = source.read("W", sample)[place, offset]
        series[:count] = numbers[:, None]
        identity = np.full((size, 2), IDLE, np.int64)
        identity[:count] = np.stack([sequence, sample], axis=1)
        begin = np.zeros(size, np.int64)
        begin[:count] = offset - windows.last
        published = np.full_like(targets, np.nan)
        if self.material.with_published:
            steps = source.read("published", windows.samples).reshape(-1, targets.shape[-1])
            published[:count] = steps[windows.steps]
        keep = np.zeros((size, 1), np.float32)
        return Batch(inputs, series, targets, weights, keep, identity, begin, *_with_flags(published))


def _with_flags(published: Values) -> tuple[Values, Values]:
    """A forecast with NaN where there is none -> with 0 there, and the flag that tells."""
    there = np.isfinite(published)
    return np.where(there, published, np.float32(0)), there.astype(np.float32)
