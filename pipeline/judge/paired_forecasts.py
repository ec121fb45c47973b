"""Two networks and the published forecast on the same rows of a data set: scores, and skills with paired intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hindcast.pipeline.arrays import Values
from hindcast.pipeline.feed.scored_rows import scored_spans
from hindcast.pipeline.judge.foreign_forecasts import ForeignForecasts
from hindcast.pipeline.judge.load import EvaluationSource, load_tables
from hindcast.pipeline.judge.metrics import ErrorSums, Key, Score, error_sums_by
from hindcast.pipeline.judge.skill import Skill, compute_skill
from hindcast.pipeline.judge.table import Table
from hindcast.pipeline.settings.base import DAY

PUBLISHED = "published"


@dataclass(frozen=True)
class PairedComparison:
    """The forecasters of one target on the rows on which all have a value.

    `skills[a, b]` is the skill of a over b; None of a pair without rows.
    """

    target: str
    scores: dict[str, Score]
    skills: dict[tuple[str, str], Skill]

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON-like values."""
        return {
            "scores": {name: score.as_dict() for name, score in self.scores.items()},
            "mae_skill": {f"{a} over {b}": asdict(skill.mae) for (a, b), skill in self.skills.items()},
        }


def compare_forecasts(
    dataset: EvaluationSource, forecasts: Mapping[str, ForeignForecasts], seed: int, split: str = "test"
) -> list[PairedComparison]:
    """Compare forecasts by name, and the published forecast where there is one, for each target of a split.

    Only rows on which all have a value count. The first name is compared with every other, and the others with the published forecast.
    """
    spans = scored_spans(dataset, split)
    tables = load_tables(dataset, split, spans, [PUBLISHED], lambda _: None)
    return [_of_target(table, place, forecasts, split, seed) for place, table in enumerate(tables)]


def _of_target(
    table: Table, place: int, forecasts: Mapping[str, ForeignForecasts], split: str, seed: int
) -> PairedComparison:
    columns = {name: _points(each, split)[:, place] for name, each in forecasts.items()}
    published = table.forecasts.get(PUBLISHED)
    if published is not None and np.isfinite(published).any():
        columns[PUBLISHED] = published
    kept = ~np.isnan(table.actual)
    for values in columns.values():
        kept &= ~np.isnan(values)
    first = int(table.time.min(initial=table.time[0])) // DAY if len(table) else 0
    days = int(table.time.max(initial=table.time[0])) // DAY - first + 1 if len(table) else 1
    by_day = Key(days, lambda rows: np.floor_divide(table.time[rows], DAY) - first)
    (sums,) = error_sums_by(table.actual, columns, kept, [by_day])
    return PairedComparison(
        table.target, {name: each.total() for name, each in sums.items()}, _skills(sums, seed)
    )


def _points(forecasts: ForeignForecasts, split: str) -> Values:
    """Return the point forecasts (row, target)."""
    values = forecasts.values[split]
    points: Values = values[:, :, -1] if values.ndim == 3 else values
    return points


def _skills(sums: Mapping[str, ErrorSums], seed: int) -> dict[tuple[str, str], Skill]:
    first, *others = sums
    pairs = [(first, other) for other in others]
    pairs += [(other, PUBLISHED) for other in others if PUBLISHED in sums and other != PUBLISHED]
    return {(a, b): compute_skill(sums[a], b, sums[b], seed) for a, b in pairs}
