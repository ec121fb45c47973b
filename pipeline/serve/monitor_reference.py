"""What is normal: the errors of the test split in reports/predictions.parquet, and when that split begins."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from hindcast.pipeline.arrays import Floats, Times
from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.forecasters import delivered
from hindcast.pipeline.serve.served_skill import LossDifferences
from hindcast.pipeline.settings.base import DAY
from hindcast.pipeline.tables import STAMP

PREDICTIONS = Path("reports/predictions.parquet")

_ROWS = 1 << 18


def first_test_time(root: Path) -> int | None:
    """Return the first step of the test split (ns UTC); None if there is no evaluation, or no such split."""
    found = [
        int(_times(batch, "valid_time").min()) for batch in _batches(root, ["valid_time"]) if batch.num_rows
    ]
    return min(found) if found else None


def reference_differences(root: Path, target: str, rival: str) -> LossDifferences | None:
    """Return the relative differences of the losses of each day of the test split, as `loss_differences`; None if it has none."""
    sums: dict[str, dict[int, Floats]] = {}
    own = delivered(_columns(root))
    for batch in _batches(root, ["target", "group", "origin", "actual", own, rival]):
        kept = batch.filter(pc.equal(batch["target"], target))
        numbers = [_numbers(kept, name) for name in ("actual", own, rival)]
        paired = np.flatnonzero(np.all(np.isfinite(numbers), axis=0))
        actual, ours, theirs = (column[paired] for column in numbers)
        day = _times(kept, "origin")[paired] // DAY
        encoded = kept["group"].dictionary_encode()
        group = encoded.indices.to_numpy()[paired]
        losses = np.stack([np.abs(ours - actual), np.abs(theirs - actual)])
        pairs, place = np.unique(np.stack([group, day]), axis=1, return_inverse=True)
        added = np.stack([np.bincount(place, loss, pairs.shape[1]) for loss in losses])
        for at, (number, when) in enumerate(pairs.T.tolist()):
            of_group = sums.setdefault(encoded.dictionary[number].as_py(), {})
            of_group[when] = of_group.get(when, np.zeros(2)) + added[:, at]
    return _differences(sums)


def _differences(sums: dict[str, dict[int, Floats]]) -> LossDifferences | None:
    every = [when for days in sums.values() for when in days]
    if not every:
        return None
    first, groups = min(every), tuple(sorted(sums))
    losses = np.zeros((2, 1 + len(groups), max(every) - first + 1))
    for at, group in enumerate(groups, start=1):
        for when, pair in sums[group].items():
            losses[:, at, when - first] = pair
    losses[:, 0] = losses[:, 1:].sum(axis=1)
    whole = losses.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return LossDifferences(groups, (losses[0] - losses[1]) / np.where(whole > 0, whole, np.nan))


def _columns(root: Path) -> list[str]:
    """Return the columns of the predictions; none without the file, or if it is damaged, which reading its rows reports."""
    try:
        return list(pq.read_schema(root / PREDICTIONS).names)
    except (pa.ArrowException, OSError):
        return []


def _batches(root: Path, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """Yield the rows of the test split; nothing if there is no evaluation, or it lacks one of the columns."""
    path = root / PREDICTIONS
    if not path.is_file():
        return
    try:
        with pq.ParquetFile(path) as file:
            if not {*columns, "split"} <= set(file.schema_arrow.names):
                return
            for batch in file.iter_batches(_ROWS, columns=["split", *columns]):
                yield batch.filter(pc.equal(batch["split"], "test"))
    except (pa.ArrowException, OSError) as fault:
        raise FormatError(f"{path} is damaged ({fault}): run the stage `evaluate` again.") from None


def _times(batch: pa.RecordBatch, name: str) -> Times:
    times: Times = batch[name].cast(STAMP).cast(pa.int64()).to_numpy()
    return times


def _numbers(batch: pa.RecordBatch, name: str) -> Floats:
    return np.asarray(batch[name].to_numpy(zero_copy_only=False), np.float64)
