"""The forecasts of earlier origins and the intervals that their errors give: those of evaluation, then those delivered since."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hindcast.pipeline.arrays import Names, Times, Values
from hindcast.pipeline.files import digest_of_file, digest_of_value
from hindcast.pipeline.forecasters import delivered
from hindcast.pipeline.judge.calibration import Forecasts, Measured, calibrate
from hindcast.pipeline.judge.interval_columns import base_bounds
from hindcast.pipeline.judge.measured_values import MeasuredValues, join_measured
from hindcast.pipeline.learn.blend_file import open_blend
from hindcast.pipeline.learn.validation_parts import HELD, VALIDATION
from hindcast.pipeline.serve.deliveries import FOLDER, origin_of_file
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

    def followed_by(self, later: _Past) -> _Past:
        """Return the forecasts of both."""
        one, other, count = self.measured, later.measured, len(self.times)
        measured = Measured(
            np.concatenate([one.row, other.row + count]),
            np.concatenate([one.known, other.known]),
            np.concatenate([one.value, other.value]),
        )
        return _Past(
            np.concatenate([self.group, later.group]),
            np.concatenate([self.series, later.series]),
            np.concatenate([self.origin, later.origin]),
            np.concatenate([self.times, later.times]),
            np.concatenate([self.value, later.value]),
            np.concatenate([self.quantiles, later.quantiles]),
            measured,
        )


class PastForecasts:
    """The network's forecasts of earlier origins below `root`, with the measured values of `rows`.

    Those in `reports/predictions.parquet` (validation and test), then, of later origins, the first delivered file of each. There are none
    if `evaluate` has not run. Each file is read once, when it is first needed: `rows` must stay as they are.
    """

    def __init__(self, params: Params, root: Path, rows: GroupRows, trained: TrainSettings) -> None:
        self._params, self._root, self._rows, self._trained = params, root, rows, trained
        self._kept: dict[str, tuple[list[Path], _Past]] = {}  # by target

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

    def digests(self, origin: int) -> dict[str, str]:
        """Return one digest of the files whose forecasts count at an origin, and one of their measured values known by then."""
        earlier = {
            path.name: digest_of_file(path)
            for place, path in enumerate(self._files())
            if not place or (origin_of_file(path) or 0) < origin
        }
        values = hashlib.sha256()
        for target in self._params.align.target:
            found = self._read(target).before(origin).measured
            known = found.known <= origin
            for column in (found.row, found.known, found.value.astype(np.float64)):
                values.update(np.ascontiguousarray(column[known]).tobytes())
        return {"forecasts": digest_of_value(earlier), "measured": values.hexdigest()}

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
        """Return the forecasts of a target in the files as they are now."""
        files = self._files()
        read, past = self._kept.get(target, ([], None))
        if past is None or files[: len(read)] != read:  # the order of files decides that of the rows
            read, past = [], None
        if past is None or len(files) > len(read):
            more = self._past_of(target, files[len(read) :])
            past = more if past is None else past.followed_by(more)
            self._kept[target] = files, past
        return past

    def _past_of(self, target: str, files: Sequence[Path]) -> _Past:
        levels = self._trained.quantiles
        columns = [self._columns_of(path, target) for path in files] or [_nothing(len(levels))]
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

    def _files(self) -> list[Path]:
        """Return the file of evaluation, then those of forecasts delivered for later origins; none without an evaluation."""
        newest = self._newest_evaluated
        if newest is None:
            return []
        later = [
            path
            for path in sorted((self._root / FOLDER).glob("*Z.parquet"))
            if (origin_of_file(path) or 0) > newest
        ]
        return [self._root / PREDICTIONS, *later]

    def _columns_of(self, path: Path, target: str) -> tuple[Any, ...]:
        levels = self._trained.quantiles
        if path != self._root / PREDICTIONS:
            table = pq.read_table(path, filters=[("target", "==", target), ("method", "in", OURS)])
            return _columns(table, "value", levels)
        name = delivered(pq.read_schema(path).names)
        wanted = [*_KEYS, "split", name, "model", *(f"model_q{level:g}" for level in levels)]
        table = pq.read_table(path, columns=list(dict.fromkeys(wanted)), filters=[("target", "==", target)])
        return _columns(self._calibrating(table), name, levels)

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
