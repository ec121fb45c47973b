"""Samples in memory: what feeding reads, without a file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from hindcast.pipeline.arrays import Ints
from hindcast.pipeline.feed.batches import BatchSource, WindowBatches
from hindcast.pipeline.feed.scaling import Scaling
from hindcast.pipeline.feed.scored_rows import scored_spans
from hindcast.pipeline.feed.windows import WindowPlan
from hindcast.pipeline.store.index_types import Sequences, Split

HOUR = 3_600_000_000_000


@dataclass
class MemorySource:
    """A `pipeline.feed.source.Source` over arrays; `asked` counts the samples read of each array."""

    segment_length: int
    frequency: int
    sequences: Sequences
    arrays: dict[str, npt.NDArray[Any]]
    splits: dict[str, Split] = field(default_factory=dict)
    asked: dict[str, int] = field(default_factory=dict)
    chunk_samples: int = 3

    @property
    def has_flagged(self) -> bool:
        return "flagged" in self.arrays

    def split(self, name: str) -> Split:
        return self.splits[name]

    def read(self, name: str, samples: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        self.asked[name] = self.asked.get(name, 0) + len(samples)
        return self.arrays[name][samples]


def memory_source(
    step_counts: list[int],
    starts: list[int] | None = None,
    segment_length: int = 4,
    features: int = 3,
    targets: int = 1,
    unknown: float = 0.1,
    seed: int = 0,
) -> MemorySource:
    """Sequences of these step counts, beginning at these hours, of random numbers; a share of targets is unknown."""
    random = np.random.default_rng(seed)
    counts = np.array([-(-steps // segment_length) for steps in step_counts], np.int64)
    first = np.cumsum(counts) - counts
    total = int(counts.sum())
    hours = np.arange(segment_length)
    steps = np.concatenate([np.arange(count)[:, None] * segment_length + hours for count in counts])
    real = steps < np.repeat(step_counts, counts)[:, None]
    shape = (total, segment_length)
    values = random.normal(2, 3, (*shape, features)).astype(np.float32) * real[:, :, None]
    known = (random.random((*shape, targets)) >= unknown) & real[:, :, None]
    target = random.normal(5, 2, (*shape, targets)).astype(np.float32) * known
    sequences = Sequences(
        group=np.array(["g"] * len(counts), object),
        series=np.array([f"s{number}" for number in range(len(counts))], object),
        track=np.zeros(len(counts), np.int64),
        start_time=np.array(starts or [0] * len(counts), np.int64) * HOUR,
        first_sample=first,
        sample_count=counts,
        step_count=np.array(step_counts, np.int64),
    )
    published = np.where(random.random(known.shape) < 0.8, target + 1, np.nan).astype(np.float32)
    arrays = {"X": values, "Y": target, "W": known.astype(np.float32), "published": published}
    return MemorySource(segment_length, HOUR, sequences, arrays)


def chronological(source: MemorySource, borders: dict[str, tuple[int, int]]) -> MemorySource:
    """Add splits of these hours [from, until); a sample across a border goes to the later one, as in a data set."""
    start, table = sample_start(source), source.sequences
    end = np.minimum(
        start + source.segment_length * source.frequency,
        np.repeat(table.start_time + table.step_count * source.frequency, table.sample_count),
    )
    for name, (since, until) in borders.items():
        inside = (end > since * HOUR) & (end <= until * HOUR)
        source.splits[name] = Split(name, np.flatnonzero(inside), since * HOUR, until * HOUR)
    return source


def in_three_splits(table: list[tuple[int, int]], borders: list[int], segment_length: int) -> MemorySource:
    """Sequences of these (steps, first hour) without unknown targets; validation and test begin at `borders`, in hours."""
    validation, test = borders
    source = memory_source(
        [steps for steps, _ in table], [start for _, start in table], segment_length, unknown=0.0
    )
    hours = {"train": (0, validation), "validation": (validation, test), "test": (test, 60)}
    return chronological(source, hours)


def window_batches_of(
    source: MemorySource, split: str, lookback: int, batch_size: int, *, series: Ints | None = None
) -> WindowBatches:
    """The windows of a split in batches; `series` are the indices of the sequences' series, 1 for all unless given."""
    plan = WindowPlan(scored_spans(source, split), source.segment_length, lookback)
    numbers = np.ones(len(source.sequences), np.int32) if series is None else series.astype(np.int32)
    return WindowBatches(BatchSource(source, some_scaling(), numbers), plan, batch_size)


def sample_start(source: MemorySource) -> npt.NDArray[np.int64]:
    """The time of each sample's first step."""
    table = source.sequences
    row = np.repeat(np.arange(len(table)), table.sample_count)
    place = np.arange(len(row)) - table.first_sample[row]
    starts: npt.NDArray[np.int64] = table.start_time[row] + place * source.segment_length * source.frequency
    return starts


def some_scaling(features: int = 3, targets: int = 1) -> Scaling:
    """A scaling that is neither the identity nor the same for any two columns."""
    return Scaling(
        np.linspace(1, 2, features),
        np.linspace(2, 3, features),
        np.linspace(5, 6, targets),
        np.linspace(2, 1, targets),
    )
