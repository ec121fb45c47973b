"""Decoded chunks kept within a budget: what was used longest ago goes first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

from numpy.typing import NDArray


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
