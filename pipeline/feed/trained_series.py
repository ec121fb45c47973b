"""The series that training learns: those with a training row of their own. All others are series that the network never saw."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from hindcast.pipeline.arrays import Flags, Ints, Key
from hindcast.pipeline.feed.source import Source, read_weights, scored_steps, sequence_of, split_samples
from hindcast.pipeline.wording import listed

_BLOCK = 1024  # samples read at a time
_TRIES = (1, 16)  # of each series: nearly all have a row in their first sample


def trained_series(
    source: Source, *, residual: bool = False, capacity: tuple[int, ...] = ()
) -> tuple[Key, ...]:
    """Return the (group, series) with a training row, in the data set's order.

    A training row is a step that the training split scores, with a target that counts: see `read_weights`. With `capacity`,
    the places of features or -1 by target, a target counts only where its capacity is above 0.
    """
    samples = split_samples(source, source.split("train"))
    keys, number = number_series(source)
    own = number[sequence_of(source, samples)]
    place = np.arange(len(own)) - np.searchsorted(own, own)  # of the sample among those of its series
    found = np.zeros(len(keys), bool)
    for first, stop in zip((0, *_TRIES), (*_TRIES, len(own)), strict=True):
        wanted = (place >= first) & (place < stop) & ~found[own]
        some, series = samples[wanted], own[wanted]
        for start in range(0, len(some), _BLOCK):
            block, of_block = some[start : start + _BLOCK], series[start : start + _BLOCK]
            left = ~found[of_block]
            if left.any():
                counts = _has_row(source, block[left], residual=residual, capacity=capacity)
                found[of_block[left][counts]] = True
    return tuple(key for key, is_found in zip(keys, found.tolist(), strict=True) if is_found)


def unknown_series_text(source: Source, known: Iterable[Key]) -> str:
    """Return a line that counts and names the series that are not `known`; empty if there are none."""
    keys, learned = number_series(source)[0], set(known)
    unknown = [f"{group}/{series}" for group, series in keys if (group, series) not in learned]
    if not unknown:
        return ""
    return (
        f"{len(unknown):,} of {len(keys):,} series without a training row, which the network treats as unknown series "
        f"(identity 0): {listed(unknown)}"
    )


def number_series(source: Source) -> tuple[list[Key], Ints]:
    """Return (group, series) of each series, and the number of each sequence's series: sequences are ordered by both."""
    groups, names = source.sequences.group, source.sequences.series
    is_new = np.ones(len(groups), bool)
    is_new[1:] = (groups[1:] != groups[:-1]) | (names[1:] != names[:-1])
    return list(zip(map(str, groups[is_new]), map(str, names[is_new]), strict=True)), np.cumsum(is_new) - 1


def _has_row(source: Source, samples: Ints, *, residual: bool, capacity: tuple[int, ...]) -> Flags:
    """Return whether each of some samples has a training row."""
    counts = read_weights(source, "train", samples, residual=residual) > 0
    if any(feature >= 0 for feature in capacity):
        inputs = source.read("X", samples)
        for target, feature in enumerate(capacity):
            if feature >= 0:
                counts[..., target] &= inputs[..., feature] > 0
    scored = scored_steps(source, source.split("train"), samples)
    return np.asarray((counts.any(axis=2) & scored).any(axis=1), bool)
