"""The policy blocked: time is cut into blocks, and some of them, spread over the years, are held out.

Training lies on both sides of what is held out. Before a held-out block it keeps the embargo; behind one it stays away
as far as an input reaches back, so that no training row holds a target of the block. It has seen later days, all the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from hindcast.pipeline.arrays import Ints
from hindcast.pipeline.errors import SplitError
from hindcast.pipeline.settings.split import Blocked, exact
from hindcast.pipeline.split.policies.chronological import UNKNOWN, Part, embargoed, first_origin
from hindcast.pipeline.split.steps import Steps
from hindcast.pipeline.store.index_types import Split
from hindcast.pipeline.wording import time_text

NAMES = ("train", "validation", "test")


@dataclass(frozen=True)
class Blocks:
    """Block i is [borders[i], borders[i + 1]) and belongs to split owner[i] (0 train, 1 validation, 2 test)."""

    borders: Ints
    owner: Ints

    def runs(self) -> Iterator[tuple[int, int, int]]:
        """(owner, start, stop) of neighbouring blocks of one split, as one."""
        edges = np.flatnonzero(np.diff(self.owner)) + 1
        for first, stop in pairwise([0, *edges.tolist(), len(self.owner)]):
            yield int(self.owner[first]), int(self.borders[first]), int(self.borders[stop])

    def held_out_by(self, steps: Steps) -> Ints:
        """The split of the last held-out block that each sample reaches; 0 where it reaches none."""
        first = np.searchsorted(self.borders, steps.start, side="right") - 1
        last = np.searchsorted(self.borders, steps.stop - steps.frequency, side="right") - 1
        held = np.maximum.accumulate(np.where(self.owner > 0, np.arange(len(self.owner)), -1))[last]
        return np.where(held >= first, self.owner[held], 0)


def blocks_of(steps: Steps, settings: Blocked, seed: int) -> Blocks:
    """The blocks, counted from the first observed target; a rest of less than half a block belongs to the last one.

    As many as are held out, so many equal stretches is the row of blocks cut into; each gives one block, drawn by the
    seed, and the seed draws which stretches are validation's. Raises SplitError where none is left for training.
    """
    begin, end = steps.first_target_time, steps.last_target_time + steps.frequency
    length = settings.block.ns
    count = max(1, (2 * (end - begin) + length) // (2 * length))
    wanted = [
        max(1, round(exact(share) * count)) if share else 0 for share in (settings.validation, settings.test)
    ]
    held_out = sum(wanted)
    if held_out >= count:
        raise SplitError(
            f"split.policy blocked: of {count} blocks of {settings.block} validation and test would hold out "
            f"{wanted[0]} and {wanted[1]}, and leave none to train on: give shorter blocks or smaller shares."
        )
    stretches = sorted(range(held_out), key=lambda number: _digest(seed, "part", number))
    owner = np.zeros(count, np.int64)
    for place, number in enumerate(stretches):
        first, stop = number * count // held_out, (number + 1) * count // held_out
        owner[first + _digest(seed, "block", number) % (stop - first)] = 1 if place < wanted[0] else 2
    borders = begin + np.arange(count + 1) * length
    borders[0], borders[-1] = min(begin, steps.first_time), max(end, steps.end_time)
    return Blocks(borders, owner)


def blocked(steps: Steps, blocks: Blocks, distance: int) -> tuple[tuple[Part, ...], list[Split]]:
    """The parts train, validation and test, and their samples and intervals.

    `distance` (ns) is how long training stays away behind a held-out block. A sample that reaches held-out blocks stands
    in the list of the last one's split, and never in training's, though training plays its own steps of it.
    """
    runs = list(blocks.runs())
    origins = {start: first_origin(steps, start, stop) for owner, start, stop in runs if owner}
    intervals: list[list[tuple[int, int]]] = [[], [], []]
    for owner, start, stop in runs:
        behind = start + distance if owner == 0 and start > runs[0][1] else start
        later = [origins[begin] for other, begin, _ in runs if begin >= stop and other > owner]
        part = embargoed(steps, NAMES[owner], (behind, max(behind, stop)), min(later, default=UNKNOWN))
        if part.until_time > behind:
            intervals[owner].append((behind, part.until_time))
    parts, splits = [], []
    for number, (name, mine) in enumerate(zip(NAMES, intervals, strict=True)):
        until = mine[-1][1] if mine else int(blocks.borders[-1])
        split = Split(name, np.zeros(0, np.int64), mine[0][0] if mine else until, until, {}, tuple(mine))
        listed = split.reaches(steps.start, steps.stop) & (blocks.held_out_by(steps) == number)
        splits.append(Split(name, np.flatnonzero(listed), split.from_time, until, {}, split.intervals))
        parts.append(Part(name, split.from_time, until))
    return tuple(parts), splits


def remarks(blocks: Blocks, distance: int) -> Iterator[str]:
    """A line on what is held out, for the stage to tell."""
    names = [
        f"{NAMES[owner]} [{time_text(start)}, {time_text(stop)})"
        for owner, start, stop in blocks.runs()
        if owner
    ]
    yield f"held out: {', '.join(names[:8])}{f' and {len(names) - 8} more' if len(names) > 8 else ''}"
    yield f"training begins {distance / 3.6e12:g} h behind a held-out block, which is as far as its inputs reach back"


def _digest(seed: int, word: str, number: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}\0{word}\0{number}".encode()).digest())
