"""The plain loop of every tutorial: h5py, lists of sorted indices, one read a batch. For comparison, and for those who want it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401 - makes the codec known to HDF5
import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]


def sample_count(path: Path) -> int:
    """The attribute of a shard or data set that says how many samples it holds."""
    with h5py.File(path, "r") as file:
        return int(file.attrs["sample_count"])


def permuted(count: int, validation: float, seed: int) -> tuple[Indices, Indices]:
    """A permutation of 0..count-1, cut at (1 - `validation`) into training and validation."""
    order = np.random.default_rng(seed).permutation(count)
    cut = int(count * (1 - validation))
    return order[:cut], order[cut:]


def plain_batches(path: Path, indices: Indices, batch_size: int) -> Iterator[tuple[Any, Any]]:
    """(X, Y) batch by batch: each batch's indices are sorted, as h5py asks; the remainder is a last, shorter batch."""
    with h5py.File(path, "r") as file:
        for start in range(0, len(indices), batch_size):
            chosen = np.sort(indices[start : start + batch_size])
            yield file["X"][chosen], file["Y"][chosen]
