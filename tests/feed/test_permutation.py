"""A permutation without a table: each place alone, every number once, and nothing of the order left."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.feed.order import Permutation

keys = st.tuples(st.integers(0, 2**40), st.integers(0, 10))


@given(st.integers(0, 300), keys)
def test_every_number_stands_at_one_place(count: int, key: tuple[int, int]) -> None:
    permutation = Permutation(count, key)
    every = np.arange(count)
    found = permutation.at(every)
    assert sorted(found.tolist()) == list(range(count))
    assert permutation.place_of(found).tolist() == list(range(count))


@given(st.integers(1, 2**50), keys, st.lists(st.floats(0, 1, exclude_max=True), max_size=5))
def test_any_place_of_a_huge_one_is_found_alone(
    count: int, key: tuple[int, int], shares: list[float]
) -> None:
    places = np.array([int(share * count) for share in shares], np.int64)
    permutation = Permutation(count, key)
    found = permutation.at(places)
    assert ((found >= 0) & (found < count)).all()
    assert permutation.place_of(found).tolist() == places.tolist()
    assert [int(permutation.at(places[i : i + 1])[0]) for i in range(len(places))] == found.tolist()


@pytest.mark.parametrize("count", [97, 1000, 4096, 65_537])
def test_it_is_as_good_as_a_drawn_one(count: int) -> None:
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


def test_small_ones_come_in_all_orders() -> None:
    seen = {tuple(Permutation(4, (seed,)).at(np.arange(4)).tolist()) for seed in range(600)}
    assert len(seen) == 24


def test_a_key_changes_everything() -> None:
    first, second = (Permutation(10_000, (1, key)).at(np.arange(10_000)) for key in (1, 2))
    assert (first == second).mean() < 0.001
