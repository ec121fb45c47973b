"""The policy random: a permutation of the samples, cut by shares. It leaks wherever samples know of one another."""

from __future__ import annotations

from math import floor

import numpy as np

from hindcast.pipeline.settings.split import RandomSamples, exact
from hindcast.pipeline.split.policies.chronological import Part
from hindcast.pipeline.split.steps import Steps
from hindcast.pipeline.store.index_types import Split

NAMES = ("train", "validation", "test")


def permuted(steps: Steps, settings: RandomSamples, seed: int) -> tuple[tuple[Part, ...], list[Split]]:
    """The parts train, validation and test, each over all time, and the samples of each, ascending.

    The permutation is that of numpy's default generator; it is cut at the shares, rounded down.
    """
    count = steps.sample_count
    shares = exact(settings.validation), exact(settings.test)
    cuts = [floor((1 - sum(shares)) * count), floor((1 - shares[1]) * count)]
    drawn = np.split(np.random.default_rng(seed).permutation(count), cuts)
    # padding included, so that no sample lies across the end
    end = int((steps.start + steps.span).max())
    parts, splits = [], []
    for name, indices in zip(NAMES, drawn, strict=True):
        part = Part(name, steps.first_time if len(indices) else end, end)
        parts.append(part)
        splits.append(Split(name, np.sort(indices), part.from_time, part.until_time))
    return tuple(parts), splits
