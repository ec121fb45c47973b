"""The policy blocked: time is cut into blocks, and some blocks, spread over the years, are held out.

Training lies before and after each held-out block. Before the block it keeps the embargo. After the block it leaves a gap
as long as the inputs reach back, so that no training row contains a target of the block. Training does see later days.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from hindcast.pipeline.arrays import TIME_MAX, Ints
from hindcast.pipeline.settings.split import Blocked
from hindcast.pipeline.split.policies.chronological import apply_embargo, first_origins
from hindcast.pipeline.split.policies.split_policy import (
    PART_NAMES,
    Draft,
    Part,
    Proposal,
    SplitPolicy,
    counts_of_shares,
)
from hindcast.pipeline.split.steps import Steps
from hindcast.pipeline.store.index_types import Split
from hindcast.pipeline.wording import listed, span_text, time_text


@dataclass(frozen=True)
class Blocks:
    """Block i is [borders[i], borders[i + 1]) and belongs to split owner[i] (0 train, 1 validation, 2 test)."""

    borders: Ints
    owner: Ints

    def runs(self) -> Iterator[tuple[int, int, int]]:
        """Yield (owner, start, stop) of each run of neighbouring blocks of one split."""
        edges = np.flatnonzero(np.diff(self.owner)) + 1
        for first, stop in pairwise([0, *edges.tolist(), len(self.owner)]):
            yield int(self.owner[first]), int(self.borders[first]), int(self.borders[stop])

    def held_out_by(self, steps: Steps) -> Ints:
        """Return, for each sample, the split of the last held-out block that it reaches; 0 if it reaches none."""
        first = np.searchsorted(self.borders, steps.start, side="right") - 1
        last = np.searchsorted(self.borders, steps.stop - steps.frequency, side="right") - 1
        block = np.maximum.accumulate(np.where(self.owner > 0, np.arange(len(self.owner)), -1))[last]
        return np.where(block >= first, self.owner[block], 0)


def propose_blocked(steps: Steps, settings: Blocked, seed: int, reach: int) -> Proposal:
    """Propose one draft; the gap after a held-out block is `settings.distance`, or `reach` (ns) if that is not set."""
    blocks = draw_blocks(steps, settings, seed)
    distance = settings.distance.ns if settings.distance else reach
    return Proposal((_split_blocks(steps, blocks, distance),), remarks=tuple(_remarks(blocks, distance)))


def draw_blocks(steps: Steps, settings: Blocked, seed: int) -> Blocks:
    """Return the blocks, counted from the first observed target; a rest of less than half a block joins the last block.

    The blocks are cut into equal sections, one section per held-out block. The seed determines which block of each section
    is held out, and which sections belong to validation. Raises SplitError if no block is left for training.
    """
    begin, end = steps.first_target_time, steps.last_target_time + steps.frequency
    length = settings.block.ns
    count = max(1, (2 * (end - begin) + length) // (2 * length))
    remedy = "set split.block to a shorter duration, or smaller shares"
    counts = counts_of_shares(settings, count, f"blocks of {settings.block}", remedy)
    held_out = sum(counts)
    sections = sorted(range(held_out), key=lambda number: _digest(seed, "part", number))
    owner = np.zeros(count, np.int64)
    for place, number in enumerate(sections):
        first, stop = number * count // held_out, (number + 1) * count // held_out
        owner[first + _digest(seed, "block", number) % (stop - first)] = 1 if place < counts[0] else 2
    borders = begin + np.arange(count + 1) * length
    borders[0], borders[-1] = min(begin, steps.first_time), max(end, steps.end_time)
    return Blocks(borders, owner)


def _split_blocks(steps: Steps, blocks: Blocks, distance: int) -> Draft:
    """List a sample that reaches held-out blocks in the split of the last such block, never in training. Training still
    runs through the steps of that sample that lie in its own intervals.
    """
    runs = list(blocks.runs())
    held_out = [run for run in runs if run[0]]
    origins = first_origins(steps, [(start, stop) for _, start, stop in held_out])
    wanted = []
    for owner, start, stop in runs:
        begin = min(start + distance, stop) if owner == 0 and start > runs[0][1] else start
        later = [
            origin
            for origin, (number, other, _) in zip(origins, held_out, strict=True)
            if other >= stop and number > owner
        ]
        wanted.append(Part(PART_NAMES[owner], begin, stop, min(later, default=TIME_MAX)))
    intervals: list[list[tuple[int, int]]] = [[], [], []]
    for (owner, _, _), part in zip(runs, apply_embargo(steps, wanted), strict=True):
        if part.until_time > part.from_time:
            intervals[owner].append((part.from_time, part.until_time))
    parts, splits = [], []
    for number, (name, spans) in enumerate(zip(PART_NAMES, intervals, strict=True)):
        until = spans[-1][1] if spans else int(blocks.borders[-1])
        split = Split(name, np.zeros(0, np.int64), spans[0][0] if spans else until, until, {}, tuple(spans))
        last = steps.stop - steps.frequency  # a step belongs to the interval in which it starts
        is_listed = split.reaches(steps.start, last + 1) & (blocks.held_out_by(steps) == number)
        splits.append(Split(name, np.flatnonzero(is_listed), split.from_time, until, {}, split.intervals))
        parts.append(Part(name, split.from_time, until))
    return Draft(tuple(parts), tuple(splits), {"distance_ns": distance})


def _remarks(blocks: Blocks, distance: int) -> Iterator[str]:
    runs = [
        f"{PART_NAMES[owner]} [{time_text(start)}, {time_text(stop)})"
        for owner, start, stop in blocks.runs()
        if owner
    ]
    yield f"held out: {listed(runs)}"
    yield f"training begins {span_text(distance)} after each held-out block, because its inputs reach back that far"


def _digest(seed: int, word: str, number: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}\0{word}\0{number}".encode()).digest())


_LONGER_BLOCKS = (
    ", or split.block to a longer duration, so that the distance between blocks takes a smaller part"
)

BLOCKED = SplitPolicy(
    name="blocked",
    form=Blocked,
    propose=propose_blocked,
    is_of_time=True,
    needs_reach=True,
    caution="training has seen days after the scored days, so the scores measure how well the network handles every "
    "season, not forecast skill",
    remedies=(_LONGER_BLOCKS, _LONGER_BLOCKS),
)
