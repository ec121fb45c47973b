"""The results of a sweep as a table: the model's errors by combination, the best on validation first."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_SPLITS = ("validation", "test")


@dataclass(frozen=True)
class Row:
    """A combination: its label, its experiment, its state, and the metrics of its run (empty if there are none)."""

    label: str
    experiment: str
    state: str
    metrics: Mapping[str, Any]


def results_table(rows: Sequence[Row]) -> list[str]:
    """Return the lines of a table with the MAE of validation and test, for each target.

    Sorted by the validation MAE of the first target (its mean over targets would mix units); combinations without one are last, in
    their order.
    """
    targets = list(
        dict.fromkeys(name for row in rows for split in _SPLITS for name in row.metrics.get(split, {}))
    )
    heads = [
        f"{split} MAE{f' {target}' if len(targets) > 1 else ''}" for target in targets for split in _SPLITS
    ]
    cells = [["combination", *heads, "experiment"]]
    for row in sorted(rows, key=lambda row: _sort_key(row, targets)):
        values = [_mae(row, split, target) for target in targets for split in _SPLITS]
        cells.append(
            [row.label, *map(_shown, values), row.experiment if row.state == "recorded" else row.state]
        )
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    last = len(widths) - 1
    return [
        "  ".join(
            cell.ljust(width) if place in {0, last} else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    ]


def best_first(rows: Sequence[Row]) -> list[str]:
    """Return the names of the recorded experiments, in the order of the table."""
    targets = list(dict.fromkeys(name for row in rows for name in row.metrics.get("validation", {})))
    ordered = sorted(rows, key=lambda row: _sort_key(row, targets))
    return [row.experiment for row in ordered if row.state == "recorded"]


def _sort_key(row: Row, targets: Sequence[str]) -> float:
    value = _mae(row, "validation", targets[0]) if targets else None
    return math.inf if value is None else value


def _mae(row: Row, split: str, target: str) -> float | None:
    value = row.metrics.get(split, {}).get(target, {}).get("model", {}).get("mae")
    return float(value) if isinstance(value, int | float) else None


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.5g}"
