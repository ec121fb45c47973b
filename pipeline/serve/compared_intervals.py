"""Compares the intervals that the service computes at past origins with the evaluated ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hindcast.pipeline.arrays import Flags, Floats, Values
from hindcast.pipeline.judge.interval_columns import interval_names
from hindcast.pipeline.serve.evaluated_rows import EvaluatedRows
from hindcast.pipeline.serve.forecast_rows import OURS, ForecastRows
from hindcast.pipeline.serve.past_forecasts import PastForecasts
from hindcast.pipeline.serve.skew_findings import Count, Findings
from hindcast.pipeline.wording import time_text

TOLERANCE = 1e-5
"""Of the target's standard deviation; a forecast may also differ by the four last digits of a float32."""

_LAST_DIGITS = 4
_OF_BOUNDS = (
    10  # times the tolerance of a forecast: a bound has the differences of the forecast and of the width
)


def allowed_gaps(evaluated: Values, deviation: float, times: float = 1) -> Floats:
    """Return by how much each value in service may differ from the evaluated one."""
    last_digits = np.spacing(np.abs(evaluated)).astype(np.float64) * _LAST_DIGITS
    allowed: Floats = times * np.maximum(TOLERANCE * deviation, last_digits)
    return allowed


@dataclass(frozen=True)
class _Forecast:
    """Forecasts of a group and target, those of them that are compared, and what they are compared with."""

    rows: ForecastRows
    judged: Flags
    evaluated: EvaluatedRows
    counts: dict[str, Count]


class ComparedIntervals:
    """Collects forecasts of origins, then compares the intervals of each origin, of all groups together, as `predict` computes them.

    The errors are those of the evaluated forecasts of earlier origins, with the measured values known at the origin.
    """

    def __init__(
        self,
        past: PastForecasts,
        findings: Findings,
        coverages: Sequence[float],
        deviations: Mapping[tuple[str, str], float],
    ) -> None:
        self._past, self._findings, self._deviations = past, findings, deviations
        self._names = interval_names(coverages)
        self._pending: dict[int, list[_Forecast]] = {}

    def add(
        self,
        origin: int,
        rows: Sequence[ForecastRows],
        judged: Flags,
        evaluated: EvaluatedRows,
        counts: dict[str, Count],
    ) -> None:
        """Add the forecasts of some steps (R,) of a group, for each target, started as evaluation starts them; those in `judged` (R,) are compared."""
        if self._names:
            own = [_Forecast(part, judged, evaluated, counts) for part in rows]
            self._pending.setdefault(origin, []).extend(own)

    def compare(self) -> None:
        """Compare what was added."""
        for origin, forecasts in sorted(self._pending.items()):
            bounds = self._past.bounds([each.rows for each in forecasts], origin)
            for each, made in zip(forecasts, bounds, strict=True):
                self._findings.resume(each.counts)
                self._compare(each, made.reshape(len(made), -1))
        self._pending.clear()

    def _compare(self, forecast: _Forecast, made: Values) -> None:
        rows, evaluated = forecast.rows, forecast.evaluated
        at = evaluated.find(rows.series.tolist(), rows.target, rows.track, rows.times)
        here = np.flatnonzero((at >= 0) & forecast.judged & np.isin(rows.method, OURS))
        deviation = self._deviations.get((rows.group, rows.target), 0.0)
        for place, name in enumerate(self._names):
            ours, theirs = made[here, place], evaluated.bounds[at[here], place]
            gaps = np.abs(ours.astype(np.float64) - theirs)
            same = (gaps <= allowed_gaps(theirs, deviation, _OF_BOUNDS)) | (np.isnan(ours) & np.isnan(theirs))
            differs = np.flatnonzero(~same)
            texts = [
                f"{rows.group}/{rows.series[here[row]]} track {rows.track} at {time_text(int(rows.times[here[row]]))}: {name} is {ours[row]:g} "
                f"in service, {theirs[row]:g} in evaluation"
                for row in differs[:2].tolist()
            ]
            self._findings.count("intervals", len(here))
            self._findings.differ("intervals", f"{rows.target} {name}", len(differs), texts)
            self._findings.note_largest("intervals", gaps / (deviation or np.nan))
