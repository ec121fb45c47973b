"""Reading ahead: stretches of an epoch, large pieces from which batches are cut, are read by threads before their turn."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections import OrderedDict, deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from functools import partial
from threading import Lock
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from hindcast.pipeline.arrays import Ints
from hindcast.pipeline.feed.order import Order

Stretch = TypeVar("Stretch")
Item = TypeVar("Item")
T_co = TypeVar("T_co", covariant=True)

KEPT, AHEAD = 1, 2
"""Stretches kept and in the making: of those ahead one is decoded while the other is put in order."""

HELD = KEPT + AHEAD
"""Stretches in memory at a time, at most."""

MEMORY_BYTES = 256 << 20
"""What the stretches may take together unless something else is set, besides what their source keeps."""


class Prefetcher(Generic[Stretch]):
    """`make(number)` for each number in [0, count), kept while it is in use.

    When a stretch is read, the next ones are made in the background. The result does not depend on which stretches are read, in
    which order and by which thread. An error of a stretch is raised where it is read. A forked process makes its own stretches.
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
                ahead = self._ahead.pop(number, None)
                self._kept = {number: self._make(number) if ahead is None else ahead.result()}
                self._plan_ahead(number + 1)
            return self._kept[number]

    def begin(self) -> None:
        """Start to make the first stretch in the background, unless a stretch was made already."""
        self._after_fork()
        with self._lock:
            if not self._kept and not self._ahead:
                self._plan_ahead(0, 1)

    def close(self) -> None:
        """End the threads and free all stretches; asking still works."""
        self._after_fork()
        with self._lock:
            pool, self._pool = self._pool, None
            self._ahead.clear()
            self._kept.clear()
        if pool is not None:
            pool.shutdown(cancel_futures=True)

    def __reduce__(self) -> tuple[Any, ...]:
        return Prefetcher, (self._make, self._count)

    def _start(self) -> None:
        self._process, self._lock = os.getpid(), Lock()
        self._pool = None
        self._ahead: OrderedDict[int, Future[Stretch]] = OrderedDict()

    def _after_fork(self) -> None:
        if self._process != os.getpid():  # the parent's threads do not exist here, and may have held the lock
            self._start()

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


class StretchReader(Generic[Stretch, Item]):
    """Items at any places of an order, cut from its stretches.

    `read(rows)` reads what the items of these rows are cut from; `cut(stretch, start, stop)` is the item at places
    [start, stop) of what was read; `join(items)` puts the parts of an item from several stretches together.

    `read` must not refer to the reader's owner: its memory and threads are then freed with the owner.
    """

    def __init__(
        self,
        order: Order,
        read: Callable[[Ints], Stretch],
        cut: Callable[[Stretch, int, int], Item],
        join: Callable[[Sequence[Item]], Item],
    ) -> None:
        self._read, self._cut, self._join = read, cut, join
        self._ends: list[int] = order.stretches.tolist()
        self.stretches = Prefetcher(partial(_read_stretch, order, self._ends, read), len(self._ends) - 1)

    def items(self, start: int, stop: int) -> Item:
        """What lies at places [start, stop) of the order."""
        number = bisect_right(self._ends, start) - 1
        if start < stop <= self._ends[number + 1]:  # as a rule
            return self._part(number, start, stop)
        parts = []
        while start < stop:
            until = min(stop, self._ends[number + 1])
            if until > start:
                parts.append(self._part(number, start, until))
            start, number = max(start, until), number + 1
        return self._join(parts) if parts else self._cut(self._read(np.zeros(0, np.int64)), 0, 0)

    def _part(self, number: int, start: int, stop: int) -> Item:
        first = self._ends[number]
        return self._cut(self.stretches[number], start - first, stop - first)


def _read_stretch(order: Order, ends: Sequence[int], read: Callable[[Ints], Stretch], number: int) -> Stretch:
    return read(order.rows(ends[number], ends[number + 1]))


class Numbered(Protocol[T_co]):
    """Items that are read by their number."""

    def __len__(self) -> int: ...

    def __getitem__(self, number: int, /) -> T_co: ...


def read_ahead(items: Numbered[T_co], first: int = 0, depth: int = 2, threads: int = 1) -> Generator[T_co]:
    """The items from number `first` on, in order, up to `depth` of them made beforehand by `threads` threads.

    Items that are `made_beforehand` already are passed on as they are, and closed after the last one or when the caller
    stops early. An error of an item is raised when its turn comes.
    """
    made: Any = items
    if getattr(made, "made_beforehand", False):  # another thread would only be in the way
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
