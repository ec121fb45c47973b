"""Which rows all forecasters are judged on, and what was left out because of whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from hindcast.pipeline.judge.table import Table


@dataclass(frozen=True)
class Comparison:
    """Who is compared on how many rows.

    `scored`: rows of the split whose target is known. `compared`: those where every one of `forecasters` has
    a value. `absent`: listed, but without any value in this split, so left out of the rule. `without[f]`:
    scored rows on which forecaster f has no value (a row without two forecasters counts for both).
    """

    forecasters: tuple[str, ...]
    absent: tuple[str, ...]
    scored: int
    compared: int
    without: dict[str, int]


def on_same_rows(table: Table, listed: Sequence[str]) -> tuple[Table, Comparison]:
    """Mark the rows on which every listed forecaster that has any value at all has one."""
    known = ~np.isnan(table.actual)
    scored = int(known.sum())
    without = {}
    for name in listed:
        without[name] = (
            int((known & np.isnan(table.forecasts[name])).sum()) if name in table.forecasts else scored
        )
    present = tuple(name for name in listed if without[name] < scored)
    compared = known.copy()
    for name in present:
        compared &= ~np.isnan(table.forecasts[name])
    absent = tuple(name for name in listed if name not in present) if scored else ()
    comparison = Comparison(
        present,
        absent,
        scored,
        int(compared.sum()),
        {name: without[name] for name in present if without[name]},
    )
    return replace(table, compared=compared), comparison
