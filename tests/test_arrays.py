"""Memory is used again only when nothing refers to it; the budget is never exceeded."""

from __future__ import annotations

import platform
import subprocess
import sys

import numpy as np
import pytest

from hindcast.pipeline.arrays import BufferPool, usable_cpus

FLOAT, INT = np.dtype("<f4"), np.dtype("<i8")


_FILL_AGAIN = """
import resource, sys, threading
import numpy as np
from hindcast.pipeline.arrays import reuse_freed_memory

def fill():
    _ = [np.ones(3 << 17) for _ in range(8)]  # 3 MiB each

def in_a_thread():
    thread = threading.Thread(target=fill)
    thread.start()
    thread.join()

if sys.argv[1] == "reused":
    reuse_freed_memory()
for part in (fill, in_a_thread, fill):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    part()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no switch for it")
def test_freed_memory_is_used_again_by_every_thread() -> None:
    def faults(how: str) -> list[int]:
        command = [sys.executable, "-c", _FILL_AGAIN, how]
        return [int(line) for line in subprocess.check_output(command, text=True).split()]

    _, *later = faults("reused")
    assert max(later) < min(faults("returned")) / 2


def address(array: np.ndarray) -> int:
    return array.ctypes.data


def test_reserved_bytes_stay_within_the_budget() -> None:
    pool = BufferPool(100)
    assert [pool.reserve(count) for count in (60, 50, 40)] == [True, False, True]
    pool.release(60)
    assert [pool.reserve(count) for count in (61, 60)] == [False, True]


def test_memory_in_use_keeps_its_numbers_and_unused_memory_is_used_again() -> None:
    pool = BufferPool()
    first = pool.acquire((1000, 300), FLOAT)
    place = address(first)
    first[:] = 1
    part = first[7]
    second = pool.acquire((1000, 300), FLOAT)
    second[:] = 2
    assert address(second) != place
    del first
    third = pool.acquire((1000, 300), FLOAT)
    third[:] = 3
    assert address(third) != place, "a view of it still exists"
    assert (part == 1).all()
    assert (second == 2).all()
    del part
    again = pool.acquire((999, 300), FLOAT)
    assert address(again) == place
    assert again.shape == (999, 300)


def test_an_array_takes_the_smallest_unused_buffer_that_fits() -> None:
    pool = BufferPool()
    small, large = pool.acquire((200_000,), INT), pool.acquire((300_000,), INT)
    addresses = [address(small), address(large)]
    del large, small
    assert [
        address(array) for array in (pool.acquire((190_000,), INT), pool.acquire((290_000,), INT))
    ] == addresses


def test_small_arrays_and_arrays_of_any_type_have_the_shape_asked_for() -> None:
    pool = BufferPool()
    for shape, dtype in (
        ((3, 0), FLOAT),
        ((2, 3), INT),
        ((300_000,), INT),
        ((1 << 17,), INT),
        ((131_073,), INT),
    ):
        array = pool.acquire(shape, dtype)
        assert (array.shape, array.dtype) == (shape, dtype)
        array[...] = 7
        assert (array == 7).all()


def test_buffers_that_no_longer_fit_are_dropped_and_few_unused_ones_are_kept() -> None:
    pool = BufferPool()
    for size in (400_000, 2_000_000, 300_000, 5_000_000):
        pool.acquire((size,), FLOAT)
    assert len(pool._buffers) == 1
    arrays = [pool.acquire((400_000,), FLOAT) for _ in range(30)]
    arrays.clear()
    pool.acquire((400_000,), FLOAT)
    assert len(pool._buffers) <= 13


def test_at_least_one_processor_and_at_most_as_many_as_asked_for_are_used() -> None:
    assert usable_cpus(1) == 1
    assert 1 <= usable_cpus(4) <= 4


def test_a_system_without_processor_affinity_counts_all_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: 6)
    assert [usable_cpus(most) for most in (4, 99)] == [4, 6]
    monkeypatch.setattr("os.cpu_count", lambda: None)
    assert usable_cpus(4) == 1


def test_a_system_without_anonymous_mappings_uses_memory_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("mmap.MAP_ANONYMOUS")
    pool = BufferPool()
    first = pool.acquire((1000, 300), FLOAT)
    first[...] = 1
    place = address(first)
    del first
    assert address(pool.acquire((1000, 300), FLOAT)) == place
