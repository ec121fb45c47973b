"""Times of steps, blocks of samples and played samples, against loops over single samples."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.split import steps as module
from hindcast.pipeline.split.steps import Steps, iter_scored, scored_by_sequence
from hindcast.pipeline.store.index_types import Split
from tests.split.in_memory import HOUR, START, plain_track, steps_of

worlds = st.lists(st.tuples(st.integers(1, 30), st.integers(0, 20)), min_size=1, max_size=4)
borders = st.tuples(st.integers(0, 50), st.integers(0, 50)).map(sorted)


def make(world: list[tuple[int, int]], segment_length: int) -> Steps:
    tracks = [plain_track(length, series=f"s{n}", begin=begin) for n, (length, begin) in enumerate(world)]
    return steps_of(tracks, segment_length)


def played(steps: Steps, split: Split) -> list[bool]:
    """The rule, sample by sample."""
    listed = set(split.indices.tolist())
    flags = []
    for sample in range(steps.sample_count):
        start, stop = int(steps.start[sample]), int(steps.stop[sample])
        is_head = sample == 0 or steps.sequence[sample - 1] != steps.sequence[sample]
        crosses = split.from_time < split.until_time and start < split.until_time < stop
        belongs = is_head or sample - 1 in listed or start <= split.from_time
        flags.append(sample in listed or (crosses and belongs))
    return flags


@given(worlds, st.integers(1, 9), borders, st.integers(0, 6))
def test_played_samples_are_the_listed_ones_and_the_straddlers(
    world: list[tuple[int, int]], segment_length: int, times: list[int], embargo: int
) -> None:
    steps = make(world, segment_length)
    begin, until = (START + hour * HOUR for hour in times)
    last = steps.stop - HOUR
    listed = (last >= begin) & (last < until + embargo * HOUR) & (steps.start < until)
    split = Split("train", np.flatnonzero(listed), begin, until)
    assert steps.played(split).tolist() == played(steps, split)


@given(worlds, st.integers(1, 9), st.lists(st.integers(0, 50), max_size=6, unique=True).map(sorted))
def test_of_a_split_with_intervals_every_sample_that_reaches_one_is_played(
    world: list[tuple[int, int]], segment_length: int, edges: list[int]
) -> None:
    pairs = [(START + a * HOUR, START + b * HOUR) for a, b in zip(edges[::2], edges[1::2], strict=False)]
    if not pairs:
        return
    steps = make(world, segment_length)
    split = Split("train", np.zeros(0, np.int64), pairs[0][0], pairs[-1][1], {}, tuple(pairs))
    spans = zip(steps.start.tolist(), steps.stop.tolist(), strict=True)
    assert steps.played(split).tolist() == [
        any(start < high and stop > low for low, high in pairs) for start, stop in spans
    ]


@given(st.lists(st.booleans(), max_size=40), st.integers(1, 5))
def test_blocks_are_the_chosen_samples_in_arrays_of_bounded_length(flags: list[bool], longest: int) -> None:
    steps = make([(max(1, len(flags)), 0)], 1)
    before, module._STEPS_PER_BLOCK = module._STEPS_PER_BLOCK, longest
    try:
        blocks = list(steps.blocks(np.array(flags, bool)))
    finally:
        module._STEPS_PER_BLOCK = before
    assert [sample for block in blocks for sample in block.tolist()] == np.flatnonzero(flags).tolist()
    assert all(len(block) == longest for block in blocks[:-1])
    assert all(0 < len(block) <= longest for block in blocks)


@given(worlds, st.integers(1, 9), borders)
def test_scored_steps_are_counted_by_sequence_and_padding_is_never_scored(
    world: list[tuple[int, int]], segment_length: int, times: list[int]
) -> None:
    steps = make(world, segment_length)
    begin, until = (START + hour * HOUR for hour in times)
    split = Split("train", np.arange(steps.sample_count), begin, until)
    expected = [
        sum(times[0] <= hour < times[1] for hour in range(first, first + length)) for length, first in world
    ]
    assert [counts.tolist() for counts in scored_by_sequence(steps, [split, split])] == [expected, expected]
    assert sum(int(inside.sum()) for _, inside in iter_scored(steps, split)) == sum(expected)
