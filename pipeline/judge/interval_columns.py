"""The intervals of a table: those of the model and of the published forecast, calibrated at each origin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hindcast.pipeline.arrays import Floats, Ints, Times, Values
from hindcast.pipeline.forecasters import delivered
from hindcast.pipeline.judge.calibration import Forecasts, Measured, calibrate
from hindcast.pipeline.judge.measured_values import join_measured, measured_values
from hindcast.pipeline.judge.table import Table
from hindcast.pipeline.learn.validation_parts import HELD, VALIDATION, ValidationParts
from hindcast.pipeline.settings.params import Params

RIVAL = "published"
"""Its intervals are what those of the delivered forecaster are compared with."""


def interval_names(coverages: Sequence[float]) -> list[str]:
    """Return the names of the ends of intervals: `low_80`, `high_80` for the nominal coverage 0.8, and so on."""
    return [f"{end}_{100 * coverage:g}" for coverage in coverages for end in ("low", "high")]


def base_bounds(
    value: Values, quantiles: Values | None, levels: tuple[float, ...], coverages: tuple[float, ...]
) -> tuple[Floats, Floats]:
    """Return the lower and upper bounds (row, interval) before calibration: the quantiles next to them, or twice the forecast.

    With fewer than two quantiles there are none to choose from.
    """
    low, high = np.empty((2, len(value), len(coverages)))
    for place, coverage in enumerate(coverages):
        if quantiles is None or len(levels) < 2:
            low[:, place] = high[:, place] = value
            continue
        below, above = _next_levels(levels, coverage)
        low[:, place], high[:, place] = quantiles[:, below], quantiles[:, above]
    return low, high


def _next_levels(levels: tuple[float, ...], coverage: float) -> tuple[int, int]:
    """Return the indices of the levels next to those of an interval; two different ones."""
    distance = np.abs(np.array(levels)[:, None] - [(1 - coverage) / 2, (1 + coverage) / 2])
    below = int(np.argmin(distance[:-1, 0]))
    return below, below + 1 + int(np.argmin(distance[below + 1 :, 1]))


def quantiles_around(table: Table) -> Values | None:
    """Return the network's quantiles, moved to lie around the blend where there is one."""
    if table.quantiles is None or "blend" not in table.forecasts:
        return table.quantiles
    return table.quantiles + (table.forecasts["blend"] - table.forecasts["model"])[:, None]


class IntervalColumns:
    """Adds intervals to tables, one after another: the errors of a split count for the splits after it as well.

    With `parts` of validation, only the errors of the held part count: no choice rests on them.
    """

    def __init__(self, params: Params, tables: Path, parts: ValidationParts | None = None) -> None:
        self._params, self._tables, self._parts = params, tables, parts
        self._past: dict[str, PastRows] = {}

    def add(self, table: Table) -> Table:
        """Return the table with its intervals; the same table if `evaluate.intervals` is empty."""
        coverages = self._params.evaluate.intervals
        if not coverages or not len(table):
            return table
        own = PastRows(
            table.series.astype(np.int64),
            table.leads(slice(None)),
            table.origin,
            values_of_rows(table, self._tables, self._params, self._parts),
            {},
        )
        judged = delivered(table.forecasts)
        for name in (judged, RIVAL):
            if name in table.forecasts:
                quantiles = quantiles_around(table) if name == judged else None
                own.bounds[name] = base_bounds(table.forecasts[name], quantiles, table.levels, coverages)
        before = self._past.get(table.target)
        joined = own if before is None else before.followed_by(own)
        self._past[table.target] = joined
        wanted = np.arange(len(joined.series) - len(table), len(joined.series))
        made = {}
        for name, (found, _) in own.bounds.items():
            if np.isnan(found).all():
                continue  # there is no published forecast
            low, high = joined.bounds[name]
            forecasts = Forecasts(
                joined.series,
                table.names.group_of[joined.series].astype(np.int64),
                joined.origin,
                joined.lead,
                low,
                high,
            )
            made[name] = calibrate(forecasts, joined.measured, coverages, wanted).astype(np.float32)
        return replace(table, coverages=coverages, bounds=made)


def values_of_rows(
    table: Table, tables: Path, params: Params, parts: ValidationParts | None = None
) -> Measured:
    """Return the measured values of the rows; those without a known target are in no file, so service has none for them.

    With `parts` of validation, only those of the held part.
    """
    found = []
    for group, rows in table.rows_of_groups():
        counts = ~np.isnan(table.actual[rows])
        if parts is not None and table.split == VALIDATION:
            counts &= parts.holds(HELD, table.time[rows])
        at = rows.start + np.flatnonzero(counts)
        names = np.array(table.names.series, object)[table.series[at]]
        values = measured_values(tables, params, table.names.groups[group])
        found.append((at, values.of(table.target, names, table.time[at])))
    return join_measured(found)


@dataclass(frozen=True)
class PastRows:
    """The rows of one or several splits of a target, with their measured values and the bounds of each forecaster."""

    series: Ints
    lead: Times
    origin: Times
    measured: Measured
    bounds: dict[str, tuple[Floats, Floats]]

    def followed_by(self, later: PastRows) -> PastRows:
        """Return the rows of both."""
        count = len(self.series)
        measured = Measured(
            np.concatenate([self.measured.row, later.measured.row + count]),
            np.concatenate([self.measured.known, later.measured.known]),
            np.concatenate([self.measured.value, later.measured.value]),
        )
        return PastRows(
            np.concatenate([self.series, later.series]),
            np.concatenate([self.lead, later.lead]),
            np.concatenate([self.origin, later.origin]),
            measured,
            {
                name: (
                    np.concatenate([self.bounds[name][0], low]),
                    np.concatenate([self.bounds[name][1], high]),
                )
                for name, (low, high) in later.bounds.items()
            },
        )
