"""The measured values of an evaluation at the age that `evaluate.truth` names, where it is not the last revision."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from hindcast.pipeline.judge.measured_values import measured_values
from hindcast.pipeline.judge.table import Table
from hindcast.pipeline.settings.monitoring import AtAge, Truth
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.tables import newest_known


@dataclass(frozen=True)
class AgeCounts:
    """Of a split and target: the rows with a last revision, those without a value at the age, and those with another value than the last."""

    split: str
    target: str
    rows: int
    without: int
    other: int

    def as_dict(self) -> dict[str, int]:
        """Return the counts by name."""
        return {"rows": self.rows, "without_value": self.without, "other_than_last": self.other}


class ValuesAtAge:
    """Replaces the measured values of tables by the revisions that `evaluate.truth` names; `counts` says of how many rows.

    `tables` are the typed tables from which the shards were packed. A step that has no value in the shards keeps none.
    """

    def __init__(self, params: Params, tables: Path) -> None:
        self._params, self._tables = params, tables
        self._moment: int | None = None
        self.counts: list[AgeCounts] = []

    @property
    def truth(self) -> Truth:
        """The setting."""
        return self._params.evaluate.truth

    def apply(self, table: Table) -> Table:
        """Return the table with these values, and those of the shards as `last`; the same table if the last revision is asked for."""
        if self.truth == "last" or not len(table):
            return table
        if self._moment is None:
            self._moment = newest_known(self._tables, tuple(self._params.raw.sources_of("realized"))) or 0
        actual = np.full(len(table), np.float32(np.nan))
        for group, rows in table.rows_of_groups():
            at = rows.start + np.flatnonzero(~np.isnan(table.actual[rows]))
            names = np.array(table.names.series, object)[table.series[at]]
            found = measured_values(self._tables, self._params, table.names.groups[group])
            actual[at] = found.at_age(table.target, names, table.time[at], self.truth, self._moment)
        has_last, has_own = ~np.isnan(table.actual), ~np.isnan(actual)
        other = int((actual[has_own] != table.actual[has_own]).sum())
        counts = AgeCounts(
            table.split, table.target, int(has_last.sum()), int((has_last & ~has_own).sum()), other
        )
        self.counts.append(counts)
        return replace(table, actual=actual, last=table.actual)

    def metrics(self) -> dict[str, Any]:
        """Return the entry of metrics.json: the setting, and the counts by split and target; empty if the last revision is asked for."""
        if self.truth == "last":
            return {}
        found: dict[str, Any] = {}
        for each in self.counts:
            found.setdefault(each.split, {})[each.target] = each.as_dict()
        return {"measured_values": {"truth": truth_value(self.truth), "rows": found}}


def truth_value(truth: Truth) -> Any:
    """Return the setting as it is written."""
    return truth if isinstance(truth, str) else truth.model_dump(mode="json")


def truth_text(truth: Truth) -> str:
    """Return which revision counts, as a part of a sentence."""
    return (
        f"known {truth.after} after the end of the step"
        if isinstance(truth, AtAge)
        else f"that was the {truth}"
    )
