"""The errors of two runs on the rows that both predicted, by day; both files are read in row groups.

Rows are matched by split, target, group, series, track and time. Memory is bounded by a few row groups of each file, however many series
there are, and the sums are added up row by row in the order of the first file, so that they do not depend on how it is read.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hindcast.pipeline.arrays import Floats, Ints, Key
from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.judge.metrics import ErrorSums, add_errors
from hindcast.pipeline.settings.base import DAY

MODEL = "model"
_NAMES = ("split", "target", "group", "series")
_MATCHED = ["position", "track", "time"]
_ROWS_TOGETHER = 1 << 18  # of the first file; also the size of a row group that `evaluate` writes
_GROUPS_KEPT = 4  # decoded row groups of a file, 7 MB each

Columns = Mapping[str, NDArray[Any]]

Part = tuple[str, str]
"""A split and a target."""

Places = dict[Key, list[tuple[int, int, int]]]
"""For each (group, series), its rows: (row group, first row, end)."""


@dataclass(frozen=True)
class PairedErrors:
    """The error sums of two runs by day (UTC), on the same `rows` rows: those that both predicted with the same measured value.

    `of_first` and `of_second` are the rows of each run in this split and target. Of those in both, `other_actual` have another measured value
    and are left out; `other_origin` of the `rows` were predicted from another origin.
    """

    first: ErrorSums
    second: ErrorSums
    rows: int
    of_first: int
    of_second: int
    other_actual: int
    other_origin: int


class PredictionRows:
    """The rows of a predictions.parquet, found by split, target and series; a context manager. Raises FormatError if it is damaged."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = pq.ParquetFile(path, read_dictionary=list(_NAMES))
            self.parts = self._find_rows()
        except (pa.ArrowException, OSError, KeyError) as fault:
            raise FormatError(
                f"{path} is damaged or holds no predictions ({_first_line(fault)}): run the stage `evaluate` again."
            ) from None
        self._decoded: OrderedDict[int, Columns] = OrderedDict()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def count(self, part: Part) -> int:
        """Return the number of rows of a split and target."""
        return sum(end - begin for places in self.parts.get(part, {}).values() for _, begin, end in places)

    def read(self, part: Part, keys: Sequence[Key]) -> Columns:
        """Return the rows of some series, in this order: `position` in `keys`, `track`, `time`, `origin`, `actual` and the model's forecast."""
        columns: dict[str, list[NDArray[Any]]] = {}
        for position, key in enumerate(keys):
            for group, begin, end in self.parts[part][key]:
                for name, values in self._row_group(group).items():
                    columns.setdefault(name, []).append(values[begin:end])
                columns.setdefault("position", []).append(np.full(end - begin, position))
        return {name: np.concatenate(values) for name, values in columns.items()}

    def _row_group(self, group: int) -> Columns:
        if group not in self._decoded:
            table = self._file.read_row_group(group, ["track", "valid_time", "origin", "actual", MODEL])
            times = {
                name: table[column].cast(pa.int64()).to_numpy()
                for name, column in (("time", "valid_time"), ("origin", "origin"))
            }
            numbers = {name: table[name].to_numpy() for name in ("track", "actual", MODEL)}
            self._decoded[group] = times | numbers
            while len(self._decoded) > _GROUPS_KEPT:
                self._decoded.popitem(last=False)
        self._decoded.move_to_end(group)
        return self._decoded[group]

    def _find_rows(self) -> dict[Part, Places]:
        found: dict[Part, Places] = {}
        for group in range(self._file.num_row_groups):
            table = self._file.read_row_group(group, list(_NAMES)).combine_chunks()
            size = table.num_rows
            if not size:
                continue
            columns = [table[name].combine_chunks() for name in _NAMES]
            columns = [
                column.chunk(0) if isinstance(column, pa.ChunkedArray) else column for column in columns
            ]
            codes = np.array([column.indices.to_numpy() for column in columns])
            starts = np.flatnonzero(np.append(True, (codes[:, 1:] != codes[:, :-1]).any(axis=0)))
            names = [column.dictionary.to_pylist() for column in columns]
            for begin, end in zip(starts.tolist(), [*starts[1:].tolist(), size], strict=True):
                split, target, *key = (own[code] for own, code in zip(names, codes[:, begin], strict=True))
                places = found.setdefault((split, target), {}).setdefault((key[0], key[1]), [])
                places.append((group, begin, end))
        return found


def pair_errors(first: PredictionRows, second: PredictionRows, part: Part) -> PairedErrors:
    """Return the errors of two runs on the rows of a split and target that both predicted."""
    days, counts = _DaySums(), dict.fromkeys(("rows", "other_actual", "other_origin"), 0)
    for keys in _batches(first, second, part):
        left, right = _matched(first.read(part, keys), second.read(part, keys))
        measured = ~(np.isnan(left["actual"]) & np.isnan(right["actual"]))
        predicted = measured & ~(np.isnan(left[MODEL]) | np.isnan(right[MODEL]))
        same = left["actual"] == right["actual"]
        used = predicted & same
        counts["rows"] += int(used.sum())
        counts["other_actual"] += int((predicted & ~same).sum())
        counts["other_origin"] += int((used & (left["origin"] != right["origin"])).sum())
        actual = left["actual"][used].astype(np.float64)
        errors = [side[MODEL][used].astype(np.float64) - actual for side in (left, right)]
        days.add(np.floor_divide(left["time"][used], DAY), errors)
    return PairedErrors(
        *days.sums(),
        counts["rows"],
        first.count(part),
        second.count(part),
        counts["other_actual"],
        counts["other_origin"],
    )


def _batches(first: PredictionRows, second: PredictionRows, part: Part) -> Iterator[list[Key]]:
    """Yield the series of both files in the order of the first one, together as many as have about a row group of rows."""
    others, keys, rows = second.parts.get(part, {}), list[Key](), 0
    for key, places in first.parts.get(part, {}).items():
        if key not in others:
            continue
        keys.append(key)
        rows += sum(end - begin for _, begin, end in places)
        if rows >= _ROWS_TOGETHER:
            yield keys
            keys, rows = [], 0
    if keys:
        yield keys


def _matched(left: Columns, right: Columns) -> tuple[Columns, Columns]:
    """Return the rows of both sides whose position, track and time are equal, in the order of the left side."""
    if all(np.array_equal(left[name], right[name]) for name in _MATCHED):
        return left, right
    frames = [
        pd.DataFrame({name: side[name] for name in _MATCHED}).assign(row=np.arange(len(side["time"])))
        for side in (left, right)
    ]
    both = frames[0].merge(frames[1], on=_MATCHED, suffixes=("_left", "_right"))
    rows = [both[f"row_{side}"].to_numpy() for side in ("left", "right")]
    return (
        {name: values[rows[0]] for name, values in left.items()},
        {name: values[rows[1]] for name, values in right.items()},
    )


class _DaySums:
    """Error sums of two runs by day; the range of days grows as rows come."""

    def __init__(self) -> None:
        self._first = 0
        self._values: list[Floats] = [np.zeros((4, 0)), np.zeros((4, 0))]

    def add(self, days: Ints, errors: Sequence[Floats]) -> None:
        """Add the errors of rows, given their days since 1970."""
        if not len(days):
            return
        self._grow(int(days.min()), int(days.max()))
        place = days - self._first
        for values, error in zip(self._values, errors, strict=True):
            add_errors(values, place, (np.abs(error), error * error, error))

    def sums(self) -> tuple[ErrorSums, ErrorSums]:
        """Return the sums of both runs."""
        return ErrorSums(self._values[0]), ErrorSums(self._values[1])

    def _grow(self, low: int, high: int) -> None:
        size = self._values[0].shape[1]
        if not size:
            self._first = low
        before, after = max(0, self._first - low), max(0, high + 1 - self._first - size)
        self._values = [np.pad(values, ((0, 0), (before, after))) for values in self._values]
        self._first -= before


def _first_line(fault: Exception) -> str:
    return (str(fault).splitlines() or [type(fault).__name__])[0]
