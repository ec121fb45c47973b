"""The layout of format hindcast/1: names, axes and types of the arrays, their padding, chunks and filters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.arrays import TIME_MAX, TIME_MIN

FORMAT = "hindcast/1"
SCALER_FORMAT = "hindcast-scaler/2"

DIMENSIONS = ("sample", "step", "feature", "target", "source", "forecaster")
"""The axes; each has a coordinate of its name at the root of the file, attached as a dimension scale."""

_FLOAT = np.dtype("<f4")
_TIME = np.dtype("<i8")

_ZSTD_LEVEL = 3  # higher levels slow writing down more than they shrink the files
_GZIP_LEVEL = 4


@dataclass(frozen=True)
class ArrayLayout:
    """One of the big arrays: its axes, its type, and the value of its padding, the steps after the end of a sequence.

    `padding` None repeats the last step. A `finite` array contains no NaN and no infinity.
    """

    name: str
    axes: tuple[str, ...]
    dtype: np.dtype[Any]
    padding: float | int | None
    finite: bool = False

    @property
    def fill(self) -> float | int:
        """The value that a virtual array reads if its shard is missing; it cannot be mistaken for data."""
        return {"f": np.nan, "i": TIME_MIN, "u": 255}[self.dtype.kind]

    @property
    def is_time(self) -> bool:
        """Whether its numbers are times in ns UTC; its padding, if any, then stands for no time."""
        return self.dtype == _TIME


ARRAYS = (
    ArrayLayout("X", ("sample", "step", "feature"), _FLOAT, 0.0, finite=True),
    ArrayLayout("Y", ("sample", "step", "target"), _FLOAT, 0.0, finite=True),
    ArrayLayout("W", ("sample", "step", "target"), _FLOAT, 0.0, finite=True),
    ArrayLayout("published", ("sample", "step", "target"), _FLOAT, np.nan),
    ArrayLayout("baseline", ("sample", "step", "target", "forecaster"), _FLOAT, np.nan),
    ArrayLayout("origin", ("sample", "step"), _TIME, None),
    ArrayLayout("issued", ("sample", "step", "source"), _TIME, TIME_MIN),  # no vintage
    ArrayLayout("known", ("sample", "step", "target"), _TIME, TIME_MAX),  # the target is never known
)
FLAGGED = ArrayLayout("flagged", ("sample", "step", "target"), np.dtype("u1"), 0)
"""The sum of the flags of `arrays`: only in files whose settings give flagged or unusable values no weight in training."""

MISSED = (
    ArrayLayout("X_missed", ("sample", "step", "feature"), _FLOAT, 0.0, finite=True),
    ArrayLayout("published_missed", ("sample", "step", "target"), _FLOAT, np.nan),
)
"""`X` and `published` as they would be without the issues that `train.missing_runs` draws: only in files whose settings name some."""

BY_NAME: Mapping[str, ArrayLayout] = {array.name: array for array in (*ARRAYS, FLAGGED, *MISSED)}

TIME = ArrayLayout("time", ("sample",), _TIME, TIME_MIN)
"""The time of the first step of each sample: joined like the big arrays, but stored like the small tables."""


def sample_count_for(step_count: Any, segment_length: int) -> Any:
    """Return how many samples `step_count` steps need (a number or an array of them); the last one is padded."""
    return -(-step_count // segment_length)


def lay_out(steps: NDArray[Any], target: NDArray[Any], segment_length: int, padding: float | None) -> None:
    """Copy the steps (T, ...) of one sequence to the beginning of `target` (steps, ...), padded to whole samples."""
    end = sample_count_for(len(steps), segment_length) * segment_length
    target[: len(steps)] = steps
    target[len(steps) : end] = steps[-1:] if padding is None else padding


def samples_per_chunk(chunk_bytes: int, segment_length: int, feature_count: int, sample_count: int) -> int:
    """Return the number of samples in a chunk: about `chunk_bytes` of X, equal for all arrays, at least one, at most all."""
    sample_bytes = max(1, segment_length * feature_count * _FLOAT.itemsize)
    return max(1, min(chunk_bytes // sample_bytes, sample_count))


def filter_options(codec: str) -> dict[str, Any]:
    """Return the arguments of `create_dataset` for codec none, gzip or zstd: shuffle, compress, then add a checksum."""
    if codec == "none":
        return {"fletcher32": True}
    if codec == "gzip":
        return {"compression": "gzip", "compression_opts": _GZIP_LEVEL, "shuffle": True, "fletcher32": True}
    if codec == "zstd":
        import hdf5plugin

        return {**hdf5plugin.Zstd(clevel=_ZSTD_LEVEL), "shuffle": True, "fletcher32": True}
    raise ValueError(f"codec must be none, gzip or zstd, found {codec!r}")


def explain_scaler_format(found: object) -> str:
    """Explain why a scaler of format `found` cannot be used, and the remedy; one of another version is not damaged."""
    remedy = "run the stage `scale` again"
    if isinstance(found, str) and found.startswith(f"{SCALER_FORMAT.partition('/')[0]}/"):
        return f"another version of hindcast wrote it in format {found}; this version reads {SCALER_FORMAT}: {remedy}"
    return (
        f"it must be of format {SCALER_FORMAT}, found {'nothing' if found is None else repr(found)}: {remedy}"
    )
