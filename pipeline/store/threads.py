"""A few threads that work through a list; results do not depend on their number."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock
from typing import TypeVar

from hindcast.pipeline.arrays import usable_cpus

Item = TypeVar("Item")

_MOST_THREADS = 4  # decoding is bound by memory beyond that


def default_thread_count() -> int:
    """Return the number of processors that this process may use, at most four."""
    return usable_cpus(_MOST_THREADS)


class WorkerThreads:
    """The callers' own threads and, while fewer than `count` are busy, helper threads that take items from their lists.

    Callers always work, so that none waits for the work of another, and a caller may itself be a helper.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._pool: ThreadPoolExecutor | None = None
        self._lock, self._busy = Lock(), 0

    def for_each(self, work: Callable[[Item], None], items: Sequence[Item]) -> None:
        """Call `work` with every item and wait; raise the error of the first item that failed."""
        queue: Iterator[tuple[int, Item]] = iter(list(enumerate(items)))
        errors: dict[int, Exception] = {}

        def take_items(*, is_caller: bool) -> None:
            # Taking the next item is a single step of the interpreter, and items are taken in order: when a thread
            # meets an error, all earlier items have been taken, so that threads that stop then skip no earlier item.
            while not errors and (is_caller or self._busy <= self._count):
                taken = next(queue, None)
                if taken is None:
                    return
                number, item = taken
                try:
                    work(item)
                except Exception as error:  # noqa: BLE001  # raised below, in the caller's thread
                    errors[number] = error

        def help_caller() -> None:
            with self._counted_as_busy():
                take_items(is_caller=False)

        with self._counted_as_busy():
            helpers = self._start_helpers(help_caller, len(items) - 1)
            take_items(is_caller=True)
        for helper in helpers:
            if not helper.cancel():  # a helper that has not started has nothing left to do
                helper.result()
        if errors:
            raise errors[min(errors)]

    def close(self) -> None:
        """End the threads; later work starts new ones."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(cancel_futures=True)

    def _start_helpers(self, helper: Callable[[], None], most: int) -> list[Future[None]]:
        """Start at most `most` helpers, and at most as many as there are idle threads."""
        with self._lock:
            wanted = min(self._count - self._busy, most)
            if wanted > 0 and self._pool is None:
                self._pool = ThreadPoolExecutor(self._count - 1, thread_name_prefix="decode")
            return [self._pool.submit(helper) for _ in range(wanted)] if self._pool else []

    @contextmanager
    def _counted_as_busy(self) -> Iterator[None]:
        with self._lock:
            self._busy += 1
        try:
            yield
        finally:
            with self._lock:
                self._busy -= 1
