"""Splits whose samples are scattered, or whose scored steps have gaps in time: who plays what, and what a window sees."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.feed.scored_rows import scored_rows
from hindcast.pipeline.store.index_types import Split
from tests.feed.memory import HOUR, MemorySource, memory_source, window_batches_of

worlds = st.tuples(
    st.lists(st.tuples(st.integers(1, 30), st.integers(0, 20)), min_size=1, max_size=4),
    st.integers(1, 7),
    st.integers(0, 99),
)


def make(world: tuple[list[tuple[int, int]], int, int]) -> MemorySource:
    table, segment_length, seed = world
    return memory_source(
        [steps for steps, _ in table], [start for _, start in table], segment_length, seed=seed
    )


def hours(source: MemorySource, split: str) -> list[tuple[int, int]]:
    """(sequence, hour) of the scored rows."""
    rows = scored_rows(source, split)
    return list(zip(rows.sequence.tolist(), (rows.time // HOUR).tolist(), strict=True))


def weighed(source: MemorySource) -> dict[tuple[int, int], tuple[int, int]]:
    """(sequence, hour) -> (sample, offset) of every row with weight, sample by sample."""
    table, found = source.sequences, {}
    for row in range(len(table)):
        for step in range(int(table.step_count[row])):
            sample = int(table.first_sample[row]) + step // source.segment_length
            offset = step % source.segment_length
            if source.arrays["W"][sample, offset, 0] > 0:
                found[row, int(table.start_time[row]) // HOUR + step] = (sample, offset)
    return found


@given(worlds)
def test_a_split_of_drawn_samples_scores_their_rows_and_no_others(
    world: tuple[list[tuple[int, int]], int, int],
) -> None:
    source = make(world)
    count = len(source.arrays["X"])
    drawn = np.random.default_rng(world[2]).permutation(count)
    parts = np.split(drawn, [count // 2, count * 3 // 4])
    for name, part in zip(("train", "validation", "test"), parts, strict=True):
        source.splits[name] = Split(name, np.sort(part), 0, 100 * HOUR, {"policy": "random"})
    every = weighed(source)
    for name, part in zip(("train", "validation", "test"), parts, strict=True):
        assert hours(source, name) == [key for key, (sample, _) in every.items() if sample in part]


@given(worlds, st.lists(st.integers(0, 50), min_size=2, max_size=6, unique=True).map(sorted))
def test_a_split_with_intervals_scores_the_rows_inside_whatever_is_listed(
    world: tuple[list[tuple[int, int]], int, int], edges: list[int]
) -> None:
    source = make(world)
    spans = tuple((edges[at] * HOUR, edges[at + 1] * HOUR) for at in range(0, len(edges) - 1, 2))
    source.splits["train"] = Split("train", np.zeros(0, np.int64), spans[0][0], spans[-1][1], {}, spans)
    due = [key for key in weighed(source) if any(low <= key[1] * HOUR < high for low, high in spans)]
    assert hours(source, "train") == due


@given(worlds, st.integers(1, 9))
def test_windows_of_drawn_samples_see_their_own_past_and_only_their_own_targets(
    world: tuple[list[tuple[int, int]], int, int], lookback: int
) -> None:
    """Inputs of a window may lie in another split's samples; its one target never does."""
    source = make(world)
    count = len(source.arrays["X"])
    mine = np.sort(np.random.default_rng(world[2]).permutation(count)[: max(1, count // 2)])
    source.splits["train"] = Split("train", mine, 0, 100 * HOUR, {"policy": "random"})
    rows, length = scored_rows(source, "train"), source.segment_length
    batches = window_batches_of(source, "train", lookback, 4)
    inputs = source.arrays["X"].reshape(-1, 3)
    seen = 0
    for number in range(len(batches)):
        batch = batches[number]
        for place in range(min(4, len(rows) - seen)):
            (last,) = np.flatnonzero(batch.weights[place, :, 0])
            at = int(rows.sample[seen]) * length + int(rows.offset[seen])
            assert rows.sample[seen] in mine
            assert (batch.inputs[place, : last + 1] == inputs[at - last : at + 1]).all()
            assert last == min(lookback - 1, int(rows.step[seen]))
            seen += 1
    assert seen == len(rows)
