"""A vintage that is coarser than the grid, interpolated inside itself: never across vintages, never beyond its ends."""

from __future__ import annotations

import numpy as np

from hindcast.pipeline.align.rows import Table
from hindcast.pipeline.align.types import Moments
from hindcast.pipeline.settings.known import step_of


def interpolated(table: Table, longest: int, frequency: int) -> Table:
    """The rows and, on the line between two neighbouring ones of a vintage, one for the start of each step between them.

    A vintage is what a series' rows of one issue time and one known moment say: rows that become known later change
    nothing. Neighbours lie at most `longest` ns apart; where one of them lacks a value, so does what is between.
    """
    order = np.lexsort((table.valid, table.known, table.issue, table.series))
    left, right = order[:-1], order[1:]
    joined = table.valid[right] - table.valid[left] <= longest
    for key in (table.series, table.issue, table.known):
        joined &= key[left] == key[right]
    left, right = left[joined], right[joined]
    first = step_of(table.valid[left], frequency) + frequency
    count = np.maximum((step_of(table.valid[right], frequency) - first) // frequency, 0)
    left, right = np.repeat(left, count), np.repeat(right, count)
    nth = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    return _with_rows(table, left, right, np.repeat(first, count) + nth * frequency)


def _with_rows(table: Table, left: Moments, right: Moments, valid: Moments) -> Table:
    share = (valid - table.valid[left]) / (table.valid[right] - table.valid[left])
    return Table(
        series=np.concatenate([table.series, table.series[left]]),
        valid=np.concatenate([table.valid, valid]),
        known=np.concatenate([table.known, table.known[left]]),
        issue=np.concatenate([table.issue, table.issue[left]]),
        values={
            name: np.concatenate([column, column[left] + (column[right] - column[left]) * share])
            for name, column in table.values.items()
        },
    )
