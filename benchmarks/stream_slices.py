"""The input of contenders: the shard, slices of it in memory, and the windows inside one series."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401
import numpy as np

LOOKBACK, WINDOWS, SEGMENTS = 168, 256, 32  # steps per window, windows and segments per batch
SERIES_STEPS = 2_000

Batches = Iterator[Any]
Maker = Callable[[Path, Path, dict[str, str]], Callable[[], Iterable[Any]]]


def shard_of(data: Path) -> Path:
    return next((data.parent / "packed").glob("*.h5"))


def table(data: Path, series: int) -> tuple[np.ndarray, np.ndarray]:
    """Read X (steps, feature) and Y (steps) of the first series, up to a given number, into memory."""
    with h5py.File(shard_of(data)) as file:
        samples = series * SERIES_STEPS // file["X"].shape[1]
        x, y = file["X"][:samples], file["Y"][:samples]
    return x.reshape(-1, x.shape[2]), y.reshape(-1)


def series_of(data: Path) -> int:
    with h5py.File(shard_of(data)) as file:
        return int(file.attrs["step_count"]) // SERIES_STEPS


def ends_of(steps: int) -> np.ndarray:
    """Return the last steps of all windows inside one series."""
    every = np.arange(steps)
    return every[every % SERIES_STEPS >= LOOKBACK - 1]
