"""Shared by all rooms: names of array types, sentinels for times, reused memory, and the number of processors."""

from __future__ import annotations

import ctypes
import math
import mmap
import os
import sys
from functools import cache
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Values = NDArray[np.float32]
"""Values as stored: float32, physical units."""
Flags = NDArray[np.bool_]
Marks = NDArray[np.uint8]
"""Flags as stored: 0, or the sum of TARGET_FLAGGED, PUBLISHED_FLAGGED and TARGET_UNUSABLE."""
TARGET_FLAGGED, PUBLISHED_FLAGGED, TARGET_UNUSABLE = 1, 2, 4
NOT_LEARNED = TARGET_FLAGGED | TARGET_UNUSABLE
"""The flags of targets that have no weight in training and in the scaler."""
Names = NDArray[np.object_]
Times = NDArray[np.int64]
"""UTC nanoseconds since 1970."""

Key = tuple[str, str]
"""(group, series)."""

TIME_MIN = int(np.iinfo(np.int64).min)
"""Before every time: means "none" if there is no time."""
TIME_MAX = int(np.iinfo(np.int64).max)
"""After every time: means "never"."""

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # of mallopt(3)
_SMALLEST_BUFFER = 1 << 20  # bytes; for smaller arrays the allocator is as fast
_ROUND = 1 << 20  # bytes: arrays of nearly one size fit into each other's buffers
_MOST_UNUSED = 12  # buffers kept for later arrays
# what `getrefcount` returns for an object to which only a list and the loop over it refer
(_UNUSED,) = [sys.getrefcount(item) for item in [object()]]


class BufferPool:
    """Memory of large arrays that later arrays use again, and a budget for what stays in memory. Threads may share it.

    Fresh memory takes longer than decoding into it, several times as long on virtual machines: the system clears each page.
    """

    def __init__(self, budget_bytes: int = 0) -> None:
        self._free = budget_bytes
        self._buffers: list[NDArray[np.uint8]] = []
        self._lock = Lock()

    def reserve(self, count: int) -> bool:
        """Take `count` bytes of the budget; return False if fewer are left."""
        with self._lock:
            if count > self._free:
                return False
            self._free -= count
            return True

    def release(self, count: int) -> None:
        """Return `count` reserved bytes to the budget."""
        with self._lock:
            self._free += count

    def acquire(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return an array with undefined content. Its memory is used again once it and all views of it are gone."""
        size = math.prod(shape) * dtype.itemsize
        if size < _SMALLEST_BUFFER:
            return np.empty(shape, dtype)
        with self._lock:
            return self._buffer(size)[:size].view(dtype).reshape(shape)

    def _buffer(self, size: int) -> NDArray[np.uint8]:
        unused = [buffer for buffer in self._buffers if sys.getrefcount(buffer) == _UNUSED]
        fitting = [buffer for buffer in unused if size <= len(buffer) <= 2 * size]
        # without one that fits, sizes have changed, and the other buffers will not be needed either
        dropped = {id(buffer) for buffer in (unused[:-_MOST_UNUSED] if fitting else unused)}
        best = min(fitting, key=len) if fitting else _mapped(size + -size % _ROUND)
        kept = [buffer for buffer in self._buffers if id(buffer) not in dropped and buffer is not best]
        self._buffers = [*kept, best]
        return best


def _mapped(size: int) -> NDArray[np.uint8]:
    """Allocate memory that returns to the system as soon as it is dropped, regardless of the allocator."""
    if not hasattr(mmap, "MAP_ANONYMOUS"):  # Windows: the allocator decides
        return np.empty(size, np.uint8)
    return np.frombuffer(mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS), np.uint8)


@cache
def reuse_freed_memory() -> None:
    """Make glibc keep the memory of freed large arrays for later ones, of all threads, instead of returning it to the system.

    By default glibc maps each large array separately, and the system clears each page again: a group of `pack` then took 0.05 s
    to 0.09 s of system time, without that 0.03 s, of 0.35 s in total. Other C libraries have no such switch.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, TypeError, AttributeError):
        return
    mallopt(_MMAP_THRESHOLD, 1 << 30)
    mallopt(_TRIM_THRESHOLD, (1 << 31) - 1)
    mallopt(_ARENA_MAX, 1)


def usable_cpus(most: int) -> int:
    """Return how many processors this process may use, at most `most`."""
    allowed = getattr(os, "sched_getaffinity", None)  # does not exist on macOS
    return min(most, len(allowed(0)) if allowed else os.cpu_count() or 1)
