"""Prefetcher are made once each in passing, one ahead, whatever is asked for."""

from __future__ import annotations

import gc
import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.arrays import Ints
from hindcast.pipeline.feed.order import InOrder
from hindcast.pipeline.feed.prefetch import AHEAD, KEPT, Prefetcher, StretchReader, read_ahead


class Maker:
    """Notes what it is asked to make, and how many are in the making at a time."""

    def __init__(self, bad: int | None = None) -> None:
        self.bad = bad
        self.made: list[int] = []
        self.busy = self.most = 0

    def __call__(self, number: int) -> str:
        self.busy += 1
        self.most = max(self.most, self.busy)
        self.made.append(number)
        self.busy -= 1
        if number == self.bad:
            raise ValueError(f"stretch {number}")
        return f"stretch {number}"


@given(st.integers(1, 9), st.lists(st.integers(0, 8), max_size=20))
def test_every_answer_is_right_in_any_order(count: int, asked: list[int]) -> None:
    maker = Maker()
    stretches = Prefetcher(maker, count)
    for number in asked:
        if number < count:
            assert stretches[number] == f"stretch {number}"
            assert len(stretches._kept) <= KEPT
    stretches.close()
    assert maker.most <= AHEAD


def test_in_order_each_stretch_is_made_once_and_the_next_beforehand() -> None:
    maker = Maker()
    stretches = Prefetcher(maker, 5)
    stretches[0]
    for _ in range(200):
        if len(maker.made) == 1 + AHEAD:
            break
        time.sleep(0.01)
    assert sorted(maker.made) == [0, 1, 2], "the next ones are made before they are asked for"
    for number in range(5):
        assert [stretches[number]] * 2 == [stretches[number], f"stretch {number}"]
    assert sorted(maker.made) == [0, 1, 2, 3, 4]


def test_an_error_is_raised_each_time_its_stretch_is_asked_for() -> None:
    stretches = Prefetcher(Maker(bad=1), 3)
    assert stretches[0] == "stretch 0"
    for _ in range(2):
        with pytest.raises(ValueError, match="stretch 1"):
            stretches[1]
    assert stretches[2] == "stretch 2"


def test_threads_end_with_their_owner() -> None:
    before = threading.active_count()
    for _ in range(5):
        stretches = Prefetcher(Maker(), 3)
        stretches[0]
        del stretches
    gc.collect()
    for _ in range(200):
        if threading.active_count() <= before:
            break
        time.sleep(0.01)
    assert threading.active_count() <= before


@given(st.integers(1, 20), st.integers(1, 6), st.data())
def test_items_are_cut_from_as_many_stretches_as_they_lie_in(
    count: int, length: int, data: st.DataObject
) -> None:
    reads: list[int] = []

    def read(rows: Ints) -> Ints:
        reads.append(len(rows))
        return rows * 10

    reader = StretchReader(
        InOrder(count, length), read, lambda made, start, stop: made[start:stop], np.concatenate
    )
    start = data.draw(st.integers(0, count))
    stop = data.draw(st.integers(start, count))
    assert reader.items(start, stop).tolist() == [10 * row for row in range(start, stop)]
    reader.stretches.close()
    assert max(reads) <= length


class Squares:
    """Items that note who asked for them, and fail at one number."""

    def __init__(self, count: int, bad: int | None = None) -> None:
        self.count, self.bad = count, bad
        self.asked: list[int] = []

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, number: int) -> int:
        self.asked.append(number)
        assert threading.current_thread() is not threading.main_thread()
        if number == self.bad:
            raise ValueError(f"item {number}")
        return number**2


@pytest.mark.parametrize("depth", [0, 1, 2, 50])
@pytest.mark.parametrize("first", [0, 3, 10])
def test_items_come_in_order_from_the_first_one_asked_for(depth: int, first: int) -> None:
    assert list(read_ahead(Squares(10), first, depth)) == [number**2 for number in range(first, 10)]


def test_no_more_is_made_beforehand_than_allowed() -> None:
    items = Squares(100)
    stream = read_ahead(items, depth=2)
    assert next(stream) == 0
    stream.close()
    assert len(items.asked) <= 3


def test_an_error_is_raised_at_its_own_turn() -> None:
    stream = read_ahead(Squares(5, bad=2))
    assert [next(stream), next(stream)] == [0, 1]
    with pytest.raises(ValueError, match="item 2"):
        next(stream)
