"""Plans -> batches of numbers: many read at once, always of full shape and without NaN."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property, partial
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from pipeline.feed.held import Held, found, reached
from pipeline.feed.lanes import IDLE, LanePlan, joined
from pipeline.feed.order import InOrder, Order, shuffled
from pipeline.feed.runs import Ints, scored_steps
from pipeline.feed.scaling import Scaling
from pipeline.feed.source import Source, grid_of
from pipeline.feed.stretches import HELD, Stretches
from pipeline.feed.windows import WindowPlan
from pipeline.store.types import Split

Values = npt.NDArray[np.float32]

MEMORY_BYTES = 256 << 20
"""What batches in the making may hold, beside what their source keeps."""

_MOST_BATCHES = 256  # of lanes, read at once: beyond that nothing is read less often
_BLOCK_ROWS = (
    4096  # windows that stay neighbours until blocks are mixed: about as many as are read at once anyway
)


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
    def names(self) -> tuple[str, ...]:
        """The arrays that batches are made from."""
        return ("X", "Y", "W", "published") if self.with_published else ("X", "Y", "W")

    @property
    def step_bytes(self) -> int:
        """Memory a step of these arrays."""
        return 4 * (len(self.resting) + (len(self.names) - 1) * self.scaling.target_count)

    @property
    def resting(self) -> Values:
        """The features' means, which idle rows show: the scaled zero."""
        return self.scaling.resting


@dataclass(frozen=True)
class LaneBatches:
    """The batches of a lane plan: a sample a lane. Many are made at once, in the background: a batch is a view of them."""

    material: Material
    split: Split
    plan: LanePlan
    made_beforehand: ClassVar[bool] = True

    def __len__(self) -> int:
        return self.plan.batch_count

    def __getitem__(self, number: int) -> Batch:
        if not 0 <= number < len(self):
            raise IndexError(f"a plan of {len(self)} batches has no batch {number}")
        stretch, place = divmod(number, self._length)
        made = self._stretches[stretch]
        rows = slice(place * self.plan.lanes, (place + 1) * self.plan.lanes)
        batch = Batch(*(getattr(made, field.name)[rows] for field in fields(Batch)))
        if number == len(self) - 1:
            self._stretches.close()  # an epoch is over: there may be one of these for each of many series
        return batch

    @cached_property
    def _length(self) -> int:
        """Batches that are made at once."""
        step_bytes = self.material.step_bytes + 4 * (1 + 4 * self.material.scaling.target_count)
        batch = self.plan.lanes * self.material.source.segment_length * step_bytes
        return max(1, min(_MOST_BATCHES, MEMORY_BYTES // HELD // batch))

    @cached_property
    def _stretches(self) -> Stretches[Batch]:
        make = partial(_lanes_made, self.material, self.split, self.plan, self._length)
        return Stretches(make, -(-len(self) // self._length))


@dataclass(frozen=True)
class WindowBatches:
    """The batches of a window plan: a window a row, the target at its last step."""

    material: Material
    plan: WindowPlan

    def __len__(self) -> int:
        return self.plan.batch_count

    def __getitem__(self, number: int) -> Batch:
        windows, rows = self.plan.batch(number), self.plan.rows
        scaling, count = self.material.scaling, len(windows.row)
        size, lookback, features = self.plan.batch_size, self.plan.lookback, len(self.material.resting)
        held = self._held(number)
        windowed = found(held, windows.samples)
        inputs = np.broadcast_to(self.material.resting, (size, lookback, features)).copy()
        steps = windowed.read("X").reshape(-1, features)
        np.take(steps, windows.steps, axis=0, out=inputs[:count])
        targets = np.zeros((size, lookback, scaling.target_count), np.float32)
        weights = np.zeros_like(targets)
        series = np.zeros((size, lookback), np.int32)
        sample, offset, place = rows.sample[windows.row], rows.offset[windows.row], np.arange(count)
        sequence = rows.sequence[windows.row]
        numbers = self.material.series[sequence]
        own = found(held, sample)
        targets[place, windows.last] = scaling.scaled_targets(own.read("Y")[place, offset], numbers)
        weights[place, windows.last] = own.read("W")[place, offset]
        series[:count] = numbers[:, None]
        identity = np.full((size, 2), IDLE, np.int64)
        identity[:count] = np.stack([sequence, sample], axis=1)
        begin = np.zeros(size, np.int64)
        begin[:count] = offset - windows.last
        published = np.full_like(targets, np.nan)
        if self.material.with_published:
            steps = windowed.read("published").reshape(-1, targets.shape[-1])
            published[:count] = steps[windows.steps]
        if number == len(self) - 1:
            self._stretches.close()  # as above
        keep = np.zeros((size, 1), np.float32)
        return Batch(inputs, series, targets, weights, keep, identity, begin, *_with_flags(published))

    def shuffled(self, seed: int, epoch: int) -> WindowBatches:
        """The same windows in an order drawn from (seed, epoch): through and through where they fit into memory."""
        order = shuffled(len(self.plan.rows), _BLOCK_ROWS, self._pool_rows, seed, epoch)
        return replace(self, plan=self.plan.ordered(order))

    @cached_property
    def _pool_rows(self) -> int:
        return max(1, MEMORY_BYTES // HELD // self.material.step_bytes)

    @cached_property
    def _order(self) -> Order:
        return self.plan.order or InOrder(len(self.plan.rows), self._pool_rows)

    @cached_property
    def _ends(self) -> Ints:
        return self._order.stretches

    @cached_property
    def _stretches(self) -> Stretches[Held]:
        return Stretches(
            partial(_windows_held, self.material, self.plan, self._order), max(0, len(self._ends) - 1)
        )

    def _held(self, number: int) -> list[Held]:
        """The samples of all rows of a batch: a batch may lie in several stretches."""
        start = number * self.plan.batch_size
        last = min(start + self.plan.batch_size, len(self.plan.rows)) - 1
        first, final = np.searchsorted(self._ends, [start, last], side="right") - 1
        return [self._stretches[stretch] for stretch in range(int(first), int(final) + 1)]


def _lanes_made(material: Material, split: Split, plan: LanePlan, length: int, stretch: int) -> Batch:
    """The batches of a stretch one below the other, as one of many rows."""
    numbers = range(stretch * length, min((stretch + 1) * length, plan.batch_count))
    lanes = joined([plan.batch(number) for number in numbers])
    source, scaling, idle = material.source, material.scaling, lanes.sample == IDLE
    # an idle lane reads what another one plays, and shows none of it: so nothing is copied to make room for it
    samples = np.where(idle, lanes.sample[np.argmin(idle)], lanes.sample)
    series = np.where(idle, 0, material.series[lanes.sequence])
    scored = scored_steps(source.sequences, split, grid_of(source), samples)
    scored &= lanes.weighted[:, None]
    targets = _rested(scaling.scaled_targets(source.read("Y", samples), series), idle, 0)
    published, has_published = np.zeros_like(targets), np.zeros_like(targets)
    if material.with_published:
        published, has_published = _with_flags(_rested(source.read("published", samples), idle, np.nan))
    return Batch(
        inputs=_rested(source.read("X", samples), idle, material.resting),
        series=np.repeat(series[:, None], source.segment_length, axis=1),
        targets=targets,
        weights=source.read("W", samples) * scored[:, :, None],
        keep=lanes.keep[:, None],
        identity=np.stack([lanes.sequence, lanes.sample], axis=1),
        begin=np.zeros(len(samples), np.int64),
        published=published,
        has_published=has_published,
    )


def _rested(values: Values, idle: npt.NDArray[np.bool_], shown: npt.ArrayLike) -> Values:
    """The values, with `shown` at every step of the rows that are idle."""
    values[idle] = shown
    return values


def _windows_held(material: Material, plan: WindowPlan, order: Order, stretch: int) -> Held:
    start, stop = order.stretches[stretch : stretch + 2].tolist()
    samples = reached(*plan.reach(order.rows(start, stop)))
    return Held.of(material.source, material.names, samples)


def _with_flags(published: Values) -> tuple[Values, Values]:
    """A forecast with NaN where there is none -> with 0 there, and the flag that tells."""
    there = np.isfinite(published)
    return np.where(there, published, np.float32(0)), there.astype(np.float32)
