"""Batches as training plays them: always of full shape and without NaN, targets in scaled units, rows with an identity."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property, partial
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from hindcast.pipeline.arrays import Ints, Values
from hindcast.pipeline.feed.columns import Example, Named, join_examples
from hindcast.pipeline.feed.lanes import IDLE, LaneBatch, LanePlan, lane_order, lane_weights, read_lanes
from hindcast.pipeline.feed.order import InOrder, Order, plan_shuffle
from hindcast.pipeline.feed.prefetch import HELD, MEMORY_BYTES, Numbered, StretchReader
from hindcast.pipeline.feed.scaling import Scaling
from hindcast.pipeline.feed.source import Source, read_weights
from hindcast.pipeline.feed.weighting import Weighting
from hindcast.pipeline.feed.windows import ReadWindows, WindowPlan
from hindcast.pipeline.store.index_types import Split

_BLOCK_ROWS = (
    4096  # windows that stay neighbours until blocks are mixed: about as many as are read at once anyway
)
_BEGUN = 1  # the first stretch of the next pass, begun while this pass is played


@dataclass(frozen=True)
class Batch:
    """One batch of B rows of T steps.

    `inputs` (B, T, feature) in physical units, `series` (B, T) int32 index of the series (0: never seen),
    `targets` (B, T, target) in scaled units, `weights` (B, T, target), `keep` (B, 1), `identity` (B, 2)
    int64 sequence and sample, IDLE where a row plays nothing. Where a row or step plays nothing, its weight is 0.
    `published` (B, T, target) in physical units, 0 where there is none, and `has_published` (B, T, target), 1 where
    there is one: zeros unless the source is `with_published`.
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


_ARRAYS = tuple(array.name for array in fields(Batch))


class Pass(Numbered[Batch], Protocol):
    """The batches of one pass over a split."""

    def close(self) -> None:
        """Free what was made beforehand; asking still works."""


@dataclass(frozen=True)
class BatchSource:
    """What batches are made from: the data set, its scaling, and the index of each sequence's series.

    `with_published`: batches also hold the published forecast, because the network learns its error. Without `with_targets`
    the targets and weights of lanes are not read, for a caller that only wants outputs and knows the scored rows: targets are
    0, and weights 1 at every step that a lane plays outside a run's context, scored or not. `weighting` multiplies the weights.
    """

    dataset: Source
    scaling: Scaling
    series: npt.NDArray[np.int32]
    with_published: bool = False
    with_targets: bool = True
    weighting: Weighting | None = None

    @property
    def inputs(self) -> tuple[str, ...]:
        """The arrays of which a window holds every step."""
        return ("X", "published") if self.with_published else ("X",)

    @property
    def factors(self) -> Callable[[str, Ints], npt.NDArray[Any]] | None:
        """What weights are multiplied by: see `read_weights`."""
        return None if self.weighting is None else partial(self.weighting.factors, self.dataset)

    @property
    def step_bytes(self) -> int:
        """Memory per step of all arrays that batches are made from."""
        return 4 * (len(self.scaling.idle_values) + (len(self.inputs) + 1) * self.scaling.target_count)


@dataclass(frozen=True)
class LaneBatches:
    """The batches of a lane plan, with one sample per lane.

    Several batches are made at once in the background, and each is a view of their shared arrays, which are therefore
    read-only. `next_pass` returns the batches to play next, or None; once every batch of this plan is made, they are
    started, so that their first batch is ready in time.
    """

    source: BatchSource
    split: Split
    plan: LanePlan
    next_pass: Callable[[], LaneBatches | None] | None = field(default=None, compare=False, repr=False)
    made_beforehand: ClassVar[bool] = True

    def __len__(self) -> int:
        return self.plan.batch_count

    def __getitem__(self, number: int) -> Batch:
        if not 0 <= number < len(self):
            raise IndexError(f"a plan of {len(self)} batches has no batch {number}")
        batch = self._reader.items(number, number + 1)
        if number == self._handover:
            next_pass = None if self.next_pass is None else self.next_pass()
            if next_pass is not None:
                next_pass.begin()
        return batch

    def begin(self) -> None:
        """Start making the first batches in the background."""
        self._reader.stretches.begin()

    def close(self) -> None:
        """Free all that was made beforehand; asking still works."""
        self._reader.stretches.close()

    @cached_property
    def _handover(self) -> int:
        """The batch in the middle of the last stretch: nothing is left to be made, and the first batch is not held up."""
        return int(self._order.stretches[-2:].sum()) // 2

    @cached_property
    def _order(self) -> InOrder:
        step_bytes = self.source.step_bytes + 4 * (1 + 4 * self.source.scaling.target_count)
        batch_bytes = self.plan.lanes * self.source.dataset.segment_length * step_bytes
        return lane_order(len(self), MEMORY_BYTES // (HELD + _BEGUN) // batch_bytes)

    @cached_property
    def _reader(self) -> StretchReader[Batch, Batch]:
        read = partial(_read_lanes, self.source, self.split, self.plan)
        return StretchReader(self._order, read, partial(_cut_lanes, self.plan.lanes), _only)

    def __getstate__(self) -> dict[str, Any]:
        """Without what is made already and without the next pass: neither is pickled."""
        return {"source": self.source, "split": self.split, "plan": self.plan, "next_pass": None}


@dataclass(frozen=True)
class WindowBatches:
    """The batches of a window plan: one window per row, the target at its last real step.

    `order` None plays the rows as they are numbered, as validation and test do. The last batch is filled up with idle rows.
    """

    source: BatchSource
    plan: WindowPlan
    batch_size: int
    order: Order | None = None

    def __len__(self) -> int:
        return math.ceil(len(self.plan) / self.batch_size)

    def __getitem__(self, number: int) -> Batch:
        if not 0 <= number < len(self):
            raise IndexError(f"a plan of {len(self)} batches has no batch {number}")
        start = number * self.batch_size
        stop = min(start + self.batch_size, len(self.plan))
        batch = self._batch(self._order.rows(start, stop), *self._reader.items(start, stop))
        if number == len(self) - 1:
            self.close()  # an epoch is over: there may be one of these for each of many series
        return batch

    def shuffled(self, seed: int, epoch: int) -> WindowBatches:
        """The same windows in an order drawn from (seed, epoch): fully mixed where they fit into memory."""
        order = plan_shuffle(len(self.plan), _BLOCK_ROWS, self._pool_rows, seed, epoch)
        return replace(self, order=order)

    def close(self) -> None:
        """Free what was read beforehand; asking still works."""
        self._reader.stretches.close()

    def _batch(self, rows: Ints, inputs: Named, targets: Named, weights: Named) -> Batch:
        step, span = self.plan.rows.locate(rows)
        sequence = self.plan.rows.sequence[span]
        sample, offset = np.divmod(step, self.plan.segment_length)
        last = np.minimum(step - self.plan.rows.begin[span] + 1, self.plan.lookback) - 1
        series = self.source.series[sequence]
        scaling = self.source.scaling
        sizes = scaling.sizes(inputs["X"][np.arange(len(rows)), last]) if scaling.capacity else None
        scaled = scaling.scaled_targets(targets["Y"], series, sizes)
        weight = weights["W"] if sizes is None else weights["W"] * (sizes > 0)
        published = inputs.get("published")
        if published is None:
            published = np.full((len(rows), self.plan.lookback, scaled.shape[1]), np.nan, np.float32)
        return Batch(
            self._filled(inputs["X"], self.source.scaling.idle_values),
            self._filled(np.repeat(series[:, None], self.plan.lookback, axis=1), 0),
            self._filled(self._at_last(scaled, last), 0),
            self._filled(self._at_last(weight, last), 0),
            np.zeros((self.batch_size, 1), np.float32),
            self._filled(np.stack([sequence, sample], axis=1), IDLE),
            self._filled(offset - last, 0),
            *flag_missing(self._filled(published, np.nan)),
        )

    def _at_last(self, values: Values, last: Ints) -> Values:
        """Values (row, target) at the index `last` of each row's window, 0 elsewhere: (row, lookback, target)."""
        spread = np.zeros((len(last), self.plan.lookback, values.shape[1]), np.float32)
        spread[np.arange(len(last)), last] = values
        return spread

    def _filled(self, values: npt.NDArray[Any], idle_values: npt.ArrayLike) -> npt.NDArray[Any]:
        """The values with idle rows up to the batch's full size."""
        if len(values) == self.batch_size:
            return values
        filled = np.empty((self.batch_size, *values.shape[1:]), values.dtype)
        filled[: len(values)], filled[len(values) :] = values, idle_values
        return filled

    @cached_property
    def _pool_rows(self) -> int:
        return max(1, MEMORY_BYTES // HELD // self.source.step_bytes)

    @cached_property
    def _order(self) -> Order:
        return self.order or InOrder(len(self.plan), self._pool_rows)

    @cached_property
    def _reader(self) -> StretchReader[ReadWindows, Example]:
        read = partial(_read_windows, self.source, self.plan)
        return StretchReader(self._order, read, ReadWindows.cut, join_examples)


def flag_missing(published: Values) -> tuple[Values, Values]:
    """A forecast with NaN where there is none -> with 0 there, and the flag that says where there is one."""
    present = np.isfinite(published)
    return np.where(present, published, np.float32(0)), present.astype(np.float32)


def _read_windows(source: BatchSource, plan: WindowPlan, rows: Ints) -> ReadWindows:
    def read(samples: Ints) -> Example:
        inputs, targets = (
            {name: source.dataset.read(name, samples) for name in names} for names in (source.inputs, "Y")
        )
        weights = read_weights(
            source.dataset,
            plan.rows.split,
            samples,
            residual=source.with_published,
            factors=source.factors,
        )
        return inputs, targets, {"W": weights}

    return plan.read(rows, read)


def _read_lanes(source: BatchSource, split: Split, plan: LanePlan, numbers: Ints) -> Batch:
    """The batches of these numbers one below the other, as one of many rows."""
    lanes = plan.batches(numbers)
    dataset, idle = source.dataset, lanes.sample == IDLE
    series = np.where(idle, 0, source.series[lanes.sequence])
    targets, weights = _targets_of_lanes(source, split, lanes, series)
    published, has_published = np.zeros_like(targets), np.zeros_like(targets)
    if source.with_published:
        published, has_published = flag_missing(read_lanes(dataset, "published", lanes, np.nan))
    made = Batch(
        inputs=read_lanes(dataset, "X", lanes, source.scaling.idle_values),
        series=np.repeat(series[:, None], dataset.segment_length, axis=1),
        targets=targets,
        weights=weights,
        keep=lanes.keep[:, None],
        identity=np.stack([lanes.sequence, lanes.sample], axis=1),
        begin=np.zeros(len(idle), np.int64),
        published=published,
        has_published=has_published,
    )
    for name in _ARRAYS:
        getattr(made, name).flags.writeable = False  # later batches are cut from the same arrays
    return made


def _targets_of_lanes(
    source: BatchSource, split: Split, lanes: LaneBatch, series: npt.NDArray[np.int32]
) -> tuple[Values, Values]:
    """The scaled targets of lanes and their weights, both (lane, step, target)."""
    if not source.with_targets:
        shape = (len(series), source.dataset.segment_length, source.scaling.target_count)
        weighted = lanes.weighted.astype(np.float32)
        return np.zeros(shape, np.float32), np.broadcast_to(weighted[:, None, None], shape)
    scaling, idle = source.scaling, lanes.sample == IDLE
    sizes = (
        scaling.sizes(read_lanes(source.dataset, "X", lanes, scaling.idle_values))
        if scaling.capacity
        else None
    )
    targets = scaling.scaled_targets(read_lanes(source.dataset, "Y", lanes), series, sizes)
    targets[idle] = 0
    weights = lane_weights(
        source.dataset, split, lanes, residual=source.with_published, factors=source.factors
    )
    return targets, weights if sizes is None else weights * (sizes > 0)


def _cut_lanes(lanes: int, made: Batch, start: int, stop: int) -> Batch:
    rows = slice(start * lanes, stop * lanes)
    return Batch(*[getattr(made, name)[rows] for name in _ARRAYS])


def _only(batches: Sequence[Batch]) -> Batch:
    (batch,) = batches  # batches are asked for one at a time, and none lies in two stretches
    return batch
