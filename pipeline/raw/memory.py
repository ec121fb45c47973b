"""How much memory rows take, and memory that is used again.

Rows come and go in blocks of some megabytes.  Given back to the system after each use they would have to be
mapped, cleared and counted again, which costs as much as reading a number; and numpy asks for huge pages for
arrays of this size, which cost five times as much where a virtual machine has to be given them first.
"""

from __future__ import annotations

from mmap import MAP_ANONYMOUS, MAP_PRIVATE, mmap
from threading import Lock

import numpy as np
from numpy.typing import NDArray

Memory = NDArray[np.int64]  # flat, at least as long as it was asked for

ROOM_BYTES = 256 << 20  # of rows
_ROUND = 1 << 17  # numbers: blocks of nearly one size fit into each other's memory


class Room:
    """How many bytes of rows stay in memory; what finds no room goes to disk."""

    def __init__(self, most_bytes: int) -> None:
        self._free = most_bytes
        self._spare: list[Memory] = []
        self._lock = Lock()

    def take(self, count: int) -> bool:
        """Whether there is room for so many bytes; if so it is taken."""
        with self._lock:
            if count > self._free:
                return False
            self._free -= count
            return True

    def give_back(self, count: int) -> None:
        """These bytes are in memory no longer."""
        with self._lock:
            self._free += count

    def lend(self, count: int) -> Memory:
        """Memory for `count` numbers, of undefined content, to be handed back by `reuse`."""
        with self._lock:
            fitting = [place for place, spare in enumerate(self._spare) if len(spare) >= count]
            if fitting:
                return self._spare.pop(min(fitting, key=lambda place: len(self._spare[place])))
        return _mapped(count + -count % _ROUND)

    def reuse(self, memory: Memory) -> None:
        """Nobody looks at this memory any more."""
        with self._lock:
            self._spare.append(memory)


def _mapped(count: int) -> Memory:
    """Memory that goes back to the system as soon as it is let go of, whatever the allocators think of it."""
    return np.frombuffer(mmap(-1, max(1, count) * 8, MAP_PRIVATE | MAP_ANONYMOUS), np.int64)
