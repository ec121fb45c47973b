"""Reading ahead changes nothing but the waiting."""

from __future__ import annotations

import threading

import pytest

from hindcast.pipeline.feed.prefetch import read_ahead


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


def test_an_error_comes_at_its_own_turn() -> None:
    stream = read_ahead(Squares(5, bad=2))
    assert [next(stream), next(stream)] == [0, 1]
    with pytest.raises(ValueError, match="item 2"):
        next(stream)
