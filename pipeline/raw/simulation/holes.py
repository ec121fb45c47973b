"""What goes missing between a world and the files about it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hindcast.pipeline.raw.simulation.noise import Floats

_LATE = 0.3  # share of customers that begin after the first measured day
_LOST_ISSUE = 0.005
_LOST_CELL = 0.002
_LOST_READING = 0.004
_OUTAGES_A_YEAR = 3.0
_LONGEST_OUTAGE = 48  # hours
_NONSENSE = 5e-5  # share of readings that no meter can have meant
_SHOWN_THEN = 99999.0


def first_steps(random: np.random.Generator, days: int) -> int:
    """The step at which a customer begins: the first, or for some a time in the first half."""
    late, share = random.random(2)
    return int(share * days * 12) if late < _LATE else 0


def without_some_issues(random: np.random.Generator, table: pd.DataFrame) -> pd.DataFrame:
    """Forecasts some of which never came out; the first two issues always did."""
    issues = table["issued"].unique()
    lost = random.random(len(issues)) < _LOST_ISSUE
    lost[:2] = False
    return table[~table["issued"].isin(issues[lost])]


def with_holes(random: np.random.Generator, table: pd.DataFrame) -> pd.DataFrame:
    """A table whose cells are missing here and there; its stamps stay."""
    values = table.drop(columns=["issued", "valid"])
    kept = random.random(values.shape) >= _LOST_CELL
    return pd.concat([table[["issued", "valid"]], values.where(kept)], axis=1)


def kept_steps(random: np.random.Generator, measured: Floats, begin: int) -> tuple[NDArray[np.int64], Floats]:
    """The steps for which a meter wrote a line, from `begin` on and but for outages, and what it wrote."""
    steps = len(measured)
    there = np.arange(steps) >= begin
    for _ in range(random.poisson(_OUTAGES_A_YEAR * steps / 8766)):
        start, length = random.integers(steps), random.integers(3, _LONGEST_OUTAGE + 1)
        there[start : start + length] = False
    chance = random.random(steps)
    cells = np.where(chance < _LOST_READING, np.nan, measured)
    cells[chance > 1 - _NONSENSE] = _SHOWN_THEN
    kept = np.flatnonzero(there)
    return kept, cells[kept]
