"""Windows: each row's own past, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.feed.scored_rows import scored_rows
from hindcast.pipeline.feed.windows import samples_between
from hindcast.pipeline.store.index_types import Split
from tests.feed.memory import HOUR, chronological, memory_source, window_batches_of

worlds = st.tuples(
    st.lists(st.integers(1, 20), min_size=1, max_size=4),
    st.integers(1, 7),
    st.integers(1, 11),
    st.integers(1, 9),
    st.integers(0, 10),
)


@given(worlds)
def test_windows_are_what_a_plain_loop_cuts(world: tuple[list[int], int, int, int, int]) -> None:
    counts, segment_length, lookback, batch_size, since = world
    source = chronological(memory_source(counts, segment_length=segment_length), {"train": (since, 60)})
    rows, table = scored_rows(source, "train"), source.sequences
    series = np.arange(len(table)) + 1
    batches = window_batches_of(source, "train", lookback, batch_size, series=series)
    flat = {name: values.reshape(-1, values.shape[-1]) for name, values in source.arrays.items()}
    seen = 0
    for number in range(len(batches)):
        batch = batches[number]
        assert batch.inputs.shape == (batch_size, lookback, 3), "always of full shape"
        for place in range(batch_size):
            if seen == len(rows):
                assert not batch.weights[place].any()
                continue
            start = int(table.first_sample[rows.sequence[seen]]) * segment_length
            at = start + int(rows.step[seen])
            length = min(lookback, int(rows.step[seen]) + 1)
            assert (batch.inputs[place, :length] == flat["X"][at - length + 1 : at + 1]).all()
            assert (batch.inputs[place, length:] == flat["X"][at]).all()
            assert np.flatnonzero(batch.weights[place, :, 0]).tolist() == [length - 1]
            assert batch.weights[place, length - 1, 0] == flat["W"][at, 0]
            assert batch.targets[place, length - 1] == pytest.approx((flat["Y"][at] - 5) / 2)
            assert (batch.series[place] == rows.sequence[seen] + 1).all()
            seen += 1
    assert seen == len(rows)


@given(worlds, st.sampled_from([0, 600, 3_000]), st.integers(0, 2))
def test_a_batch_is_the_same_however_many_stretches_it_lies_in(
    world: tuple[list[int], int, int, int, int], memory_bytes: int, epoch: int
) -> None:
    counts, segment_length, lookback, batch_size, since = world
    source = chronological(memory_source(counts, segment_length=segment_length), {"train": (since, 60)})
    batches = window_batches_of(source, "train", lookback, batch_size)
    if not len(batches.plan):
        return
    together = window_batches_of(source, "train", lookback, len(batches.plan))[0].inputs
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hindcast.pipeline.feed.batches.MEMORY_BYTES", memory_bytes)
        patch.setattr("hindcast.pipeline.feed.batches._BLOCK_ROWS", 3)
        shuffled = batches.shuffled(7, epoch)
        found = np.concatenate([shuffled[number].inputs for number in range(len(shuffled))])
        order = shuffled.order
    assert order is not None
    assert (found[: order.count] == together[order.rows(0, order.count)]).all()


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 4)), max_size=8))
def test_samples_between_are_all_of_them_once(pairs: list[tuple[int, int]]) -> None:
    first = np.array([start for start, _ in pairs], np.int64)
    last = first + np.array([length for _, length in pairs], np.int64)
    wanted = {sample for start, length in pairs for sample in range(start, start + length + 1)}
    assert samples_between(first, last).tolist() == sorted(wanted)


def test_a_batch_outside_the_plan_is_refused() -> None:
    source = chronological(memory_source([10]), {"train": (0, 60)})
    batches = window_batches_of(source, "train", 3, 5)
    for number in (-1, len(batches)):
        with pytest.raises(IndexError, match="has no batch"):
            batches[number]


@given(
    st.lists(st.integers(1, 30), min_size=1, max_size=4),
    st.integers(1, 7),
    st.integers(0, 99),
    st.integers(1, 9),
)
def test_windows_of_drawn_samples_see_their_own_past_and_only_their_own_targets(
    counts: list[int], segment_length: int, seed: int, lookback: int
) -> None:
    """Inputs of a window may lie in another split's samples; its one target never does."""
    source = memory_source(counts, segment_length=segment_length, seed=seed)
    count = len(source.arrays["X"])
    mine = np.sort(np.random.default_rng(seed).permutation(count)[: max(1, count // 2)])
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
