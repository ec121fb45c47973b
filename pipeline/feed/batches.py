"""Lanes in batches: a sample a lane, in full shape and without NaN; what a batch holds and is made from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import cached_property, partial
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from hindcast.pipeline.feed.lanes import IDLE, LanePlan, joined
from hindcast.pipeline.feed.prefetch import HELD, Numbered, Prefetcher
from hindcast.pipeline.feed.runs import Ints, scored_steps
from hindcast.pipeline.feed.scaling import Scaling
from hindcast.pipeline.feed.source import Source, grid_of
from hindcast.pipeline.store.index_types import Split

Values = npt.NDArray[np.float32]

MEMORY_BYTES = 256 << 20
"""What batches in the making may hold, beside what their source keeps."""

_MOST_BATCHES = 256  # of lanes, read at once: beyond that nothing is read less often
_BEGUN = 1  # the first stretch of what is played next, begun while this is played


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


_ARRAYS = tuple(one.name for one in fields(Batch))


class Pass(Numbered[Batch], Protocol):
    """The batches of one pass over a split."""

    def close(self) -> None:
        """Let go of what was made beforehand; asking goes on working."""


@dataclass(frozen=True)
class BatchSource:
    """What batches are made from: the samples, their scaling, and the index of each sequence's series.

    `with_published`: batches hold the published forecast too.
    """

    dataset: Source
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
        return 4 * (len(self.idle_values) + (len(self.names) - 1) * self.scaling.target_count)

    @property
    def idle_values(self) -> Values:
        """The features' means, which idle rows show: the scaled zero."""
        return self.scaling.idle_values


@dataclass(frozen=True)
class LaneBatches:
    """The batches of a lane plan: a sample a lane. Many are made at once, in the background: a batch is a view of them.

    Arrays are therefore not to be written to. `next_pass` gives what is played next, if that is known: it is begun when
    nothing of this plan is left to be made, so that nobody waits for its first batch.
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
        stretch, place = divmod(number, self._length)
        made = self._stretches[stretch]
        if number == self._handover:
            self._begin_next_pass()
        rows = slice(place * self.plan.lanes, (place + 1) * self.plan.lanes)
        return Batch(*[getattr(made, name)[rows] for name in _ARRAYS])

    def begin(self) -> None:
        """Have the first batches made in the background."""
        self._stretches.begin()

    def close(self) -> None:
        """Let go of all that was made beforehand; asking goes on working."""
        self._stretches.close()

    def _begin_next_pass(self) -> None:
        next_pass = None if self.next_pass is None else self.next_pass()
        if next_pass is not None:
            next_pass.begin()

    @cached_property
    def _handover(self) -> int:
        """The batch in the middle of the last stretch: nothing is left to be made, and the first batch is not held up."""
        begin = (len(self._stretches) - 1) * self._length
        return (begin + len(self)) // 2

    @cached_property
    def _length(self) -> int:
        """Batches that are made at once: as many in each stretch, so that they can lie in the same memory."""
        step_bytes = self.source.step_bytes + 4 * (1 + 4 * self.source.scaling.target_count)
        batch = self.plan.lanes * self.source.dataset.segment_length * step_bytes
        most = max(1, min(_MOST_BATCHES, MEMORY_BYTES // (HELD + _BEGUN) // batch))
        stretches = -(-len(self) // most)
        return -(-len(self) // stretches) if stretches else 1

    @cached_property
    def _stretches(self) -> Prefetcher[Batch]:
        make = partial(_lanes_made, self.source, self.split, self.plan, self._length)
        return Prefetcher(make, -(-len(self) // self._length))

    def __getstate__(self) -> dict[str, Any]:
        """Without what is made already, and without what follows: neither travels."""
        return {"source": self.source, "split": self.split, "plan": self.plan, "next_pass": None}


def _lanes_made(source: BatchSource, split: Split, plan: LanePlan, length: int, stretch: int) -> Batch:
    """The batches of a stretch one below the other, as one of many rows."""
    numbers = range(stretch * length, min((stretch + 1) * length, plan.batch_count))
    lanes = joined([plan.batch(number) for number in numbers])
    dataset, scaling, idle = source.dataset, source.scaling, lanes.sample == IDLE
    # an idle lane reads what another one plays, and shows none of it: so nothing is copied to make room for it
    samples = np.where(idle, max(0, lanes.sample[np.argmin(idle)]), lanes.sample)
    series = np.where(idle, 0, source.series[lanes.sequence])
    scored = scored_steps(dataset.sequences, split, grid_of(dataset), samples)
    scored &= lanes.weighted[:, None]
    targets = _with_idle(scaling.scaled_targets(dataset.read("Y", samples), series), idle, 0)
    published, has_published = np.zeros_like(targets), np.zeros_like(targets)
    if source.with_published:
        published, has_published = with_flags(_with_idle(dataset.read("published", samples), idle, np.nan))
    made = Batch(
        inputs=_with_idle(dataset.read("X", samples), idle, source.idle_values),
        series=np.repeat(series[:, None], dataset.segment_length, axis=1),
        targets=targets,
        weights=dataset.read("W", samples) * scored[:, :, None],
        keep=lanes.keep[:, None],
        identity=np.stack([lanes.sequence, lanes.sample], axis=1),
        begin=np.zeros(len(samples), np.int64),
        published=published,
        has_published=has_published,
    )
    for name in _ARRAYS:
        getattr(made, name).flags.writeable = False  # later batches are cut from the same arrays
    return made


def _with_idle(values: Values, idle: npt.NDArray[np.bool_], shown: npt.ArrayLike) -> Values:
    """The values, with `shown` at every step of the rows that are idle."""
    values[idle] = shown
    return values


def with_flags(published: Values) -> tuple[Values, Values]:
    """A forecast with NaN where there is none -> with 0 there, and the flag that tells."""
    there = np.isfinite(published)
    return np.where(there, published, np.float32(0)), there.astype(np.float32)
