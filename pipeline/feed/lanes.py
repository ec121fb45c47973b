"""Lanes: which sample each row of a stateful batch plays, as a pure function of the batch's number, and how lanes are read."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cached_property, partial
from typing import Any

import numpy as np
import numpy.typing as npt

from hindcast.pipeline.arrays import Flags, Ints, Values
from hindcast.pipeline.errors import ContinuityError
from hindcast.pipeline.feed.order import InOrder
from hindcast.pipeline.feed.runs import Runs
from hindcast.pipeline.feed.source import Source, read_weights, scored_steps
from hindcast.pipeline.store.index_types import Split

IDLE = -1

_MOST_LISTED = 5
_MOST_BATCHES = 256  # read together: with more, no chunk is read less often


@dataclass(frozen=True)
class LaneBatch:
    """One batch of a plan; all arrays have one entry per lane.

    `sample` and `sequence` are IDLE where the lane plays nothing. `keep` is 0 where the carried state must be
    dropped before the batch (a run starts, or the lane is idle), else 1. `weighted` is False in a run's context.
    """

    sample: Ints
    sequence: Ints
    keep: Values
    weighted: Flags


@dataclass(frozen=True)
class LanePlan:
    """Every run has its lane and the batch at which it starts; `batch(b)` is found by bisection.

    `runs` are sorted by (lane, start). Memory is a few numbers per run, however long it is.
    """

    runs: Runs
    lane: Ints
    start: Ints
    lanes: int
    batch_count: int

    def batch(self, number: int) -> LaneBatch:
        """The batch of that number, 0 <= number < batch_count."""
        if not 0 <= number < self.batch_count:
            raise IndexError(f"a plan of {self.batch_count} batches has no batch {number}")
        lanes = np.arange(self.lanes)
        run = np.searchsorted(self._key, lanes * self.batch_count + number, side="right") - 1
        place = number - self.start[run]
        plays = (run >= 0) & (self.lane[run] == lanes) & (place < self.runs.sample_count[run])
        return LaneBatch(
            sample=np.where(plays, self.runs.first_sample[run] + place, IDLE),
            sequence=np.where(plays, self.runs.sequence[run], IDLE),
            keep=(plays & (place > 0)).astype(np.float32),
            weighted=plays & (place >= self.runs.context[run]),
        )

    def batches(self, numbers: Ints, lanes: slice = slice(None)) -> LaneBatch:
        """Some lanes of the batches of these numbers, one batch below the other, as one of that many more lanes."""
        found = [self.batch(number) for number in numbers.tolist()]
        arrays = ([getattr(batch, array.name)[lanes] for batch in found] for array in fields(LaneBatch))
        return LaneBatch(*map(np.concatenate, arrays))

    @property
    def idle_share(self) -> float:
        """The share of (lane, batch) places at which nothing is played."""
        places = self.lanes * self.batch_count
        return 1 - self.runs.total / places if places else 0.0

    @cached_property
    def _key(self) -> Ints:
        return self.lane * self.batch_count + self.start


def fill_lanes(runs: Runs, lanes: int, seed: int, epoch: int, warm_up: int = 0) -> LanePlan:
    """Runs in an order drawn from (seed, epoch), joined one after another and cut into lanes of equal length.

    Only the last lanes can idle, by less than one batch each on average; the price is at most one more start from zero
    per lane, at a place that differs from epoch to epoch. With `warm_up`, up to that many samples of the run before such
    a cut are played again, as context; a lane is longer by no more than that. Every sample has weight once, whatever the
    cuts. ValueError if a run has a longer context.
    """
    if runs.context.max(initial=0) > warm_up:
        raise ValueError(
            "fill_lanes cuts runs, which must not have more context than warm_up: use assign_whole_runs"
        )
    if not len(runs):
        return _plan(runs, np.zeros(0, np.int64), np.zeros(0, np.int64), lanes)
    shuffled = runs.take(np.random.default_rng([seed, epoch]).permutation(len(runs)))
    stop = np.cumsum(shuffled.sample_count)
    total, start = int(stop[-1]), stop - shuffled.sample_count
    height = -(-total // lanes)
    cuts = np.union1d(start, np.arange(0, total, height))
    run = np.searchsorted(start, cuts, side="right") - 1
    if warm_up:
        return _plan_warmed(shuffled, run, cuts, lanes, warm_up)
    pieces = Runs(
        sequence=shuffled.sequence[run],
        first_sample=shuffled.first_sample[run] + cuts - start[run],
        sample_count=np.diff(np.append(cuts, total)),
        context=np.zeros(len(cuts), np.int64),
    )
    return _plan(pieces, cuts // height, cuts % height, lanes)


def assign_whole_runs(runs: Runs, lanes: int) -> LanePlan:
    """Runs kept whole: the longest first, each onto the lane that is free first (the lowest of several)."""
    order = np.argsort(-runs.sample_count, kind="stable")
    lane, start = np.zeros(len(runs), np.int64), np.zeros(len(runs), np.int64)
    free = [(0, number) for number in range(lanes)]
    for place, length in enumerate(runs.sample_count[order].tolist()):
        start[place], lane[place] = free[0]
        heapq.heapreplace(free, (int(start[place]) + length, int(lane[place])))
    return _plan(runs.take(order), lane, start, lanes)


def lane_order(batch_count: int, most: int) -> InOrder:
    """Batches in order, at most `most` read together: in stretches of equal length, which can take the same memory."""
    stretches = -(-batch_count // max(1, min(_MOST_BATCHES, most)))
    return InOrder(batch_count, -(-batch_count // stretches) if stretches else 1)


def read_lanes(source: Source, name: str, lanes: LaneBatch, idle_values: npt.ArrayLike = 0) -> Values:
    """An array at the samples that lanes play (lane, step, column), with `idle_values` at every step of idle lanes."""
    return _of_lanes(partial(source.read, name), lanes, idle_values)


def _of_lanes(read: Callable[[Ints], Values], lanes: LaneBatch, idle_values: npt.ArrayLike) -> Values:
    idle = lanes.sample == IDLE
    # an idle lane reads what another one plays, and is overwritten: no array is copied to make room for it
    samples = np.where(idle, max(0, lanes.sample[np.argmin(idle)]), lanes.sample)
    values = read(samples)
    values[idle] = idle_values
    return values


def lane_weights(
    source: Source,
    split: Split,
    lanes: LaneBatch,
    *,
    residual: bool = False,
    factors: Callable[[str, Ints], npt.NDArray[Any]] | None = None,
) -> Values:
    """The weights of lanes (lane, step, target): 0 at steps that are not scored, in a run's context and in idle lanes.

    `factors`: see `read_weights`.
    """
    samples = np.maximum(lanes.sample, 0)
    scored = scored_steps(source, split, samples) & lanes.weighted[:, None]
    read = partial(read_weights, source, split.name, residual=residual, factors=factors)
    return _of_lanes(read, lanes, 0) * scored[:, :, None]


class ContinuityGuard:
    """Checks that each sample of a lane continues the sample before it, or starts a run.

    The batches are checked in the order in which they are played. `name(sequence)` returns the name of a sequence in errors.
    """

    def __init__(self, lanes: int, name: Callable[[int], str] = str) -> None:
        self._name = name
        self._last: Ints = np.full((lanes, 2), IDLE, np.int64)

    def begin_after(self, identity: Ints) -> None:
        """Expect the batch after one of this `identity`, whose states were restored."""
        self._last = identity.copy()

    def check(self, identity: Ints, keep: np.ndarray) -> None:
        """Raise ContinuityError if a lane that keeps its state does not play the sample after its last one.

        `identity` (lanes, 2) holds sequence and sample, IDLE where nothing is played; `keep` (lanes, 1) or (lanes,).
        """
        if identity.shape != self._last.shape:
            raise ContinuityError(f"A batch must hold {len(self._last)} lanes, found {len(identity)}.")
        kept = keep.reshape(-1) != 0
        expected = self._last + np.array([0, 1])
        broken = kept & ((identity != expected).any(axis=1) | (self._last[:, 1] == IDLE))
        if broken.any():
            lanes = np.flatnonzero(broken)
            raise ContinuityError(
                f"Carried state would be wrong in {len(lanes)} of {len(kept)} lanes: a batch does not continue the one before. "
                "Play all batches in the order of their plan; do not shuffle them.",
                [self._describe(lane, expected[lane], identity[lane]) for lane in lanes[:_MOST_LISTED]],
            )
        self._last = identity.copy()

    def _describe(self, lane: int, expected: Ints, found: Ints) -> str:
        wanted = "the start of a run" if expected[0] == IDLE else self._sample(expected)
        return f"lane {lane}: expected {wanted}, found {self._sample(found)}"

    def _sample(self, identity: Ints) -> str:
        sequence, sample = (int(part) for part in identity)
        return "nothing" if sequence == IDLE else f"sample {sample} of {self._name(sequence)}"


def _plan_warmed(runs: Runs, run: Ints, cuts: Ints, lanes: int, warm_up: int) -> LanePlan:
    """The plan of the pieces of the runs `run` that begin at `cuts` of the joined runs; cuts inside a run get context."""
    offset = cuts - (np.cumsum(runs.sample_count) - runs.sample_count)[run]
    count = np.diff(np.append(cuts, runs.total))
    height = -(-runs.total // lanes)
    scored = np.maximum(offset, runs.context[run])  # where weight begins, counted from the run's start
    begin = np.where(offset > 0, np.maximum(0, scored - warm_up), 0)
    lane = cuts // height
    head = np.searchsorted(lane, lane)  # the lane's first piece, whose context delays the others
    place = np.where(head == np.arange(len(cuts)), 0, cuts % height + (offset - begin)[head])
    pieces = Runs(
        sequence=runs.sequence[run],
        first_sample=runs.first_sample[run] + begin,
        sample_count=count + offset - begin,
        context=scored - begin,
    )
    weighted = np.flatnonzero(offset + count > scored)  # the others lie in their run's own context
    return _plan(pieces.take(weighted), lane[weighted], place[weighted], lanes)


def _plan(runs: Runs, lane: Ints, start: Ints, lanes: int) -> LanePlan:
    order = np.lexsort((start, lane))
    count = int((start + runs.sample_count).max(initial=0))
    return LanePlan(runs.take(order), lane[order], start[order], lanes, count)
