"""The blend of a table: its forecasts, its mean weights and the members that have no value, for the rows that are judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hindcast.pipeline.arrays import Floats, Values
from hindcast.pipeline.feed.lead_bands import lead_bands
from hindcast.pipeline.judge.load import with_begins
from hindcast.pipeline.judge.table import Table, blocks
from hindcast.pipeline.learn.blend_file import EQUAL, Blend
from hindcast.pipeline.settings.params import Params


@dataclass(frozen=True)
class BlendedRows:
    """The blend at the compared rows of a table: the mean `weights` of its members, the rows at which one with a weight has no value
    (`missing`), the gain that training expected, and whether it is equal to the published forecast by its weights.
    """

    weights: dict[str, float]
    missing: dict[str, int]
    expected: dict[str, Any]

    @property
    def is_published(self) -> bool:
        """Whether the blend is the published forecast by construction."""
        return self.weights.get("published", 0.0) >= EQUAL

    def as_dict(self) -> dict[str, Any]:
        """Return the content of metrics.json."""
        return {
            "mean_weights": self.weights,
            "rows_without_member": self.missing,
            "equal_by_construction": self.is_published,
            "expected_gain": self.expected,
        }


def blend_of_table(blend: Blend, params: Params, table: Table) -> Values:
    """Return the forecasts of the blend, float32 (row,), from those of its members in the table."""
    table, keys = with_begins(table, params.raw), _keys(table)
    made = np.empty(len(table), np.float32)
    for part in blocks(len(table)):
        members = {name: table.forecasts[name][part] for name in blend.members if name in table.forecasts}
        made[part] = blend.values(
            table.target, keys, table.series[part].astype(np.int64), lead_bands(table.leads(part)), members
        )
    return made


def blended_rows(blend: Blend, table: Table) -> BlendedRows:
    """Return what the blend was made of at the compared rows of a table, which knows when its steps start."""
    keys, count = _keys(table), max(int(table.compared.sum()), 1)
    total: Floats = np.zeros(len(blend.members))
    missing = dict.fromkeys(blend.members, 0)
    for part in blocks(len(table)):
        weights = blend.weights(
            table.target, keys, table.series[part].astype(np.int64), lead_bands(table.leads(part))
        )
        total += weights[table.compared[part]].sum(axis=0)
        known = ~np.isnan(table.actual[part])
        for place, name in enumerate(blend.members):
            values = table.forecasts.get(name)
            lacks = np.isnan(values[part]) if values is not None else np.ones(len(weights), np.bool_)
            missing[name] += int((lacks & known & (weights[:, place] > 0)).sum())
    return BlendedRows(
        dict(zip(blend.members, (total / count).tolist(), strict=True)),
        {name: rows for name, rows in missing.items() if rows},
        blend.facts[table.target]["expected_gain"],
    )


def _keys(table: Table) -> list[tuple[str, str]]:
    return [table.names.key(series) for series in range(len(table.names.series))]
