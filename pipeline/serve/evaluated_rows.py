"""The rows of `reports/predictions.parquet` that a proof needs, read piece by piece: the file may be larger than the memory."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hindcast.pipeline.arrays import Ints, Times, Values
from hindcast.pipeline.errors import FormatError, MissingInputError
from hindcast.pipeline.forecasters import OURS
from hindcast.pipeline.serve.drawn_origins import OriginSpan
from hindcast.pipeline.settings.blend import MEMBERS

SPLIT = "test"
_BOUNDS = tuple(f"{name}_{end}_" for name in OURS for end in ("low", "high"))


@dataclass(frozen=True)
class EvaluatedRows:
    """The evaluated rows of one group and origin; all arrays have one entry per row, `quantiles` (row, quantile).

    `bounds` (row, end) are the ends of the intervals, in the order of `bound_names`.
    """

    series: NDArray[Any]
    target: NDArray[Any]
    track: Ints
    time: Times
    model: Values
    quantiles: Values
    published: Values | None  # None if the file has no such column
    bounds: Values
    members: dict[str, Values] = field(default_factory=dict)  # of a blend, and itself, by name

    def find(self, series: Sequence[str], target: str, track: int, times: Times) -> Ints:
        """Return the row of each step, -1 where it was not evaluated."""
        return np.array(
            [
                self._places.get((name, target, track, time), -1)
                for name, time in zip(series, times.tolist(), strict=True)
            ],
            np.int64,
        )

    @cached_property
    def _places(self) -> dict[tuple[str, str, int, int], int]:
        keys = zip(
            self.series.tolist(), self.target.tolist(), self.track.tolist(), self.time.tolist(), strict=True
        )
        return {key: place for place, key in enumerate(keys)}


class PredictionsOfTest:
    """The rows of the test split. Raises MissingInputError if the file is missing, FormatError if it is damaged."""

    def __init__(self, path: Path) -> None:
        try:
            self._file = pq.ParquetFile(path)
        except FileNotFoundError:
            raise MissingInputError(f"{path} is missing: run the stage `evaluate` first.") from None
        except (pa.ArrowException, OSError) as fault:
            raise FormatError(f"{path} is damaged ({fault}): run the stage `evaluate` again.") from None

    @property
    def bound_names(self) -> list[str]:
        """The names of the ends of intervals that the file has, such as `low_80`."""
        names = self._file.schema_arrow.names
        return [name.partition("_")[2] for name in names if name.startswith(_BOUNDS)]

    def spans(self) -> dict[str, OriginSpan]:
        """Return the origins of each group, by name, with the first and the last step evaluated at each."""
        parts = [
            part.group_by(["group", "origin"], use_threads=False).aggregate(
                [("valid_time", "min"), ("valid_time", "max")]
            )
            for part in self._pieces(["group", "origin", "valid_time"])
        ]
        if not parts:
            return {}
        whole = pa.concat_tables(parts).group_by(["group", "origin"], use_threads=False)
        joined = whole.aggregate([("valid_time_min", "min"), ("valid_time_max", "max")])
        joined = joined.sort_by([("group", "ascending"), ("origin", "ascending")])
        times = [_ns(joined[name]) for name in ("origin", "valid_time_min_min", "valid_time_max_max")]
        names = np.array(joined["group"].to_pylist(), object)
        return {
            group: OriginSpan(*(column[names == group] for column in times))
            for group in dict.fromkeys(names.tolist())
        }

    def deviations(self) -> dict[tuple[str, str], float]:
        """Return the standard deviation of the measured values of each group and target that has some."""
        sums: dict[tuple[str, str], tuple[int, float, float]] = {}
        for piece in self._pieces(["group", "target", "actual"]):
            part = piece.set_column(2, "actual", piece["actual"].cast(pa.float64()))
            found = part.group_by(["group", "target"], use_threads=False).aggregate(
                [("actual", "count"), ("actual", "mean"), ("actual", "variance")]
            )
            for row in found.to_pylist():
                if not row["actual_count"]:
                    continue
                key = row["group"], row["target"]
                more = row["actual_count"], row["actual_mean"], row["actual_variance"] * row["actual_count"]
                sums[key] = _joined(sums[key], more) if key in sums else more
        return {key: math.sqrt(squares / count) for key, (count, _, squares) in sorted(sums.items())}

    def rows_at(
        self, wanted: Mapping[tuple[str, int], Sequence[str] | None]
    ) -> dict[tuple[str, int], EvaluatedRows]:
        """Return the rows of some groups and origins, each of some series (None: all)."""
        names = self._file.schema_arrow.names
        given = [name for name in names if name == "published" or name.startswith(("model_q", *_BOUNDS))]
        given += [
            name for name in (*MEMBERS, "blend") if name in names and "blend" in names and name not in given
        ]
        given = [name for name in given if name != "model"]
        columns = ["group", "series", "target", "track", "valid_time", "origin", "model", *given]
        parts = [part for piece in self._pieces(columns) for part in _parts_of(piece, wanted)]
        if not parts:
            return {}
        table = pa.concat_tables(parts).sort_by([("group", "ascending"), ("origin", "ascending")])
        groups, at = table["group"].to_pylist(), _ns(table["origin"])
        changes = [
            place
            for place in range(len(groups))
            if not place or groups[place] != groups[place - 1] or at[place] != at[place - 1]
        ]
        return {
            (groups[start], int(at[start])): _rows_of(table.slice(start, stop - start))
            for start, stop in zip(changes, [*changes[1:], len(groups)], strict=True)
        }

    def _pieces(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        for number in range(self._file.num_row_groups):
            piece = self._file.read_row_group(number, ["split", *columns])
            piece = piece.filter(pc.equal(piece["split"], SPLIT)).drop_columns(["split"])
            if len(piece):
                yield piece


def _parts_of(piece: pa.Table, wanted: Mapping[tuple[str, int], Sequence[str] | None]) -> Iterator[pa.Table]:
    """Yield the rows of each wanted group and origin."""
    origins = pa.array(sorted({origin for _, origin in wanted}), pa.int64()).cast(piece["origin"].type)
    piece = piece.filter(pc.is_in(piece["origin"], value_set=origins))
    at, groups = _ns(piece["origin"]), piece["group"].dictionary_encode().combine_chunks()
    if not len(piece):
        return
    codes, names = groups.indices.to_numpy(), groups.dictionary.to_pylist()
    for code, origin in np.unique(np.stack([codes, at]), axis=1).T.tolist():
        if (names[code], origin) in wanted:
            part = piece.filter(pa.array((codes == code) & (at == origin)))
            series = wanted[names[code], origin]
            yield (
                part if series is None else part.filter(pc.is_in(part["series"], value_set=pa.array(series)))
            )


def _rows_of(table: pa.Table) -> EvaluatedRows:
    levels = [name for name in table.column_names if name.startswith("model_q")]
    ends = [name for name in table.column_names if name.startswith(_BOUNDS)]
    quantiles, bounds = ([_floats(table[name]) for name in names] for names in (levels, ends))
    return EvaluatedRows(
        series=np.array(table["series"].to_pylist(), object),
        target=np.array(table["target"].to_pylist(), object),
        track=table["track"].to_numpy().astype(np.int64),
        time=_ns(table["valid_time"]),
        model=_floats(table["model"]),
        quantiles=np.stack(quantiles, axis=1) if quantiles else np.empty((len(table), 0), np.float32),
        published=_floats(table["published"]) if "published" in table.column_names else None,
        bounds=np.stack(bounds, axis=1) if bounds else np.empty((len(table), 0), np.float32),
        members={
            name: _floats(table[name])
            for name in (*MEMBERS, "blend")
            if "blend" in table.column_names and name in table.column_names
        },
    )


def _floats(column: pa.ChunkedArray) -> Values:
    values: Values = pc.fill_null(column, np.float32("nan")).to_numpy().astype(np.float32)
    return values


def _ns(column: pa.ChunkedArray) -> Times:
    times: Times = column.cast(pa.int64()).to_numpy()
    return times


def _joined(one: tuple[int, float, float], other: tuple[int, float, float]) -> tuple[int, float, float]:
    """Return count, mean and sum of squared deviations of two parts together."""
    count, gap = one[0] + other[0], other[1] - one[1]
    mean = one[1] + gap * other[0] / count
    return count, mean, one[2] + other[2] + gap * gap * one[0] * other[0] / count
