"""Judgements and tables as files: metrics.json, by_series.csv, predictions.parquet, tables beside the plots."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hindcast.pipeline.judge.metrics import Score
from hindcast.pipeline.judge.scores import BySums, Judgement
from hindcast.pipeline.judge.table import Table

_ROW_GROUP = 1 << 18  # rows: some 10 MB as columns, so writing needs no second copy of a split
_STAMP = pa.timestamp("ns", tz="UTC")
_SCORE = ("mae", "rmse", "bias", "n")


def metrics_of(judgements: Iterable[Judgement]) -> dict[str, Any]:
    """{split: {target: {forecaster: {mae, rmse, bias, n}}}}; a model of quantiles has their scores beside."""
    metrics: dict[str, Any] = {}
    for judgement in judgements:
        scores: dict[str, Any] = {name: score.as_dict() for name, score in judgement.scores.items()}
        if judgement.quantiles is not None:
            scores["model"] |= judgement.quantiles.as_dict()
        metrics.setdefault(judgement.split, {})[judgement.target] = scores
    return metrics


def write_by_series(path: Path, judgements: Iterable[Judgement]) -> None:
    """split, group, series, track, target, forecaster and scores, where there is at least one row."""
    heads = ("split", "group", "series", "track", "target", "forecaster")
    _write_csv(path, [*heads, *_SCORE], (row for judgement in judgements for row in _series_rows(judgement)))


def write_breakdown(path: Path, key: str, judgements: Iterable[Judgement], which: str) -> None:
    """split, target, `key` (hours), forecaster and scores; `which` names the judgement's breakdown."""

    def rows() -> Iterator[list[Any]]:
        for judgement in judgements:
            breakdown = getattr(judgement, which)
            for place, hours in enumerate(breakdown.hours):
                for name, score in _scores_at(breakdown.sums, place):
                    yield [judgement.split, judgement.target, hours, name, *_cells(score)]

    _write_csv(path, ["split", "target", key, "forecaster", *_SCORE], rows())


@contextmanager
def predictions_file(
    path: Path, forecasters: Sequence[str], levels: Sequence[float] = ()
) -> Iterator[PredictionsFile]:
    """A Parquet file to which table after table is added; the columns are the same whatever the tables hold.

    The model's quantiles at `levels` stand in columns `model_q0.1` and so on, behind the forecasters.
    """
    with pq.ParquetWriter(path, _schema(forecasters, levels), compression="zstd") as writer:
        yield PredictionsFile(writer, tuple(forecasters))


class PredictionsFile:
    """Takes the scored rows of tables: those whose target is known. `compared` marks the rows of the metrics."""

    def __init__(self, writer: pq.ParquetWriter, forecasters: tuple[str, ...]) -> None:
        self._writer, self._forecasters = writer, forecasters

    def add(self, table: Table) -> None:
        """Append a table in blocks of rows."""
        groups = pa.array(table.names.groups, pa.string())
        series = pa.array(table.names.series, pa.string())
        for start in range(0, len(table), _ROW_GROUP):
            block = slice(start, start + _ROW_GROUP)
            rows = start + np.flatnonzero(~np.isnan(table.actual[block]))
            key = pa.array(table.series[rows])
            columns = [
                pa.repeat(pa.scalar(table.split, pa.string()), len(rows)),
                groups.take(pa.array(table.names.group_of[table.series[rows]])),
                series.take(key),
                pa.array(table.track[rows].astype(np.int32)),
                pa.array(table.time[rows]).cast(_STAMP),
                pa.array(table.origin[rows]).cast(_STAMP),
                pa.repeat(pa.scalar(table.target, pa.string()), len(rows)),
                pa.array(table.actual[rows]),
                *(self._column(table, name, rows) for name in self._forecasters),
                *([] if table.quantiles is None else map(pa.array, table.quantiles[rows].T)),
                pa.array(table.compared[rows]),
            ]
            self._writer.write_table(pa.Table.from_arrays(columns, schema=self._writer.schema))

    def _column(self, table: Table, name: str, rows: Any) -> pa.Array:
        if name not in table.forecasts:
            return pa.nulls(len(rows), pa.float32())
        return pa.array(table.forecasts[name][rows], from_pandas=True)  # NaN becomes null


def _schema(forecasters: Sequence[str], levels: Sequence[float]) -> pa.Schema:
    heads = [("split", pa.string()), ("group", pa.string()), ("series", pa.string()), ("track", pa.int32()),
             ("valid_time", _STAMP), ("origin", _STAMP), ("target", pa.string()), ("actual", pa.float32())]  # fmt: skip
    columns = [*forecasters, *(f"model_q{level:g}" for level in levels)]
    return pa.schema([*heads, *((name, pa.float32()) for name in columns), ("compared", pa.bool_())])


def _series_rows(judgement: Judgement) -> Iterator[list[Any]]:
    for place in range(len(judgement.names.series) * judgement.tracks):
        series, track = divmod(place, judgement.tracks)
        for name, score in _scores_at(judgement.by_series, place):
            group, key = judgement.names.key(series)
            yield [judgement.split, group, key, track, judgement.target, name, *_cells(score)]


def _scores_at(sums: BySums, place: int) -> Iterator[tuple[str, Score]]:
    for name, by_key in sums.items():
        if by_key.n[place]:
            yield name, by_key.score(place)


def _cells(score: Score) -> list[Any]:
    return [score.mae, score.rmse, score.bias, score.n]


def _write_csv(path: Path, head: list[str], rows: Iterable[list[Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows)
