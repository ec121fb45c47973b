"""A few threads that work through a list; how many there are changes no result."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock
from typing import TypeVar

Item = TypeVar("Item")

_MOST = 4  # decoding is bound by memory beyond that


def default_thread_count() -> int:
    """How many threads are worth starting: as many as this process may use processors, at most four."""
    allowed = getattr(os, "sched_getaffinity", None)  # absent on macOS
    return min(_MOST, len(allowed(0)) if allowed else os.cpu_count() or 1)


class Threads:
    """Threads that help where there is work for more than one: the callers' own and, while they are fewer, up to `count` in all.

    Callers always work, so none waits for another's work and a caller may itself be at work for another.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._pool: ThreadPoolExecutor | None = None
        self._lock, self._busy = Lock(), 0

    def each(self, work: Callable[[Item], None], items: Sequence[Item]) -> None:
        """Do the work of every item and wait; of the errors that the items give, that of the first one is raised."""
        queue: Iterator[tuple[int, Item]] = iter(list(enumerate(items)))
        errors: dict[int, Exception] = {}

        def help_out(*, caller: bool) -> None:
            # Taking the next item is a single step of the interpreter, and items are taken in order: whoever meets
            # an error has all items before it taken, so those that take no more leave no earlier one undone.
            while not errors and (caller or self._busy <= self._count):
                taken = next(queue, None)
                if taken is None:
                    return
                number, item = taken
                try:
                    work(item)
                except Exception as error:  # noqa: BLE001  # raised below, in the caller's thread
                    errors[number] = error

        def helper() -> None:
            with self._working():
                help_out(caller=False)

        with self._working():
            helpers = self._started(helper, len(items) - 1)
            help_out(caller=True)
        for one in helpers:
            if not one.cancel():  # one that has not begun has nothing left to do
                one.result()
        if errors:
            raise errors[min(errors)]

    def close(self) -> None:
        """End the threads; later work starts new ones."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(cancel_futures=True)

    def _started(self, helper: Callable[[], None], most: int) -> list[Future[None]]:
        """As many helpers as there is room for beside those at work, at most so many."""
        with self._lock:
            wanted = min(self._count - self._busy, most)
            if wanted > 0 and self._pool is None:
                self._pool = ThreadPoolExecutor(self._count - 1, thread_name_prefix="decode")
            return [self._pool.submit(helper) for _ in range(wanted)] if self._pool else []

    @contextmanager
    def _working(self) -> Iterator[None]:
        with self._lock:
            self._busy += 1
        try:
            yield
        finally:
            with self._lock:
                self._busy -= 1
