"""Decoded chunks that are likely to be asked for again, within a budget of bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any

from numpy.typing import NDArray


class ChunkCache:
    """At most `budget_bytes` of arrays by key, the least recently used dropped first; safe to share by threads.

    Callers must not change the arrays. An array larger than the budget is returned, not kept.
    """

    def __init__(self, budget_bytes: int) -> None:
        self._budget = budget_bytes
        self._lock = Lock()
        self._kept: OrderedDict[Hashable, NDArray[Any]] = OrderedDict()
        self.held_bytes = 0

    def get(self, key: Hashable, fetch: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """The array of `key`, by `fetch()` where it is not kept."""
        kept = self.find(key)
        return self.keep(key, fetch()) if kept is None else kept

    def find(self, key: Hashable) -> NDArray[Any] | None:
        """The array of `key` if it is kept."""
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key]

    def keep(self, key: Hashable, values: NDArray[Any]) -> NDArray[Any]:
        """Keep an array unless another thread has done so already; returns it."""
        with self._lock:
            if values.nbytes <= self._budget and key not in self._kept:
                self._kept[key] = values
                self.held_bytes += values.nbytes
                while self.held_bytes > self._budget:
                    self.held_bytes -= self._kept.popitem(last=False)[1].nbytes
        return values
