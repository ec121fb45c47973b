"""The order of an epoch: every row once, any part alone, the same global order for any number of processes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.stream_order import measure_quality
from hindcast.pipeline.feed.order import BlockShuffle, InOrder, Order, Permutation, Ranked, plan_shuffle

sizes = st.tuples(
    st.integers(0, 60), st.integers(1, 9), st.integers(1, 5), st.integers(0, 3), st.integers(1, 13)
)


def slow_rows(order: BlockShuffle) -> list[set[int]]:
    """The pools, each as the set of its rows: blocks in the order of their permutation, `pool` at a time."""
    blocks = order._blocks.at(np.arange(-(-order.count // order.block))).tolist()
    rows = [set(range(block * order.block, min((block + 1) * order.block, order.count))) for block in blocks]
    return [set().union(*rows[first : first + order.pool]) for first in range(0, len(rows), order.pool)]


@given(sizes)
def test_a_shuffled_order_holds_every_row_once_and_any_part_can_be_asked_for_alone(
    case: tuple[int, int, int, int, int],
) -> None:
    count, block, pool, epoch, size = case
    order = BlockShuffle(count, block, pool, 5, epoch)
    whole = order.rows(0, count + 7)
    assert sorted(whole.tolist()) == list(range(count))
    for start in reversed(range(0, count, size)):
        assert order.rows(start, start + size).tolist() == whole[start : start + size].tolist()


@given(sizes)
def test_a_stretch_holds_the_rows_of_one_pool_of_blocks(case: tuple[int, int, int, int, int]) -> None:
    count, block, pool, epoch, _ = case
    order = BlockShuffle(count, block, pool, 5, epoch)
    ends = order.stretches.tolist()
    found = [set(order.rows(start, stop).tolist()) for start, stop in itertools.pairwise(ends)]
    assert found == slow_rows(order)
    assert (ends[0], ends[-1]) == (0, count)


def test_an_order_differs_from_epoch_to_epoch_and_from_seed_to_seed() -> None:
    orders = [
        BlockShuffle(100, 10, 3, seed, epoch).rows(0, 100).tolist() for seed in (0, 1) for epoch in (0, 1)
    ]
    assert len({tuple(order) for order in orders}) == 4


def test_a_batch_of_a_billion_rows_is_found_at_once() -> None:
    order = plan_shuffle(10**15, 4096, 10**6, 3, 1)
    rows = order.rows(10**14, 10**14 + 256)
    assert len(set(rows.tolist())) == 256
    assert order.rows(10**14 + 100, 10**14 + 101).tolist() == rows[100:101].tolist()


@given(sizes, st.integers(1, 5), st.integers(1, 4), st.booleans())
def test_the_parts_of_all_processes_are_the_global_batches(
    case: tuple[int, int, int, int, int], ranks: int, share: int, plain: bool
) -> None:
    count, block, pool, epoch, _ = case
    order: Order = InOrder(count, block * pool) if plain else BlockShuffle(count, block, pool, 5, epoch)
    batch_size = share * ranks
    parts = [Ranked(order, batch_size, rank, ranks) for rank in range(ranks)]
    whole = order.rows(0, count)
    assert sum(part.count for part in parts) == count
    for number in range(-(-count // batch_size)):
        places = number * share, (number + 1) * share
        together = np.concatenate([part.rows(*places) for part in parts])
        expected = whole[number * batch_size : (number + 1) * batch_size]
        assert together.tolist() == expected.tolist()
    for part in parts:
        ends = part.stretches.tolist()
        assert (ends[0], ends[-1], sorted(ends)) == (0, part.count, ends)
        for start, stop, pool_rows in zip(ends, ends[1:], _pools(order), strict=False):
            assert set(part.rows(start, stop).tolist()) <= pool_rows


def _pools(order: Order) -> list[set[int]]:
    ends = order.stretches.tolist()
    return [set(order.rows(start, stop).tolist()) for start, stop in itertools.pairwise(ends)]


@pytest.mark.parametrize(("batch_size", "rank", "ranks"), [(7, 0, 2), (8, 2, 2), (8, -1, 2)])
def test_ranks_that_cannot_share_a_batch_are_rejected(batch_size: int, rank: int, ranks: int) -> None:
    with pytest.raises(ValueError, match=r"equal parts|rank must lie in"):
        Ranked(InOrder(10, 5), batch_size, rank, ranks)


def test_rows_that_fit_into_memory_are_shuffled_fully_and_others_by_blocks() -> None:
    full, blocks, nothing = (
        measure_quality(order)
        for order in (
            plan_shuffle(50_000, 100, 50_000, 0, 0),
            plan_shuffle(50_000, 100, 5_000, 0, 0),
            InOrder(50_000, 100),
        )
    )
    assert full.travelled == pytest.approx(1 / 3, abs=0.01)
    assert abs(full.neighbours) < 0.02
    assert blocks.travelled == pytest.approx(1 / 3, abs=0.05)
    assert blocks.neighbours < 0.2, "fifty blocks of the whole are mixed"
    assert (nothing.travelled, round(nothing.neighbours, 3)) == (0, 1)
    assert blocks.same_block < 0.05


keys = st.tuples(st.integers(0, 2**40), st.integers(0, 10))


@given(st.integers(0, 300), keys)
def test_a_permutation_holds_every_number_at_one_place(count: int, key: tuple[int, int]) -> None:
    permutation = Permutation(count, key)
    every = np.arange(count)
    found = permutation.at(every)
    assert sorted(found.tolist()) == list(range(count))
    assert permutation.place_of(found).tolist() == list(range(count))


@given(st.integers(1, 2**50), keys, st.lists(st.floats(0, 1, exclude_max=True), max_size=5))
def test_any_place_of_a_huge_permutation_is_computed_alone(
    count: int, key: tuple[int, int], shares: list[float]
) -> None:
    places = np.array([int(share * count) for share in shares], np.int64)
    permutation = Permutation(count, key)
    found = permutation.at(places)
    assert ((found >= 0) & (found < count)).all()
    assert permutation.place_of(found).tolist() == places.tolist()
    assert [int(permutation.at(places[i : i + 1])[0]) for i in range(len(places))] == found.tolist()


@pytest.mark.parametrize("count", [97, 1000, 4096, 65_537])
def test_a_permutation_is_as_good_as_a_drawn_one(count: int) -> None:
    """Neighbours are unrelated, numbers travel a third of the way, and places and numbers fill a grid evenly."""
    for epoch in range(3):
        found = Permutation(count, (7, epoch)).at(np.arange(count))
        travelled = np.abs(found - np.arange(count)).mean() / count
        assert travelled == pytest.approx(1 / 3, abs=3 / np.sqrt(count))
        for distance in (1, 2, 7):
            neighbours = np.corrcoef(found[:-distance], found[distance:])[0, 1]
            assert abs(neighbours) < 4 / np.sqrt(count)
        cells = np.bincount(np.arange(count) * 8 // count * 8 + found * 8 // count, minlength=64)
        even = count / 64
        assert ((cells - even) ** 2 / even).sum() < 49 + 5 * np.sqrt(2 * 49), "far from chance"


def test_small_permutations_come_in_all_orders() -> None:
    seen = {tuple(Permutation(4, (seed,)).at(np.arange(4)).tolist()) for seed in range(600)}
    assert len(seen) == 24


def test_another_key_gives_another_permutation() -> None:
    first, second = (Permutation(10_000, (1, key)).at(np.arange(10_000)) for key in (1, 2))
    assert (first == second).mean() < 0.001
