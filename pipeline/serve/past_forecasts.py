"""The forecasts of earlier origins and the intervals that their errors give: those of evaluation, then those delivered since."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hindcast.pipeline.arrays import Names, Times, Values
from hindcast.pipeline.forecasters import delivered
from hindcast.pipeline.judge.calibration import Forecasts, Measured, calibrate
from hindcast.pipeline.judge.interval_columns import base_bounds
from hindcast.pipeline.judge.measured_values import MeasuredValues, join_measured
from hindcast.pipeline.learn.blend_file import open_blend
from hindcast.pipeline.learn.validation_parts import HELD, VALIDATION
from hindcast.pipeline.serve.deliveries import FOLDER
from hindcast.pipeline.serve.forecast_rows import OURS, ForecastRows
from hindcast.pipeline.serve.group_rows import GroupRows
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.settings.train import TrainSettings

PREDICTIONS = Path("reports/predictions.parquet")
_KEYS = ("group", "series", "origin", "valid_time")


@dataclass(frozen=True)
class _Past:
    """R forecasts of one target by the network, and the measured values of their steps."""

    group: Names
    series: Names
    origin: Times
    times: Times
    value: Values
    quantiles: Values  # (R, Q)
    measured: Measured

    def before(self, origin: int) -> _Past:
        """Return the forecasts of earlier origins."""
        kept = self.origin < origin
        place = np.cumsum(kept) - 1
        known = kept[self.measured.row]
        measured = Measured(
            place[self.measured.row[known]], self.measured.known[known], self.measured.value[known]
        )
        return _Past(
            self.group[kept],
            self.series[kept],
            self.origin[kept],
            self.times[kept],
            self.value[kept],
            self.quantiles[kept],
            measured,
        )


class PastForecasts:
    """The network's forecasts of earlier origins below `root`, with the measured values of `rows`.

    Those in `reports/predictions.parquet` (validation and test), then, of later origins, the first delivered file of each. There are none
    if `evaluate` has not run.
    """

    def __init__(self, params: Params, root: Path, rows: GroupRows, trained: TrainSettings) -> None:
        self._params, self._root, self._rows, self._trained = params, root, rows, trained

    def bounds(self, rows: Sequence[ForecastRows], origin: int) -> list[Values]:
        """Return the calibrated bounds of the rows of an origin, (R, interval, 2) for each part; NaN where there are none.

        The intervals are those of `evaluate.intervals`, by the errors of earlier forecasts that were known at the origin, and
        only rows whose method is `network` or `blend` have some.
        """
        made = [
            np.full((len(part.times), len(self._params.evaluate.intervals), 2), np.nan, np.float32)
            for part in rows
        ]
        for target in dict.fromkeys(part.target for part in rows):
            places = [place for place, part in enumerate(rows) if part.target == target and len(part.times)]
            if places and made[0].shape[1]:
                found = self._of_rows(
                    self._read(target).before(origin), [rows[place] for place in places], origin
                )
                sizes = np.cumsum([len(rows[place].times) for place in places])
                for place, part in zip(places, np.split(found, sizes[:-1]), strict=True):
                    made[place] = np.where(
                        np.isin(rows[place].method, OURS)[:, None, None], part, np.float32(np.nan)
                    )
        return made

    def _of_rows(self, past: _Past, rows: Sequence[ForecastRows], origin: int) -> Values:
        joined = [
            np.concatenate([old, *new])
            for old, new in (
                (past.group, [np.full(len(part.times), part.group, object) for part in rows]),
                (past.series, [part.series for part in rows]),
                (past.value, [part.value for part in rows]),
                (past.quantiles, [part.quantiles for part in rows]),
            )
        ]
        group, series, value, quantiles = joined
        _, of_group = np.unique(group.astype(str), return_inverse=True)
        _, of_name = np.unique(series.astype(str), return_inverse=True)
        _, of_series = np.unique(of_group * (int(of_name.max(initial=0)) + 1) + of_name, return_inverse=True)
        begins = np.concatenate([self._begins(past), *(part.begins for part in rows)])
        origins = np.concatenate([past.origin, np.full(len(begins) - len(past.origin), origin)])
        coverages, levels = self._params.evaluate.intervals, self._trained.quantiles
        low, high = base_bounds(value, quantiles if levels else None, levels, coverages)
        forecasts = Forecasts(of_series, of_group, origins, begins - origins, low, high)
        wanted = np.arange(len(past.origin), len(begins))
        return calibrate(forecasts, past.measured, coverages, wanted).astype(np.float32)

    def _begins(self, past: _Past) -> Times:
        begins = past.times.copy()
        for group in np.unique(past.group.astype(str)).tolist():
            own = past.group == group
            begins[own] = self._params.raw.stamp_grid(None, group).instants(past.times[own])
        return begins

    def _read(self, target: str) -> _Past:
        tables = list(self._tables_of(target))
        levels = self._trained.quantiles
        columns = [_columns(table, name, levels) for table, name in tables] or [_nothing(len(levels))]
        group, series, origin, times, value, quantiles = (
            np.concatenate([each[place] for each in columns]) for place in range(6)
        )
        parts = []
        for name in np.unique(group.astype(str)).tolist():
            at = np.flatnonzero(group == name)
            found = MeasuredValues(self._rows.read(name), self._params, name).of(
                target, series[at], times[at]
            )
            parts.append((at, found))
        return _Past(group, series, origin, times, value, quantiles, join_measured(parts))

    def _tables_of(self, target: str) -> Iterator[tuple[pa.Table, str]]:
        """Yield tables with the forecasts of a target, and the name of the column of the network's."""
        newest = self._newest_evaluated
        if newest is None:
            return
        quantiles = [f"model_q{level:g}" for level in self._trained.quantiles]
        name = delivered(pq.read_schema(self._root / PREDICTIONS).names)
        table = pq.read_table(
            self._root / PREDICTIONS,
            columns=list(dict.fromkeys([*_KEYS, "split", name, "model", *quantiles])),
            filters=[("target", "==", target)],
        )
        yield self._calibrating(table), name
        for path in sorted((self._root / FOLDER).glob("*Z.parquet")):
            table = pq.read_table(path, filters=[("target", "==", target), ("method", "in", OURS)])
            if table.num_rows and table["origin"][0].value > newest:
                yield table, "value"

    def _calibrating(self, table: pa.Table) -> pa.Table:
        """Return the rows whose errors calibrate: with a blend, those of validation on whose part nothing was chosen, and of the test."""
        blend = open_blend(self._root / "models")
        if blend is None:
            return table
        held = blend.parts.holds(HELD, table["valid_time"].cast(pa.int64()).to_numpy())
        return table.filter(pa.array(held | (np.array(table["split"].to_pylist(), object) != VALIDATION)))

    @cached_property
    def _newest_evaluated(self) -> int | None:
        path = self._root / PREDICTIONS
        if not path.is_file():
            return None
        origins = pq.read_table(path, columns=["origin"])["origin"].cast(pa.int64()).to_numpy()
        return int(origins.max(initial=0))


def _columns(table: pa.Table, name: str, levels: Sequence[float]) -> tuple[Any, ...]:
    prefix = "" if name == "value" else "model_"
    stamps = [table[key].cast(pa.int64()).to_numpy() for key in ("origin", "valid_time")]
    values = [
        table[column].to_numpy().astype(np.float32)
        for column in (name, *(f"{prefix}q{level:g}" for level in levels))
    ]
    quantiles = np.stack(values[1:], axis=1) if levels else np.empty((table.num_rows, 0), np.float32)
    if name == "blend":  # the network's quantiles lie around the blend
        quantiles += (values[0] - table["model"].to_numpy().astype(np.float32))[:, None]
    texts = [np.array(table[key].to_pylist(), object) for key in ("group", "series")]
    return (*texts, *stamps, values[0], quantiles)


def _nothing(levels: int) -> tuple[Any, ...]:
    texts, stamps = np.empty(0, object), np.empty(0, np.int64)
    return texts, texts, stamps, stamps, np.empty(0, np.float32), np.empty((0, levels), np.float32)
