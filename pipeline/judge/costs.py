"""Errors in money: what each forecaster's errors cost if an error above the measured value costs another sum than one below it.

With unequal costs the best submission is not the middle of the possible values but the quantile under / (over + under). So each
forecaster submits this quantile: the model its own, interpolated between those that it predicts, every other one its forecast; both are moved by
the same quantile of their errors that were known at the origin.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hindcast.pipeline.arrays import Floats
from hindcast.pipeline.judge.calibration import Forecasts, at_quantile
from hindcast.pipeline.judge.interval_columns import PastRows, values_of_rows
from hindcast.pipeline.judge.metrics import ErrorSums, add_errors
from hindcast.pipeline.judge.scores import Judgement
from hindcast.pipeline.judge.skill import Skill, compute_skill
from hindcast.pipeline.judge.table import Table
from hindcast.pipeline.settings.base import DAY
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.settings.sections import CostSettings

MODEL = "model"


@dataclass(frozen=True)
class ForecasterCost:
    """The mean cost of a compared row, that of all `n` rows, and the rows on which the forecast itself was submitted, for lack of known errors."""

    mean: float
    total: float
    n: int
    without_quantile: int


@dataclass(frozen=True)
class CostScores:
    """The costs of the forecasters for one split and target, and the share that the model saves of each rival's cost."""

    split: str
    target: str
    level: float
    costs: dict[str, ForecasterCost]
    savings: dict[str, Skill]

    def as_dict(self) -> dict[str, Any]:
        """Return the scores as written to metrics.json."""
        return {
            "quantile": self.level,
            "forecasters": {name: asdict(cost) for name, cost in self.costs.items()},
            "saving": {name: asdict(skill.mae) for name, skill in self.savings.items()},
        }


class CollectedCosts:
    """Scores one judged table after another: the errors of a split count for the splits after it as well."""

    def __init__(self, params: Params, tables: Path) -> None:
        self._params, self._tables = params, tables
        self._past: dict[str, PastRows] = {}
        self.found: list[CostScores] = []

    def add(self, table: Table, judgement: Judgement) -> None:
        """Score a table whose compared rows are marked; nothing without `evaluate.cost` or a compared row of the model."""
        cost = self._params.evaluate.cost
        if cost is None or not len(table):
            return
        names = [name for name in judgement.comparison.forecasters if name in table.forecasts]
        submitted = {name: table.forecasts[name].astype(np.float64) for name in names}
        if cost.over != cost.under:
            submitted = self._at_level(table, names, cost.level)
        if judgement.comparison.compared and judgement.judged in names:
            self.found.append(_scored(table, judgement, submitted, cost, self._params.seed))

    def metrics(self) -> dict[str, Any]:
        """Return the entry of metrics.json, by split and target; empty without costs."""
        made: dict[str, Any] = {}
        for each in self.found:
            made.setdefault(each.split, {})[each.target] = each.as_dict()
        return {"costs": made} if made else {}

    def _at_level(self, table: Table, names: list[str], level: float) -> dict[str, Floats]:
        """Return the quantiles that the forecasters submit (row,); NaN where too few errors were known."""
        measured = values_of_rows(table, self._tables, self._params)
        bases = {name: _base(table, name, level)[:, None] for name in names}
        own = PastRows(
            table.series.astype(np.int64),
            table.leads(slice(None)),
            table.origin,
            measured,
            {name: (base, base) for name, base in bases.items()},
        )
        before = self._past.get(table.target)
        if before is not None and before.bounds.keys() >= own.bounds.keys():
            own = before.followed_by(own)
        self._past[table.target] = own
        wanted = np.arange(len(own.series) - len(table), len(own.series))
        group = table.names.group_of[own.series].astype(np.int64)
        return {
            name: at_quantile(
                Forecasts(own.series, group, own.origin, own.lead, *own.bounds[name]),
                own.measured,
                level,
                wanted,
            )
            for name in names
        }


def _base(table: Table, name: str, level: float) -> Floats:
    """Return what is moved: the model's own quantile if it predicts several, else the forecast."""
    if name != MODEL or table.quantiles is None or len(table.levels) < 2:
        return table.forecasts[name].astype(np.float64)
    levels = np.array(table.levels)
    above = int(np.clip(np.searchsorted(levels, level), 1, len(levels) - 1))
    share = float(np.clip((level - levels[above - 1]) / (levels[above] - levels[above - 1]), 0, 1))
    low, high = (table.quantiles[:, place].astype(np.float64) for place in (above - 1, above))
    return low + share * (high - low)


def _scored(
    table: Table, judgement: Judgement, submitted: dict[str, Floats], cost: CostSettings, seed: int
) -> CostScores:
    rows = np.flatnonzero(table.compared)
    actual = table.actual[rows].astype(np.float64)
    day = np.floor_divide(table.time[rows], DAY)
    day -= day.min()
    costs: dict[str, ForecasterCost] = {}
    by_day: dict[str, ErrorSums] = {}
    for name, values in submitted.items():
        without = np.isnan(values[rows])
        error = np.where(without, table.forecasts[name][rows], values[rows]) - actual
        paid = np.where(error > 0, cost.over * error, -cost.under * error)
        sums = np.zeros((4, int(day.max()) + 1))
        add_errors(sums, day, (paid, paid * paid, paid))
        by_day[name] = ErrorSums(sums)
        total = float(sums[1].sum())
        costs[name] = ForecasterCost(total / len(rows), total, len(rows), int(without.sum()))
    rivals = [name for name in judgement.comparison.rivals if name in by_day]
    savings = {name: compute_skill(by_day[judgement.judged], name, by_day[name], seed) for name in rivals}
    level = cost.level if cost.over != cost.under else 0.5
    return CostScores(table.split, table.target, level, costs, savings)
