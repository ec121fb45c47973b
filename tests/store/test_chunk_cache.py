"""Chunks are kept within their budget, by any number of threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.store.chunk_cache import ChunkCache


@given(budget=st.integers(0, 40), asked=st.lists(st.tuples(st.integers(0, 6)), max_size=40))
def test_the_budget_holds_and_every_answer_is_right(budget: int, asked: list[tuple[int]]) -> None:
    cache = ChunkCache(budget)
    for (key,) in asked:
        got = cache.get(key, partial(np.full, 3 * key, key, np.uint8))
        assert got.tolist() == [key] * 3 * key
        assert cache.held_bytes <= budget


def test_the_least_recently_used_array_is_dropped_first() -> None:
    cache = ChunkCache(2)
    fetched: list[str] = []

    def fetch(key: str) -> np.ndarray:
        fetched.append(key)
        return np.zeros(1, np.uint8)

    for key in ("a", "b", "a", "c", "a", "b"):
        cache.get(key, partial(fetch, key))
    assert fetched == ["a", "b", "c", "b"]


def test_threads_may_share_a_cache() -> None:
    cache = ChunkCache(20)

    def is_right(key: int) -> bool:
        return bool((cache.get(key, partial(np.full, key, key, np.uint8)) == [key] * key).all())

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(is_right, [key % 9 for key in range(2000)]))
    kept = [key for key in range(9) if cache.find(key) is not None]
    assert cache.held_bytes == sum(kept) <= 20
