"""The corrected published forecast against a slow version of one forecast, what it knows, and what it is worth."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.arrays import Floats
from hindcast.pipeline.judge.bias_correction import LIMIT, USUAL, WINDOW, Issued, correct
from hindcast.pipeline.judge.calibration import Measured
from hindcast.pipeline.settings.base import DAY, HOUR
from tests.examples import examples

CELLS = 2


def issued(rng: np.random.Generator, days: int, step: int = HOUR) -> Issued:
    per = days * DAY // step
    time = np.tile(np.arange(per) * step, CELLS)
    origin = time - time % DAY - 10 * HOUR
    value = rng.normal(100, 20, len(time))
    return Issued(np.repeat(np.arange(CELLS), per), time, origin, value)


def measured(
    rng: np.random.Generator, past: Issued, error: Floats, *, revised: float = 0.0, missing: float = 0.0
) -> Measured:
    there = np.flatnonzero(rng.random(len(past.time)) >= missing)
    known = past.time[there] + HOUR + rng.integers(0, 5, len(there)) * HOUR
    value = past.value[there] + error[there]
    again = np.flatnonzero(rng.random(len(there)) < revised)
    row = np.concatenate([there, there[again]])
    known = np.concatenate([known, known[again] + rng.integers(1, 40, len(again)) * DAY])
    value = np.concatenate([value, value[again] + rng.normal(0, 5, len(again))])
    order = np.lexsort((known, row))
    return Measured(row[order], known[order], value[order])


Versions = dict[int, list[tuple[int, float]]]
"""The errors of each row with when they were known."""


def slow(past: Issued, found: Measured, wanted: int) -> float:
    """The corrected forecast of one row, from lists of what counts at its origin."""
    cell, origin, value = (int(past.cell[wanted]), int(past.origin[wanted]), float(past.value[wanted]))
    versions: Versions = {}
    for row, known, number in zip(
        found.row.tolist(), found.known.tolist(), found.value.tolist(), strict=True
    ):
        if past.cell[row] == cell:
            moment = max(known, int(past.origin[row]) + 1)
            versions.setdefault(row, []).append((moment, number - float(past.value[row])))
    now = counted(versions, origin)
    if not now:
        return value
    rows = sorted(now)
    x, e = past.value[rows], np.array([now[row] for row in rows])
    product = float(np.mean((x - x.mean()) * (e - e.mean())))
    slope = product / x.var() if x.var() > 0 else 0.0
    spread = max(float(e.var()) - slope * product, 0.0)
    days = max(len(firsts(past, cell, DAY) & set(rows)), 1)
    made = value + shrunk(float(e.mean()), float(e.var()) / days)
    made += shrunk(slope, spread / (float(x.var()) * days)) * (value - float(x.mean())) if x.var() > 0 else 0
    own = [row for row in rows if past.hour[row] == past.hour[wanted]]
    if own:
        left = float(np.mean([now[row] - e.mean() - slope * (past.value[row] - x.mean()) for row in own]))
        made += shrunk(left, spread / max(len(firsts(past, cell, HOUR) & set(own)), 1))
    return made


def counted(versions: Versions, origin: int) -> dict[int, float]:
    """The error of each row that counts at the origin, limited by the sizes known when it became known."""
    every = [(known, row, error) for row, each in versions.items() for known, error in each]
    every.sort(key=lambda one: one[:2])
    made = {}
    for place, (known, row, error) in enumerate(every):
        if known <= origin < versions[row][0][0] + WINDOW:
            sizes = sorted(abs(size) for moment, _, size in every[: place + 1] if moment > known - WINDOW)
            most = LIMIT * sizes[math.ceil(USUAL * (len(sizes) - 1))]
            made[row] = min(max(error, -most), most)  # a later revision overwrites it
    return made


def firsts(past: Issued, cell: int, period: int) -> set[int]:
    first: dict[int, int] = {}
    for row in np.flatnonzero(past.cell == cell).tolist():
        first.setdefault(int(past.time[row]) // period, row)
    return set(first.values())


def shrunk(term: float, variance: float) -> float:
    return term * term**2 / (term**2 + variance) if term else 0.0


@examples(15)
@given(st.integers(0, 10**6), st.sampled_from([HOUR, 3 * HOUR, HOUR // 2]))
def test_a_corrected_forecast_is_that_of_the_slow_version(seed: int, step: int) -> None:
    rng = np.random.default_rng(seed)
    past = issued(rng, 36 if step > HOUR else 5, step)
    error = 0.2 * (past.value - 100) + 3 * (past.hour > 12) + rng.normal(0, 4, len(past.time))
    error[rng.random(len(error)) < 0.01] = 5000
    found = measured(rng, past, error, revised=0.2, missing=0.1)
    made = correct(past, found, past, CELLS)
    for row in rng.integers(0, len(past.time), 6).tolist():
        assert made[row] == pytest.approx(slow(past, found, row), rel=1e-7)


def test_an_error_known_after_the_origin_changes_no_byte() -> None:
    rng = np.random.default_rng(1)
    past = issued(rng, 20)
    found = measured(rng, past, rng.normal(5, 4, len(past.time)), revised=0.3)
    made = correct(past, found, past, CELLS)
    moment = 12 * DAY - 10 * HOUR  # an origin
    later = found.known > moment
    planted = replace(found, value=np.where(later, 1e6, found.value))
    changed = correct(past, planted, past, CELLS)
    before = past.origin <= moment
    assert later.any()
    assert before.any()
    assert changed[before].tobytes() == made[before].tobytes()
    assert (changed[~before] != made[~before]).any(), "the planted errors are used later"
    early = replace(found, known=np.where(later, moment - DAY, found.known))
    assert (correct(past, early, past, CELLS)[before] != made[before]).any()


def test_a_bias_by_hour_and_a_slope_are_removed_and_one_wrong_value_does_little() -> None:
    rng = np.random.default_rng(2)
    past = issued(rng, 90)
    noise = rng.normal(0, 2, len(past.time))
    error = 0.3 * (past.value - 100) + 10 + 5 * np.sin(past.hour) + noise
    late = past.time >= 40 * DAY
    found = measured(rng, past, error)

    def left(values: Measured) -> float:
        made = correct(past, values, past, CELLS)
        return float(np.abs(past.value + error - made)[late].mean())

    assert left(found) < 1.1 * float(np.abs(noise)[late].mean())
    wrong = found.value.copy()
    wrong[50 * 24 : 50 * 24 + 5] = 1e9
    assert left(replace(found, value=wrong)) < 1.05 * left(found)


def test_without_a_bias_little_is_lost_and_without_errors_nothing() -> None:
    rng = np.random.default_rng(3)
    past = issued(rng, 90)
    error = rng.normal(0, 2, len(past.time))
    made = correct(past, measured(rng, past, error), past, CELLS)
    late = past.time >= 40 * DAY
    lost = float(np.abs(past.value + error - made)[late].mean()) / float(np.abs(error)[late].mean())
    assert lost < 1.015
    nothing = Measured(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    assert correct(past, nothing, past, CELLS).tolist() == past.value.tolist()
    first_day = past.time < DAY
    assert (made[first_day] == past.value[first_day]).all()
    gap = replace(past, value=np.where(past.time == 0, np.nan, past.value))
    assert np.isnan(correct(past, nothing, gap, CELLS)).sum() == CELLS
