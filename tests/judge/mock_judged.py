"""A data set in memory for evaluation: any sizes, any names, known errors of every forecaster."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.arrays import Values
from hindcast.pipeline.feed.scored_rows import Rows, Spans, rows_of
from hindcast.pipeline.forecasters import STORED
from hindcast.pipeline.judge.table import SeriesNames, Table
from hindcast.pipeline.settings.base import HOUR
from hindcast.pipeline.store.index_types import Sequences, Split

START = int(np.datetime64("2024-01-01", "ns").astype(np.int64))


@dataclass
class MockDataset:
    """What evaluation needs of a data set, from arrays."""

    arrays: dict[str, NDArray[Any]]
    sequences: Sequences
    parts: dict[str, Split]
    segment_length: int
    features: tuple[str, ...]
    targets: tuple[str, ...] = ("usage",)
    target_units: tuple[str, ...] = ("MW",)
    baselines: tuple[str, ...] = STORED
    frequency: int = HOUR
    chunk_samples: int = 8
    has_flagged: bool = False
    reads: list[str] = field(default_factory=list)

    def split(self, name: str) -> Split:
        return self.parts[name]

    def read(self, name: str, samples: NDArray[np.int64]) -> NDArray[Any]:
        self.reads.append(name)
        return self.arrays[name][samples]


def mock_dataset(
    *,
    keys: tuple[tuple[str, str], ...] = (("north", "a"), ("north", "b"), ("south", "a")),
    tracks: int = 2,
    days: int = 60,
    segment: int = 24,
    published_error: float = 3.0,
    missing: float = 0.05,
    targets: tuple[str, ...] = ("usage",),
    seed: int = 0,
) -> MockDataset:
    """Hourly steps from START; the second half is validation (a quarter) and test (a quarter)."""
    rng = np.random.default_rng(seed)
    rows = [(group, series, track) for group, series in sorted(keys) for track in range(tracks)]
    per = days * 24 // segment
    count, shape = len(rows) * per, (len(rows) * per, segment, len(targets))
    first = np.arange(len(rows), dtype=np.int64) * per
    time = START + np.tile(np.arange(per * segment, dtype=np.int64) * HOUR, len(rows)).reshape(count, segment)
    track = np.repeat([row[2] for row in rows], per)
    inputs = rng.normal(size=(count, segment, 3)).astype(np.float32)
    truth = (100 + 10 * inputs[:, :, :1] + rng.normal(size=shape)).astype(np.float32)
    weight = (rng.random(shape) >= missing).astype(np.float32)
    published = (truth + published_error * rng.normal(size=shape)).astype(np.float32)
    published[rng.random(shape) < missing] = np.nan
    baseline = (truth[..., None] + 8 * rng.normal(size=(*shape, len(STORED)))).astype(np.float32)
    baseline[:, 0, :, 3:] = np.nan  # references without a value, which must exclude no row
    sequences = Sequences(
        np.array([row[0] for row in rows], object),
        np.array([row[1] for row in rows], object),
        np.array([row[2] for row in rows], np.int64),
        np.full(len(rows), START, np.int64),
        first,
        np.full(len(rows), per, np.int64),
        np.full(len(rows), per * segment, np.int64),
    )
    borders = {
        "train": (0, days // 2),
        "validation": (days // 2, days * 3 // 4),
        "test": (days * 3 // 4, days),
    }
    day = (time[:, 0] - START) // (24 * HOUR)
    parts = {
        name: Split(name, np.flatnonzero((day >= begin) & (day < end)), START + begin * 24 * HOUR, START + end * 24 * HOUR)
        for name, (begin, end) in borders.items()
    }  # fmt: skip
    arrays = {
        "X": inputs, "Y": np.where(weight > 0, truth, 0).astype(np.float32), "W": weight, "published": published,
        "baseline": baseline, "origin": time - (12 * track[:, None] + 1 + (time // HOUR) % 12) * HOUR,
        "truth": truth,
    }  # fmt: skip
    units = tuple("MW" for _ in targets)
    return MockDataset(arrays, sequences, parts, segment, ("u", "v", "w"), targets, units)


def model_with_error(dataset: MockDataset, error: float, seed: int = 1) -> Any:
    """A `Predict` whose forecasts miss the truth by normal errors of this size."""
    wrong = np.random.default_rng(seed).normal(size=dataset.arrays["truth"].shape)
    values = (dataset.arrays["truth"] + error * wrong).astype(np.float32)

    def predict(split: str, wanted: Spans | Rows) -> Values:
        rows = rows_of(dataset, wanted, np.arange(len(wanted))) if isinstance(wanted, Spans) else wanted
        return values[rows.sample, rows.offset]

    return predict


def mock_table(
    *, steps: int = 48, series: int = 3, groups: int = 2, tracks: int = 2, holes: float = 0.1, seed: int = 0
) -> Table:
    """A table with a model, a published forecast, persistence and both references; NaN holes everywhere."""
    rng = np.random.default_rng(seed)
    names = SeriesNames(
        tuple(f"g{group}" for group in range(groups)),
        tuple(f"s{each}" for _ in range(groups) for each in range(series)),
        np.repeat(np.arange(groups, dtype=np.int32), series),
    )
    size = groups * series * tracks * steps
    time = np.tile(START + np.arange(steps, dtype=np.int64) * HOUR, groups * series * tracks)
    track = np.tile(np.repeat(np.arange(tracks, dtype=np.int16), steps), groups * series)

    def column() -> Values:
        values = rng.normal(100, 10, size).astype(np.float32)
        values[rng.random(size) < holes] = np.nan
        return values

    forecasters = ("model", "published", "persistence", "reference_24h", "reference_168h")
    return Table(
        "test", "usage", "MW", names, HOUR,
        np.repeat(np.arange(groups * series, dtype=np.int32), tracks * steps), track, time,
        time - (1 + 12 * track.astype(np.int64)) * HOUR,
        column(), {name: column() for name in forecasters},
    )  # fmt: skip
