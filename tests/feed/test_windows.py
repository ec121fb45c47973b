"""Windows: each row's own past, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.feed.batches import BatchSource
from hindcast.pipeline.feed.order import BlockShuffle
from hindcast.pipeline.feed.scored_rows import scored_rows
from hindcast.pipeline.feed.window_batches import WindowBatches
from hindcast.pipeline.feed.windows import WindowPlan
from tests.feed.memory import chronological, memory_source, some_scaling

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
    plan = WindowPlan(rows, table.first_sample, segment_length, lookback, batch_size)
    series = np.arange(len(table), dtype=np.int32) + 1
    batches = WindowBatches(BatchSource(source, some_scaling(), series), plan)
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


@given(st.integers(1, 60), st.integers(1, 9), st.integers(1, 5), st.integers(0, 3), st.integers(1, 13))
def test_a_shuffled_order_holds_every_row_once_and_any_part_can_be_asked_for_alone(
    count: int, block: int, pool: int, epoch: int, size: int
) -> None:
    order = BlockShuffle(count, block, pool, 5, epoch)
    whole = order.rows(0, count)
    assert sorted(whole.tolist()) == list(range(count))
    for start in reversed(range(0, count, size)):
        assert order.rows(start, start + size).tolist() == whole[start : start + size].tolist()


def test_an_order_differs_from_epoch_to_epoch_and_from_seed_to_seed() -> None:
    orders = [
        BlockShuffle(100, 10, 3, seed, epoch).rows(0, 100).tolist() for seed in (0, 1) for epoch in (0, 1)
    ]
    assert len({tuple(order) for order in orders}) == 4


def test_a_batch_outside_the_plan_is_refused() -> None:
    source = chronological(memory_source([10]), {"train": (0, 60)})
    plan = WindowPlan(scored_rows(source, "train"), source.sequences.first_sample, 4, 3, 5)
    with pytest.raises(IndexError, match="has no batch"):
        plan.batch(plan.batch_count)
