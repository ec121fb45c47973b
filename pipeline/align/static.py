"""Attributes that do not change with time: a value a series."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hindcast.pipeline.align.asof import Values
from hindcast.pipeline.align.features import Input
from hindcast.pipeline.align.rows import SHARED, Table


def attributes(one: Input, tables: Mapping[str, Table], series: int) -> Values:
    """The attribute of each of S series (S,), NaN where none.

    Of its sources the first that has it gives it, by the series' own row, else by the one for all of its group.
    """
    found = np.full(series, np.nan)
    for source in reversed(one.sources):
        if source in tables:
            table = tables[source]
            value = table.values[one.value]
            there = np.flatnonzero(~np.isnan(value))
            shared = there[table.series[there] == SHARED]
            own = there[table.series[there] >= 0]
            found[:] = value[shared[-1]] if len(shared) else found
            found[table.series[own]] = value[own]
    return found
