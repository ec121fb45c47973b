"""Samples read for many batches at once and held until the last of them is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hindcast.pipeline.feed.runs import Ints, ascending
from hindcast.pipeline.feed.source import Source


@dataclass(frozen=True)
class Held:
    """`arrays[name][i]` is sample `samples[i]` of that array; samples ascend."""

    samples: Ints
    arrays: Mapping[str, npt.NDArray[Any]]

    @classmethod
    def of(cls, source: Source, names: Sequence[str], samples: Ints) -> Held:
        """Read these samples, ascending, of these arrays."""
        return cls(samples, {name: source.read(name, samples) for name in names})


@dataclass(frozen=True)
class Found:
    """Where samples stand: each of `count` in the first that holds it, as (held, rows of the answer, places in it)."""

    count: int
    parts: Sequence[tuple[Held, Ints, Ints]]

    def read(self, name: str) -> npt.NDArray[Any]:
        """The samples of an array, in the order in which they were asked for."""
        if len(self.parts) == 1:
            held, _, place = self.parts[0]
            return np.take(held.arrays[name], place, axis=0)
        some = self.parts[0][0].arrays[name]
        answer = np.empty((self.count, *some.shape[1:]), some.dtype)
        for held, rows, place in self.parts:
            answer[rows] = held.arrays[name][place]
        return answer


def found(held: Sequence[Held], samples: Ints) -> Found:
    """Look samples up; KeyError if nothing holds one of them."""
    parts: list[tuple[Held, Ints, Ints]] = []
    missing = np.arange(len(samples))
    for one in held:
        wanted = samples[missing]
        place = np.searchsorted(one.samples, wanted)
        there = np.take(one.samples, place, mode="clip") == wanted if len(one.samples) else wanted < 0
        if there.any() or not parts:
            parts.append((one, missing[there], place[there]))
        missing = missing[~there]
        if not len(missing):
            break
    if len(missing):
        raise KeyError(f"nothing holds sample {samples[missing[0]]}")
    return Found(len(samples), [part for part in parts if len(part[1])] or parts)


def reached(first: Ints, last: Ints) -> Ints:
    """All samples from first[i] to last[i], ascending, each once."""
    widest = int((last - first).max(initial=0)) + 1
    pairs = ascending(
        first * widest + (last - first)
    )  # few: windows that begin in one sample end in two or three
    first, length = np.divmod(pairs, widest)
    return ascending(np.minimum(first[:, None] + np.arange(widest), (first + length)[:, None]).reshape(-1))
