"""Stretches of an epoch: large pieces made one at a time, the next ones beforehand by threads, from which batches are cut."""

from __future__ import annotations

import os
from collections import OrderedDict, deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from threading import Lock
from typing import Any, Generic, Protocol, TypeVar

Stretch = TypeVar("Stretch")


KEPT, AHEAD = 1, 2


"""Stretches held, and in the making: one is decoded while the other is put in order."""


HELD = KEPT + AHEAD


"""Stretches in memory at a time, at most."""


class Prefetcher(Generic[Stretch]):
    """`make(number)` for each number in [0, count), kept while it is in use.

    Asking for one has the next ones made in the background. What is asked for, in which order and by which thread changes no
    answer. An error of a stretch is raised where it is asked for. After a fork the child makes its own.
    """

    _pool: ThreadPoolExecutor | None

    def __init__(self, make: Callable[[int], Stretch], count: int) -> None:
        self._make, self._count = make, count
        self._kept: dict[int, Stretch] = {}
        self._start()

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number: int) -> Stretch:
        self._after_fork()
        with self._lock:
            if number not in self._kept:
                stretch = self._made(number)
                self._kept = {number: stretch}
                self._plan_ahead(number + 1)
            return self._kept[number]

    def begin(self) -> None:
        """Have the first stretch made in the background, if nothing is made already."""
        self._after_fork()
        with self._lock:
            if not self._kept and not self._ahead:
                self._plan_ahead(0, 1)

    def close(self) -> None:
        """End the thread and let go of all stretches; asking goes on working."""
        self._after_fork()
        with self._lock:
            pool, self._pool = self._pool, None
            self._ahead.clear()
            self._kept.clear()
        if pool is not None:
            pool.shutdown(cancel_futures=True)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._make, self._count)

    def _start(self) -> None:
        self._process, self._lock = os.getpid(), Lock()
        self._pool = None
        self._ahead: OrderedDict[int, Future[Stretch]] = OrderedDict()

    def _after_fork(self) -> None:
        if self._process != os.getpid():  # the parent's threads do not exist here, and may have held the lock
            self._start()

    def _made(self, number: int) -> Stretch:
        ahead = self._ahead.pop(number, None)
        return self._make(number) if ahead is None else ahead.result()

    def _plan_ahead(self, first: int, most: int = AHEAD) -> None:
        wanted = [
            number for number in range(first, min(first + most, self._count)) if number not in self._kept
        ]
        for number in [number for number in self._ahead if number not in wanted]:
            stale = self._ahead.pop(number)
            if not stale.cancel():
                stale.exception()  # wait: never more in the making than planned
        for number in wanted:
            if number not in self._ahead:
                self._ahead[number] = self._threads().submit(self._make, number)

    def _threads(self) -> ThreadPoolExecutor:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(AHEAD, thread_name_prefix="read-ahead")
        return self._pool


T_co = TypeVar("T_co", covariant=True)


class Numbered(Protocol[T_co]):
    """Items that can be asked for by number."""

    def __len__(self) -> int: ...

    def __getitem__(self, number: int, /) -> T_co: ...


def read_ahead(items: Numbered[T_co], first: int = 0, depth: int = 2, threads: int = 1) -> Generator[T_co]:
    """The items from number `first` on, in order, up to `depth` of them made beforehand by `threads` threads.

    Items that are `made_beforehand` already are handed on as they are; whether they were played to their end or left half-way,
    they are closed. An error of an item is raised when its turn comes.
    """
    made: Any = items
    if getattr(made, "made_beforehand", False):  # a thread would only stand in the way
        with closing(made):
            yield from (made[number] for number in range(first, len(made)))
        return
    with ThreadPoolExecutor(threads, thread_name_prefix="read-ahead") as pool:
        pending: deque[Future[T_co]] = deque()
        try:
            for number in range(first, len(items)):
                pending.append(pool.submit(items.__getitem__, number))
                if len(pending) > depth:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for item in pending:
                item.cancel()
