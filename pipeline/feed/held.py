"""Samples read for many batches at once and held until the last of them is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.feed.runs import Ints, ascending
from pipeline.feed.source import Source


@dataclass(frozen=True)
class Held:
    """`arrays[name][i]` is sample `samples[i]` of that array; samples ascend."""

    samples: Ints
    arrays: Mapping[str, npt.NDArray[Any]]

    @classmethod
    def of(cls, source: Source, names: Sequence[str], samples: Ints) -> Held:
        """Read these samples, ascending, of these arrays."""
        return cls(samples, {name: source.read(name, samples) for name in names})


def read_from(held: Sequence[Held], name: str, samples: Ints) -> npt.NDArray[Any]:
    """Samples of an array, in the order asked for, each from the first that holds it."""
    answer = np.empty((len(samples), *held[0].arrays[name].shape[1:]), held[0].arrays[name].dtype)
    missing = np.arange(len(samples))
    for one in held:
        if len(missing) and len(one.samples):
            wanted = samples[missing]
            place = np.minimum(np.searchsorted(one.samples, wanted), len(one.samples) - 1)
            there = one.samples[place] == wanted
            answer[missing[there]] = one.arrays[name][place[there]]
            missing = missing[~there]
    if len(missing):
        raise KeyError(f"nothing holds sample {samples[missing[0]]} of {name}")
    return answer


def reached(first: Ints, last: Ints) -> Ints:
    """All samples from first[i] to last[i], ascending, each once."""
    widest = int((last - first).max(initial=0)) + 1
    pairs = ascending(
        first * widest + (last - first)
    )  # few: windows that begin in one sample end in two or three
    first, length = np.divmod(pairs, widest)
    return ascending(np.minimum(first[:, None] + np.arange(widest), (first + length)[:, None]).reshape(-1))
