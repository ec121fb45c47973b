"""A few threads that work through a list; how many there are changes no result."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")

_MOST = 4  # decoding is bound by memory beyond that


def threads_here() -> int:
    """How many threads are worth starting: as many as this process may use processors, at most four."""
    allowed = getattr(os, "sched_getaffinity", None)  # absent on macOS
    return min(_MOST, len(allowed(0)) if allowed else os.cpu_count() or 1)


class Threads:
    """Threads that help where there is work for more than one: the caller's and `count` - 1 others."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._pool: ThreadPoolExecutor | None = None

    def each(self, work: Callable[[Item], None], items: Sequence[Item]) -> None:
        """Do the work of every item and wait; of the errors that were met, that of the first item is raised."""
        queue: Iterator[tuple[int, Item]] = iter(list(enumerate(items)))
        errors: dict[int, Exception] = {}

        def help_out() -> None:
            for number, item in queue:  # taking the next one is a single step of the interpreter
                if errors:
                    return
                try:
                    work(item)
                except Exception as error:  # noqa: BLE001  # raised below, in the caller's thread
                    errors[number] = error

        helpers = [self._started().submit(help_out) for _ in range(min(self._count, len(items)) - 1)]
        help_out()
        for helper in helpers:
            if (
                not helper.cancel()
            ):  # it may still wait behind another caller's helper, with nothing left to do
                helper.result()
        if errors:
            raise errors[min(errors)]

    def close(self) -> None:
        """End the threads; later work starts new ones."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(cancel_futures=True)

    def _started(self) -> ThreadPoolExecutor:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(max(1, self._count - 1), thread_name_prefix="decode")
        return self._pool
