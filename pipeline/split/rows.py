"""Which samples a split plays, and which of their steps count."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hindcast.pipeline.split.steps import Flags, Ints, Steps
from hindcast.pipeline.store.types import Split


def played_samples(steps: Steps, split: Split) -> Flags:
    """A flag a sample: the listed ones and the straddlers; of a split with intervals, all that reach one of them.

    A straddler holds steps on both sides of the split's `until_time` and stands in a later list or in none. The
    split that plays the samples before it plays its steps before `until_time` too, so that what is scored does
    not depend on how long a sample is.
    """
    if split.intervals:
        return split.reaches(steps.start, steps.stop)
    played = np.zeros(steps.sample_count, bool)
    played[split.indices] = True
    across = (steps.start < split.until_time) & (steps.stop > split.until_time) & ~played
    across &= split.from_time < split.until_time
    follows = np.zeros(steps.sample_count, bool)
    follows[1:] = played[:-1] & (steps.sequence[1:] == steps.sequence[:-1])
    heads = np.zeros(steps.sample_count, bool)
    heads[steps.sequences.first_sample] = True
    return played | (across & (follows | heads | (steps.start <= split.from_time)))


def rows(steps: Steps, split: Split) -> Iterator[tuple[int, int, Flags]]:
    """The split's samples as ranges [start, stop), each with a flag a step (sample, step).

    The flag says that the step lies in an interval of the split and is no padding; weights are not looked at.
    """
    for start, stop in steps.blocks(played_samples(steps, split)):
        inside = split.holds(steps.times(start, stop))
        yield start, stop, inside & steps.within(start, stop, split.from_time, split.until_time)


def scored_by_sequence(steps: Steps, split: Split) -> Ints:
    """The number of scored steps (inside the interval, some target with weight) of each sequence."""
    counts = np.zeros(len(steps.sequences), np.int64)
    for start, stop, inside in rows(steps, split):
        scored = inside & (steps.read("W", start, stop) > 0).any(axis=2)
        np.add.at(counts, steps.sequence[start:stop], scored.sum(axis=1))
    return counts
