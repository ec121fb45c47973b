"""Prefetcher are made once each in passing, one ahead, whatever is asked for."""

from __future__ import annotations

import gc
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.feed.prefetch import AHEAD, KEPT, Prefetcher


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


def test_in_passing_each_is_made_once_and_the_next_beforehand() -> None:
    maker = Maker()
    stretches = Prefetcher(maker, 5)
    stretches[0]
    for _ in range(200):
        if len(maker.made) == 1 + AHEAD:
            break
        time.sleep(0.01)
    assert sorted(maker.made) == [0, 1, 2], "the next ones are made although nobody has asked"
    for number in range(5):
        assert [stretches[number]] * 2 == [stretches[number], f"stretch {number}"]
    assert sorted(maker.made) == [0, 1, 2, 3, 4]


def test_an_error_comes_when_its_stretch_is_asked_for_and_again() -> None:
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
