from __future__ import annotations

import numpy as np

from hindcast.pipeline.raw.sorted_runs import Room


def test_what_is_taken_and_given_back_stays_within_the_bound() -> None:
    room = Room(100)
    assert [room.take(count) for count in (60, 50, 40)] == [True, False, True]
    room.give_back(60)
    assert [room.take(count) for count in (61, 60)] == [False, True]


def test_memory_handed_back_is_lent_again_the_smallest_that_fits_first() -> None:
    room = Room(0)
    small, large = room.lend(1000), room.lend(1_000_000)
    room.reuse(large)
    room.reuse(small)
    assert np.shares_memory(room.lend(900), small)
    assert np.shares_memory(room.lend(900), large)
    assert not any(np.shares_memory(room.lend(900), lent) for lent in (small, large))


def test_lent_memory_holds_as_many_numbers_as_were_asked_for() -> None:
    for count in (0, 1, (1 << 17) - 1, 1 << 17, (1 << 17) + 1):
        memory = Room(0).lend(count)
        assert len(memory) >= count
        memory[:] = 7
