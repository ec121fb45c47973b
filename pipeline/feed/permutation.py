"""A permutation of any length of which each place is computed alone: no table, no time that grows with the length.

A Feistel network over pairs (left, right) of two nearly equal radices, which hold `count` or some more numbers; what
falls beyond `count` goes through again until it falls inside. Luby and Rackoff, SIAM J. Comput. 17 (1988), show that a
few rounds suffice; Black and Rogaway, CT-RSA 2002, that going through again keeps it a permutation.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from hindcast.pipeline.feed.runs import Ints

_ROUNDS = 6
_Words = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Permutation:
    """Of 0..count-1, drawn by `key`: whole numbers, each of which changes everything."""

    count: int
    key: tuple[int, ...]

    def at(self, places: Ints) -> Ints:
        """What stands at `places`, which lie in [0, count)."""
        return self._walked(places, self._forth)

    def place_of(self, values: Ints) -> Ints:
        """Where `values`, which lie in [0, count), stand."""
        return self._walked(values, self._back)

    def _walked(self, numbers: Ints, once: Callable[[_Words], _Words]) -> Ints:
        found = once(np.asarray(numbers).astype(np.uint64))
        outside = np.flatnonzero(found >= self.count)
        while len(outside):
            found[outside] = once(found[outside])
            outside = outside[found[outside] >= self.count]
        answer: Ints = found.astype(np.int64)
        return answer

    def _forth(self, numbers: _Words) -> _Words:
        left, right = np.divmod(numbers, self._radices[1])
        for number, key in enumerate(self._keys):
            if number % 2:
                right = (right + _mixed(left, key)) % self._radices[1]
            else:
                left = (left + _mixed(right, key)) % self._radices[0]
        answer: _Words = left * self._radices[1] + right
        return answer

    def _back(self, numbers: _Words) -> _Words:
        left, right = np.divmod(numbers, self._radices[1])
        for number in reversed(range(_ROUNDS)):
            key = self._keys[number]
            if number % 2:
                right = (right + self._radices[1] - _mixed(left, key) % self._radices[1]) % self._radices[1]
            else:
                left = (left + self._radices[0] - _mixed(right, key) % self._radices[0]) % self._radices[0]
        answer: _Words = left * self._radices[1] + right
        return answer

    @cached_property
    def _radices(self) -> _Words:
        first = max(1, math.isqrt(max(0, self.count - 1)) + 1)
        return np.array([first, max(1, -(-self.count // first))], np.uint64)

    @cached_property
    def _keys(self) -> _Words:
        return np.random.SeedSequence(self.key).generate_state(_ROUNDS, np.uint64).astype(np.uint64)


def _mixed(half: _Words, key: np.uint64) -> _Words:
    """Each half as 32 bits that depend on every bit of it and of the key: products of odd constants, shifted back."""
    mixed: _Words = (half ^ key) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(32)
    mixed *= np.uint64(0xD6E8FEB86659FD93)
    upper: _Words = mixed >> np.uint64(32)  # sums with a half below 2**32 stay exact
    return upper
