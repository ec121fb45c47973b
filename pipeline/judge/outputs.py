"""Write results and tables: metrics.json, by_series.csv, predictions.parquet and the CSV files next to the plots."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hindcast.pipeline.forecasters import delivered
from hindcast.pipeline.judge.answer import UnflaggedAnswer, derive_unflagged, derive_usable
from hindcast.pipeline.judge.interval_columns import interval_names
from hindcast.pipeline.judge.scores import Judgement, Sums, Unflagged
from hindcast.pipeline.judge.table import Table

_ROW_GROUP = 1 << 18  # rows; about 10 MB as columns, so that writing needs no second copy of a split
_STAMP = pa.timestamp("ns", tz="UTC")
_SCORE = ("mae", "rmse", "bias", "n")


def collect_metrics(judgements: Sequence[Judgement]) -> dict[str, Any]:
    """Return {split: {target: {forecaster: {mae, rmse, bias, n}}}}, plus quantile scores for a model with quantiles.

    If the quality check flagged a compared row, the key `without_flagged` has {split: {target: ...}} without these rows;
    `without_unusable` has the same without the rows that `align.usable` names. `intervals` has the scores of calibrated intervals by split,
    target and nominal coverage, and `blend`, by split and target, what the blend was made of and what it was expected to gain.
    """
    metrics: dict[str, Any] = {}
    for judgement in judgements:
        scores: dict[str, Any] = {name: score.as_dict() for name, score in judgement.scores.items()}
        if judgement.quantiles is not None:
            scores["model"] |= judgement.quantiles.as_dict()
        metrics.setdefault(judgement.split, {})[judgement.target] = scores
    if intervals := _interval_metrics(judgements):
        metrics["intervals"] = intervals
    if blended := [each for each in judgements if each.blend is not None]:
        metrics["blend"] = {}
        for each in blended:
            assert each.blend is not None
            metrics["blend"].setdefault(each.split, {})[each.target] = each.blend.as_dict()
    for key, found in (
        ("without_flagged", [(each, each.unflagged, derive_unflagged(each)) for each in judgements]),
        ("without_unusable", [(each, each.usable, derive_usable(each)) for each in judgements]),
    ):
        if without := _metrics_without(found):
            metrics[key] = without
    return metrics


def _interval_metrics(judgements: Sequence[Judgement]) -> dict[str, Any]:
    metrics: dict[str, Any] = {}
    for judgement in judgements:
        if judgement.intervals:
            found = {f"{each.nominal:g}": each.as_dict() for each in judgement.intervals}
            crps = {"crps": asdict(judgement.crps)} if judgement.crps else {}
            metrics.setdefault(judgement.split, {})[judgement.target] = {**found, **crps}
    return metrics


def _metrics_without(
    judgements: Sequence[tuple[Judgement, Unflagged | None, UnflaggedAnswer | None]],
) -> dict[str, Any]:
    metrics: dict[str, Any] = {}
    for judgement, found, answer in judgements:
        if found is None or answer is None:
            continue
        metrics.setdefault(judgement.split, {})[judgement.target] = {
            "rows_left_out": found.left_out,
            "rows_compared": found.compared,
            "rows_by_reason": found.labels,
            "model_is": {"open": "not proven"}.get(answer.verdict or "", answer.verdict),
            "differs": answer.differs,
            "mae_skill": None if found.skill is None else asdict(found.skill.mae),
            "scores": {name: score.as_dict() for name, score in found.scores.items()},
        }
    return metrics


def write_by_series(path: Path, judgements: Iterable[Judgement]) -> None:
    """Write split, group, series, track, target, forecaster and scores, for each combination with at least one row."""

    def rows() -> Iterator[list[Any]]:
        for judgement in judgements:
            names, tracks = judgement.names, judgement.tracks
            cells = {name: sums.scores() for name, sums in judgement.by_series.items()}
            for place in range(len(names.series) * tracks):
                series, track = divmod(place, tracks)
                head = [judgement.split, *names.key(series), track, judgement.target]
                for name, scores in cells.items():
                    if scores[place][3]:
                        yield [*head, name, *scores[place]]

    _write_csv(path, ["split", "group", "series", "track", "target"], rows())


def write_breakdown(
    path: Path, key: str, judgements: Iterable[Judgement], which: Literal["by_lead", "by_hour"]
) -> None:
    """Write split, target, `key` (hours), forecaster and scores of the breakdown `which`."""

    def rows() -> Iterator[list[Any]]:
        for judgement in judgements:
            breakdown = getattr(judgement, which)
            for place, hours in enumerate(breakdown.hours):
                for cells in _forecaster_cells(breakdown.sums, place):
                    yield [judgement.split, judgement.target, hours, *cells]

    _write_csv(path, ["split", "target", key], rows())


@contextmanager
def open_predictions(
    path: Path, forecasters: Sequence[str], levels: Sequence[float] = (), coverages: Sequence[float] = ()
) -> Iterator[PredictionsFile]:
    """Open a Parquet file for tables, one after another; its columns do not depend on the content of the tables.

    The model's quantiles at `levels` are the columns `model_q0.1` and so on, after the forecasters; then come the ends of the intervals of
    the nominal `coverages`, `model_low_80`, or `blend_low_80` with a blend, and `model_high_80` and so on.
    """
    with pq.ParquetWriter(path, _schema(forecasters, levels, coverages), compression="zstd") as writer:
        yield PredictionsFile(writer, tuple(forecasters), len(coverages))


class PredictionsFile:
    """Writes the rows of tables whose target is known. The column `compared` marks the rows used for the metrics.

    `actual` is null where a target has no value at the age of `evaluate.truth`.
    """

    def __init__(self, writer: pq.ParquetWriter, forecasters: tuple[str, ...], intervals: int = 0) -> None:
        self._writer, self._forecasters, self._intervals = writer, forecasters, intervals

    def add(self, table: Table) -> None:
        """Append a table in blocks of rows."""
        groups = pa.array(table.names.groups, pa.string())
        series = pa.array(table.names.series, pa.string())
        for start in range(0, len(table), _ROW_GROUP):
            block = slice(start, start + _ROW_GROUP)
            known = table.actual if table.last is None else table.last
            rows = start + np.flatnonzero(~np.isnan(known[block]))
            key = pa.array(table.series[rows])
            columns = [
                pa.repeat(pa.scalar(table.split, pa.string()), len(rows)),
                groups.take(pa.array(table.names.group_of[table.series[rows]])),
                series.take(key),
                pa.array(table.track[rows].astype(np.int32)),
                pa.array(table.time[rows]).cast(_STAMP),
                pa.array(table.origin[rows]).cast(_STAMP),
                pa.repeat(pa.scalar(table.target, pa.string()), len(rows)),
                pa.array(table.actual[rows], from_pandas=True),
                *(self._column(table, name, rows) for name in self._forecasters),
                *([] if table.quantiles is None else map(pa.array, table.quantiles[rows].T)),
                *self._bounds(table, rows),
                pa.array(table.compared[rows]),
            ]
            self._writer.write_table(pa.Table.from_arrays(columns, schema=self._writer.schema))

    def _bounds(self, table: Table, rows: Any) -> list[pa.Array]:
        judged = delivered(self._forecasters)
        if judged not in table.bounds:
            return [pa.nulls(len(rows), pa.float32()) for _ in range(2 * self._intervals)]
        ends = table.bounds[judged][rows].reshape(len(rows), -1)
        return [pa.array(column, from_pandas=True) for column in ends.T]

    def _column(self, table: Table, name: str, rows: Any) -> pa.Array:
        if name not in table.forecasts:
            return pa.nulls(len(rows), pa.float32())
        return pa.array(table.forecasts[name][rows], from_pandas=True)  # NaN becomes null


def _schema(forecasters: Sequence[str], levels: Sequence[float], coverages: Sequence[float]) -> pa.Schema:
    heads = [("split", pa.string()), ("group", pa.string()), ("series", pa.string()), ("track", pa.int32()),
             ("valid_time", _STAMP), ("origin", _STAMP), ("target", pa.string()), ("actual", pa.float32())]  # fmt: skip
    columns = [*forecasters, *(f"model_q{level:g}" for level in levels)]
    columns += [f"{delivered(forecasters)}_{name}" for name in interval_names(coverages)]
    return pa.schema([*heads, *((name, pa.float32()) for name in columns), ("compared", pa.bool_())])


def _forecaster_cells(sums: Sums, place: int) -> Iterator[list[Any]]:
    """Yield [forecaster, *score] of each forecaster that has a row at a key."""
    for name, by_key in sums.items():
        if by_key.n[place]:
            yield [name, *by_key.score(place).as_dict().values()]


def _write_csv(path: Path, head: list[str], rows: Iterable[list[Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([*head, "forecaster", *_SCORE])
        writer.writerows(rows)
