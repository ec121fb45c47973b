"""Reading ahead: the next batches are made while the present one is computed with."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import Any, Protocol, TypeVar

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
