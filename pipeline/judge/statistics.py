"""Further figures of a verdict: the test of Diebold and Mariano, skill in parts of the rows, the worst days, and the scaled error (MASE)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.arrays import Flags, Floats, Ints
from hindcast.pipeline.forecasters import CORRECTED, delivered
from hindcast.pipeline.judge.load import EvaluationSource
from hindcast.pipeline.judge.mean_loss_test import MeanLossTest, compare_losses
from hindcast.pipeline.judge.metrics import ErrorSums, Key, error_sums_by
from hindcast.pipeline.judge.row_parts import Part, holiday_rows, parts_of
from hindcast.pipeline.judge.scores import Judgement, Sums
from hindcast.pipeline.judge.seasonal_scale import seasonal_scales
from hindcast.pipeline.judge.skill import Skill, compute_skills
from hindcast.pipeline.judge.table import Table
from hindcast.pipeline.settings.base import DAY
from hindcast.pipeline.settings.params import Params

WORST = 0.01
"""The share of days that are the worst days of a forecaster; at least one day."""


@dataclass(frozen=True)
class PartScore:
    """The mean absolute errors of the forecasters on a part of the compared rows, and the skills of the model over its rivals."""

    kind: str
    name: str
    rows: int
    days: int
    mae: dict[str, float]
    skills: dict[str, Skill]


@dataclass(frozen=True)
class WorstDays:
    """The number of days, and the mean absolute error of a forecaster on those days that are its own worst ones."""

    days: int
    mae: float


@dataclass(frozen=True)
class Statistics:
    """The figures of one split and target. `mase` is empty if there is no seasonal difference to divide by."""

    split: str
    target: str
    tests: dict[str, MeanLossTest]
    parts: tuple[PartScore, ...]
    worst_days: dict[str, WorstDays]
    mase: dict[str, float]

    def as_dict(self) -> dict[str, Any]:
        """Return the figures as written to metrics.json."""
        parts: dict[str, Any] = {}
        for part in self.parts:
            parts.setdefault(part.kind, {})[part.name] = {
                "rows": part.rows,
                "days": part.days,
                "mae": part.mae,
                "mae_skill": {name: asdict(skill.mae) for name, skill in part.skills.items()},
            }
        return {
            "diebold_mariano": {name: asdict(test) for name, test in self.tests.items()},
            "parts": parts,
            "worst_days": {name: asdict(days) for name, days in self.worst_days.items()},
            "mase": self.mase,
        }


def statistics_of(
    table: Table, judgement: Judgement, scales: Floats, holidays: Flags | None, seed: int
) -> Statistics | None:
    """Return the figures of a judged table; None if the model has no rival.

    `scales` are the mean seasonal differences of the series in training (series,), NaN where there is none; `holidays` flags the rows on
    public holidays, None if the settings name none.
    """
    rivals = judgement.comparison.rivals
    if not rivals:
        return None
    first, days = _days_of(table)
    parts = list(parts_of(table, holidays))
    origins = np.unique(table.origin[table.compared])
    keys = [
        Key(len(origins) + 1, lambda rows: np.searchsorted(origins, table.origin[rows])),
        Key(days, lambda rows: np.floor_divide(table.time[rows], DAY) - first),
        *(_part_key(table, part, first, days) for part in parts),
    ]
    forecasts = {name: table.forecasts[name] for name in judgement.comparison.forecasters}
    by_origin, by_day, *by_part = error_sums_by(table.actual, forecasts, table.compared, keys)
    chosen = [name for name in rivals if name in {judgement.rival, CORRECTED}]
    scores = [
        score
        for part, sums in zip(parts, by_part, strict=True)
        for score in _scored(part, sums, days, chosen, seed)
    ]
    return Statistics(
        split=table.split,
        target=table.target,
        tests=_tests(table, by_origin, origins, rivals),
        parts=tuple(scores),
        worst_days={name: _worst(sums) for name, sums in by_day.items()},
        mase=_scaled(judgement, scales),
    )


def _days_of(table: Table) -> tuple[int, int]:
    first, last = (int(end) // DAY for end in (table.time.min(), table.time.max()))
    return first, last - first + 1


def _part_key(table: Table, part: Part, first: int, days: int) -> Key:
    """Return the key of each part and day; rows outside all parts have keys of their own behind."""
    count = len(part.names)

    def place(rows: slice) -> Ints:
        number = part.number[rows]
        day = np.floor_divide(table.time[rows], DAY) - first
        places: Ints = np.where(number < 0, count, number) * days + day
        return places

    return Key((count + 1) * days, place)


def _scored(part: Part, sums: Sums, days: int, rivals: Sequence[str], seed: int) -> Iterator[PartScore]:
    """Yield the scores of the parts that have rows; all skills over a rival are drawn together."""
    split = {
        name: [ErrorSums(each.values[:, at * days : (at + 1) * days]) for at in range(len(part.names))]
        for name, each in sums.items()
    }
    there = [at for at, each in enumerate(split[delivered(split)]) if each.n.any()]
    skills = {
        rival: compute_skills([(split[delivered(split)][at], split[rival][at]) for at in there], rival, seed)
        for rival in rivals
    }
    for place, at in enumerate(there):
        yield PartScore(
            part.kind,
            part.names[at],
            int(split[delivered(split)][at].n.sum()),
            int((split[delivered(split)][at].n > 0).sum()),
            {name: each[at].total().mae or 0.0 for name, each in split.items()},
            {rival: found[place] for rival, found in skills.items()},
        )


def _tests(table: Table, sums: Sums, origins: Ints, rivals: Sequence[str]) -> dict[str, MeanLossTest]:
    losses = {name: each.mean_absolute()[: len(origins)] for name, each in sums.items()}
    overlap = _overlap(table, origins)
    return {name: compare_losses(losses[delivered(losses)], losses[name], overlap) for name in rivals}


def _overlap(table: Table, origins: Ints) -> int:
    """Return how many later origins come before the last step of an origin, for the largest lead and the median distance of origins."""
    if len(origins) < 2:
        return 0
    longest = int(table.leads(slice(None))[table.compared].max(initial=0)) + table.frequency
    return max(0, -(-longest // max(int(np.median(np.diff(origins))), 1)) - 1)


def _worst(by_day: ErrorSums) -> WorstDays:
    loss = by_day.mean_absolute()
    there = np.flatnonzero(by_day.n)
    count = max(1, int(WORST * len(there)))
    worst = there[np.argsort(-loss[there], kind="stable")[:count]]
    return WorstDays(count, by_day.select(worst).total().mae or 0.0)


def _scaled(judgement: Judgement, scales: Floats) -> dict[str, float]:
    """Return the mean absolute scaled error of each forecaster: the errors of a series in units of its scale."""
    found: dict[str, float] = {}
    for name in judgement.comparison.forecasters:
        sums = judgement.by_series[name].values.reshape(4, -1, judgement.tracks).sum(axis=2)
        usable: NDArray[np.intp] = np.flatnonzero((sums[0] > 0) & (scales > 0))
        if len(usable):
            found[name] = float((sums[1, usable] / scales[usable]).sum() / sums[0, usable].sum())
    return found


class CollectedStatistics:
    """The figures of one judged table after another; the scales of the series are read when they are first needed."""

    def __init__(self, dataset: EvaluationSource, params: Params) -> None:
        self._dataset, self._params = dataset, params
        self.found: list[Statistics] = []

    @cached_property
    def _scales(self) -> Floats:
        return seasonal_scales(self._dataset)

    def add(self, table: Table, judgement: Judgement) -> None:
        """Compute the figures of a table whose compared rows are marked."""
        if not judgement.comparison.rivals:
            return
        scales = self._scales[self._dataset.targets.index(table.target)]
        holidays = holiday_rows(table, self._params)
        found = statistics_of(table, judgement, scales, holidays, self._params.seed)
        if found is not None:
            self.found.append(found)

    def metrics(self) -> dict[str, Any]:
        """Return the entry of metrics.json, by split and target; empty without figures."""
        made: dict[str, Any] = {}
        for each in self.found:
            made.setdefault(each.split, {})[each.target] = each.as_dict()
        return {"statistics": made} if made else {}
