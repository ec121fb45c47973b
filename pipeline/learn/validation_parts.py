"""Validation divided by time, so that one span does not serve several purposes.

The parts alternate in blocks of whole weeks: `stopping` chooses the epoch of the network and the rounds of the trees, `weights` fits the blend,
and in `held` nothing is chosen: it gives the expected gain, and the errors that calibrate intervals. No part has a step less than a horizon
after a step of the part before it, so the origins of two parts do not mix.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.arrays import Flags, Ints
from hindcast.pipeline.errors import TrainingError
from hindcast.pipeline.feed.scored_rows import RowSource, Spans, read_blocks, rows_of, scored_spans
from hindcast.pipeline.settings.base import DAY
from hindcast.pipeline.store.index_types import Sequences, Split
from hindcast.pipeline.wording import duration_text

STOPPING, WEIGHTS, HELD = "stopping", "weights", "held"
PARTS = (STOPPING, WEIGHTS, HELD)
VALIDATION = "validation"

_WEEK = 7 * DAY
_LARGEST_GAP = 0.15  # of a block: longer horizons give longer blocks
_BLOCK = 1 << 20  # rows

Ranges = tuple[tuple[int, int], ...]
"""Ranges [start, stop) of times (ns UTC), ascending and disjoint."""


@dataclass(frozen=True)
class ValidationParts:
    """The ranges of the steps of each part, and the horizon: the longest time from an origin to a step (ns)."""

    ranges: dict[str, Ranges]
    horizon: int

    def holds(self, part: str, times: Ints) -> Flags:
        """Return whether steps that start at `times` lie in a part."""
        edges = np.array(self.ranges[part], np.int64).ravel()
        inside: Flags = np.searchsorted(edges, times, side="right") % 2 == 1
        return inside

    def source(self, dataset: RowSource, *parts: str) -> RowSource:
        """Return the data set with a validation split of which only some parts are scored."""
        ranges = tuple(sorted(each for part in parts for each in self.ranges[part]))
        return _WithinParts(dataset, ranges)

    def as_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        return {
            "horizon_ns": self.horizon,
            "ranges_ns": {name: list(map(list, each)) for name, each in self.ranges.items()},
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> ValidationParts:
        """Return the parts that `as_json` wrote."""
        ranges = {
            name: tuple((start, stop) for start, stop in each) for name, each in content["ranges_ns"].items()
        }
        return cls(ranges, content["horizon_ns"])


def divide_validation(dataset: RowSource) -> ValidationParts:
    """Divide the validation split of a data set; raises TrainingError if it is too short for three parts."""
    first, end, horizon = _extent(dataset, scored_spans(dataset, VALIDATION))
    parts = ValidationParts(divide(first, end, horizon), horizon)
    if not all(parts.ranges.values()):
        raise TrainingError(
            f"train.blend divides validation into three parts, {duration_text(horizon)} apart, the longest lead, and validation has only "
            f"{duration_text(max(end - first, 0))}: set a larger split.validation, or train.blend=false."
        )
    return parts


def divide(first: int, end: int, horizon: int) -> dict[str, Ranges]:
    """Divide the steps of [first, end) (ns) into parts; a part without a range has no steps.

    Blocks are of as few whole weeks as the gap of a horizon before each is at most 15 % of; shorter if there are not three such blocks. They are
    counted from the end, and the first takes what is left.
    """
    whole = max(end - first, 0)
    block = max(1, -(-int(horizon / _LARGEST_GAP) // _WEEK)) * _WEEK
    count = len(PARTS) * max(1, whole // (len(PARTS) * block))
    length = whole // count
    length = length // _WEEK * _WEEK or length
    ranges: dict[str, list[tuple[int, int]]] = {part: [] for part in PARTS}
    for number in range(count):
        start = end - (count - number) * length
        start = first if number == 0 else start + horizon
        stop = end - (count - number - 1) * length
        if start < stop:
            ranges[PARTS[number % len(PARTS)]].append((start, stop))
    return {part: tuple(each) for part, each in ranges.items()}


def _extent(dataset: RowSource, spans: Spans) -> tuple[int, int, int]:
    """Return the first step, the end of the last one, and the longest time from an origin to a step; zeros without rows."""
    first, last, horizon = [], [], 0
    for rows, read in _blocks(dataset, spans):
        first.append(int(rows.min()))
        last.append(int(rows.max()))
        horizon = max(horizon, int((rows - read).max()))
    return (min(first), max(last) + dataset.frequency, horizon) if first else (0, 0, 0)


def _blocks(dataset: RowSource, spans: Spans) -> Iterator[tuple[Ints, Ints]]:
    """Yield the times and origins of the rows of spans."""
    for start in range(0, len(spans), _BLOCK):
        rows = rows_of(dataset, spans, np.arange(start, min(start + _BLOCK, len(spans))))
        for block, read in read_blocks(dataset, rows, 1):
            yield rows.time[block], read("origin")


@dataclass(frozen=True)
class _WithinParts:
    """A data set whose validation split is scored within some ranges only."""

    dataset: RowSource
    ranges: Ranges

    @property
    def segment_length(self) -> int:
        """Steps per sample."""
        return self.dataset.segment_length

    @property
    def chunk_samples(self) -> int:
        """How many samples are read together if one is wanted."""
        return self.dataset.chunk_samples

    @property
    def frequency(self) -> int:
        """The length of a step in ns."""
        return self.dataset.frequency

    @property
    def has_flagged(self) -> bool:
        """Whether there is the array `flagged`."""
        return self.dataset.has_flagged

    @property
    def sequences(self) -> Sequences:
        """The sequences that the samples are cut from."""
        return self.dataset.sequences

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the columns of X."""
        return self.dataset.features

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the columns of Y."""
        return self.dataset.targets

    def split(self, name: str) -> Split:
        """One part of the data set."""
        found = self.dataset.split(name)
        return replace(found, within=self.ranges) if name == VALIDATION else found

    def read(self, name: str, samples: Ints) -> NDArray[Any]:
        """The array `name` at `samples`, in the order asked for."""
        return self.dataset.read(name, samples)
