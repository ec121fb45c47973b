"""A few threads that work through a list; how many there are changes no result."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")

_MOST = 4  # decoding is bound by memory beyond that


def threads_here() -> int:
    """How many threads are worth starting: as many as this process may use processors, at most four."""
    allowed = getattr(os, "sched_getaffinity", None)  # absent on macOS
    return min(_MOST, len(allowed(0)) if allowed else os.cpu_count() or 1)


class Threads:
    """Threads that are started when there is work for more than one."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._pool: ThreadPoolExecutor | None = None

    def each(self, work: Callable[[Item], None], items: Sequence[Item]) -> None:
        """Do the work of every item and wait; the error of the first item that failed is raised."""
        if len(items) < 2 or self._count < 2:
            for item in items:
                work(item)
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._count, thread_name_prefix="decode")
        for done in [self._pool.submit(work, item) for item in items]:
            done.result()

    def close(self) -> None:
        """End the threads; later work starts new ones."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(cancel_futures=True)
