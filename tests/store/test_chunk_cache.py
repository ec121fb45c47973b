"""Memory is used again only when nobody looks at it any more."""

from __future__ import annotations

import numpy as np

from hindcast.pipeline.store.chunk_cache import Memory

FLOAT = np.dtype("<f4")


def test_what_is_looked_at_keeps_its_numbers_and_what_is_let_go_is_used_again() -> None:
    memory = Memory()
    first = memory.empty((1000, 300), FLOAT)
    place = first.ctypes.data
    first[:] = 1
    part = first[7]
    second = memory.empty((1000, 300), FLOAT)
    second[:] = 2
    assert second.ctypes.data != place
    del first
    third = memory.empty((1000, 300), FLOAT)
    third[:] = 3
    assert third.ctypes.data != place, "a part of it is still looked at"
    assert (part == 1).all()
    assert (second == 2).all()
    del part
    again = memory.empty((999, 300), FLOAT)
    assert again.ctypes.data == place
    assert again.shape == (999, 300)


def test_small_arrays_and_other_types_are_plain() -> None:
    memory = Memory()
    assert memory.empty((3, 0), FLOAT).shape == (3, 0)
    assert memory.empty((2, 3), np.dtype("<i8")).dtype == np.int64
    large = memory.empty((300_000,), np.dtype("<i8"))
    assert large.dtype == np.int64


def test_memory_that_no_longer_fits_is_given_back() -> None:
    memory = Memory()
    for size in (400_000, 2_000_000, 300_000, 5_000_000):
        memory.empty((size,), FLOAT)
    assert len(memory._buffers) == 1
