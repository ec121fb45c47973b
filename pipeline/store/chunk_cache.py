"""Large arrays whose memory is used again: fresh memory costs more than decoding into it, on virtual machines several times."""

from __future__ import annotations

import math
import sys
from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LEAST = 1 << 20  # below it the allocator does as well


_UNUSED = 3  # references to a buffer that nobody views: the list, the loop, the count itself


_MOST = 12  # buffers kept


class Memory:
    """Arrays of any shape; one that nobody looks at any more, nor at a part of it, gives its memory to a later one."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._buffers: list[NDArray[np.uint8]] = []

    def empty(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        """An array of this shape whose content is anything."""
        size = math.prod(shape) * dtype.itemsize
        if size < _LEAST:
            return np.empty(shape, dtype)
        with self._lock:
            return self._buffer(size)[:size].view(dtype).reshape(shape)

    def _buffer(self, size: int) -> NDArray[np.uint8]:
        free = [buffer for buffer in self._buffers if sys.getrefcount(buffer) == _UNUSED]
        fitting = [buffer for buffer in free if size <= buffer.nbytes <= 2 * size]
        if fitting:
            return min(fitting, key=len)
        unused = {id(buffer) for buffer in free}  # of other sizes: the work has changed
        self._buffers = [buffer for buffer in self._buffers if id(buffer) not in unused]
        made = np.empty(size, np.uint8)
        if len(self._buffers) < _MOST:
            self._buffers.append(made)
        return made


class ChunkCache:
    """At most `budget_bytes` of arrays by key; an array larger than the budget is handed on, not kept."""

    def __init__(self, budget_bytes: int) -> None:
        self._budget = budget_bytes
        self._kept: OrderedDict[Hashable, NDArray[Any]] = OrderedDict()
        self.held_bytes = 0

    def get(self, key: Hashable, fetch: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """The array of `key`, by `fetch()` where it is not kept; callers must not change it."""
        kept = self.find(key)
        return self.keep(key, fetch()) if kept is None else kept

    def find(self, key: Hashable) -> NDArray[Any] | None:
        """The array of `key` if it is kept."""
        if key not in self._kept:
            return None
        self._kept.move_to_end(key)
        return self._kept[key]

    def keep(self, key: Hashable, values: NDArray[Any]) -> NDArray[Any]:
        """Keep an array, where another thread has not done so already; returns it."""
        if values.nbytes <= self._budget and key not in self._kept:
            self._kept[key] = values
            self.held_bytes += values.nbytes
            while self.held_bytes > self._budget:
                self.held_bytes -= self._kept.popitem(last=False)[1].nbytes
        return values
