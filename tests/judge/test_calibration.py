"""Calibrated intervals against a slow version, a planted leak, and data of which the right answer is known."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.arrays import Flags, Floats, Ints
from hindcast.pipeline.feed.lead_bands import lead_bands
from hindcast.pipeline.judge import calibration
from hindcast.pipeline.judge.calibration import (
    FEWEST,
    Forecasts,
    Measured,
    calibrate,
)
from hindcast.pipeline.settings.base import DAY, HOUR
from tests.examples import examples

START = int(np.datetime64("2024-01-01", "ns").astype(np.int64))
COVERAGES = (0.5, 0.8)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorter windows and smaller cells, so that the slow version is fast enough."""
    monkeypatch.setattr(calibration, "WINDOW", 10 * DAY)
    monkeypatch.setattr(calibration, "RECENT", 4 * DAY)
    monkeypatch.setattr(calibration, "FEWEST", 15)


def drawn(seed: int, *, days: int = 16, with_width: bool = True) -> tuple[Forecasts, Measured]:
    """Origins every 12 or 24 hours, several leads, values that become known late, out of order, in revisions or never."""
    rng = np.random.default_rng(seed)
    origins = START + np.arange(0, days * DAY, int(rng.choice([12, 24])) * HOUR)
    leads = np.array([0, 3, 7, 60]) * HOUR
    grid = np.stack(np.meshgrid(np.arange(3), origins, leads, indexing="ij"), axis=-1).reshape(-1, 3)
    grid = grid[rng.permutation(len(grid))]
    of_series, origin, lead = grid.T
    scale = 10.0**of_series
    middle = scale * rng.normal(10, 3, len(grid))
    half = (scale * rng.random(len(grid)) * with_width)[:, None] * [1.0, 2.0]
    forecasts = Forecasts(
        of_series, of_series // 2, origin, lead, middle[:, None] - half, middle[:, None] + half
    )
    row = np.concatenate([np.flatnonzero(rng.random(len(grid)) < 0.9), rng.integers(0, len(grid), 20)])
    delay = rng.choice([-90 * HOUR, -HOUR, 23 * HOUR, 30 * HOUR, 9 * DAY], len(row))
    value = middle[row] + scale[row] * rng.normal(0.5, 1, len(row))
    return forecasts, Measured(row, origin[row] + lead[row] + HOUR + delay, value)


class SlowIntervals:
    """The intervals from the definition, one forecast at a time; `late` lets values in that became known so much after the origin."""

    def __init__(self, forecasts: Forecasts, measured: Measured, *, late: int = 0) -> None:
        self.f, self.m, self.late = forecasts, measured, late
        self.known = np.maximum(measured.known, forecasts.origin[measured.row] + 1)
        self.first = cache(self._first)

    def size(self, series: int, moment: int) -> float:
        sizes = np.abs(self.m.value[(self.f.series[self.m.row] == series) & (self.known <= moment)])
        return float(sizes.mean()) if len(sizes) else math.nan

    def recent(self, cell: Flags, origin: int, window: int) -> list[int]:
        moment = origin + self.late
        inside = cell[self.m.row] & (self.known <= moment) & (self.known > moment - window)
        return np.flatnonzero(inside).tolist()

    def _first(self, row: int) -> list[tuple[float, float]] | None:
        """The interval of each coverage before its width is corrected."""
        f, origin = self.f, int(self.f.origin[row])
        hours, bands = f.lead // HOUR, lead_bands(f.lead)
        series, group = f.series == f.series[row], f.group == f.group[row]
        hour, band = hours == hours[row], bands == bands[row]
        for cell in (series & hour, series & band, group & band, band, band | True):
            events = self.recent(cell, origin, calibration.WINDOW)
            if len(events) < calibration.FEWEST:
                continue
            made = []
            for place, coverage in enumerate(COVERAGES):
                below, above = [], []
                for event in events:
                    of = self.m.row[event]
                    low, high, value = f.low[of, place], f.high[of, place], self.m.value[event]
                    width = high - low + 0.01 * self.size(int(f.series[of]), int(self.known[event]))
                    below.append((low - value) / width)
                    above.append((value - high) / width)
                rank = math.ceil((1 + coverage) / 2 * (len(events) - 1))
                low, high = f.low[row, place], f.high[row, place]
                width = high - low + 0.01 * self.size(int(f.series[row]), origin + self.late)
                made.append((low - sorted(below)[rank] * width, high + sorted(above)[rank] * width))
            return made
        return None

    def bounds(self, row: int) -> Floats:
        """The interval of each coverage: (I, 2)."""
        first, origin = self.first(row), int(self.f.origin[row])
        if first is None:
            return np.full((len(COVERAGES), 2), np.nan)
        group = self.f.group == self.f.group[row]
        ends = []
        for place, coverage in enumerate(COVERAGES):
            factor = 1.0
            for cell in (group, group | True):
                ratios = []
                for event in self.recent(cell, origin, calibration.RECENT):
                    interval = self.first(int(self.m.row[event]))
                    if interval is not None:
                        low, high = interval[place]
                        ratios.append(abs(self.m.value[event] - (low + high) / 2) / (abs(high - low) / 2))
                if len(ratios) >= calibration.FEWEST:
                    factor = sorted(ratios)[math.ceil(coverage * (len(ratios) - 1))]
                    break
            low, high = first[place]
            ends += [
                (low + high) / 2 - factor * abs(high - low) / 2,
                (low + high) / 2 + factor * abs(high - low) / 2,
            ]
        ends.sort()
        count = len(COVERAGES)
        return np.array([[ends[count - 1 - place], ends[count + place]] for place in range(count)])


def slow_bounds(forecasts: Forecasts, measured: Measured, rows: Ints, *, late: int = 0) -> Floats:
    slow = SlowIntervals(forecasts, measured, late=late)
    return np.stack([slow.bounds(int(row)) for row in rows])


@pytest.mark.usefixtures("small")
@examples(4, shrinking=False)
@given(st.integers(0, 10**6), st.booleans())
def test_the_bounds_are_those_of_the_errors_known_at_each_origin(seed: int, with_width: bool) -> None:
    forecasts, measured = drawn(seed, with_width=with_width)
    wanted = np.random.default_rng(seed).choice(len(forecasts.series), 12, replace=False)
    made = calibrate(forecasts, measured, COVERAGES, wanted)
    np.testing.assert_allclose(made, slow_bounds(forecasts, measured, wanted), rtol=1e-9)


@pytest.mark.usefixtures("small")
def test_all_kinds_of_cells_and_the_correction_of_widths_are_used_in_these_examples() -> None:
    forecasts, measured = drawn(3)
    known = np.maximum(measured.known, forecasts.origin[measured.row] + 1)
    seen, bands = set(), lead_bands(forecasts.lead)
    for row in range(len(forecasts.series)):
        origin = forecasts.origin[row]
        inside = (known <= origin) & (known > origin - calibration.WINDOW)
        series, group = forecasts.series == forecasts.series[row], forecasts.group == forecasts.group[row]
        band = bands == bands[row]
        counts = [
            int((inside & cell[measured.row]).sum())
            for cell in (series & band, group & band, band, band | True)
        ]
        seen.add(next((place for place, count in enumerate(counts) if count >= calibration.FEWEST), None))
    assert seen == {0, 1, 2, 3, None}
    slow = SlowIntervals(forecasts, measured)
    last = int(np.argmax(forecasts.origin))
    first = slow.first(last)
    assert first is not None
    assert slow.bounds(last).tolist() != [list(pair) for pair in first]


@pytest.mark.usefixtures("small")
def test_a_value_known_a_nanosecond_after_the_origin_changes_nothing_and_one_known_at_it_does() -> None:
    forecasts, measured = drawn(5)
    row = int(np.argmax(forecasts.origin))
    origin = int(forecasts.origin[row])
    others = np.flatnonzero((forecasts.series == forecasts.series[row]) & (forecasts.origin < origin))[:30]

    def with_known(moment: int) -> Measured:
        return Measured(
            np.concatenate([measured.row, others]),
            np.concatenate([measured.known, np.full(len(others), moment)]),
            np.concatenate([measured.value, np.full(len(others), 1e9)]),
        )

    wanted = np.array([row])
    before = calibrate(forecasts, measured, COVERAGES, wanted)
    assert np.isfinite(before).all()
    assert (calibrate(forecasts, with_known(origin + 1), COVERAGES, wanted) == before).all()
    assert (calibrate(forecasts, with_known(origin), COVERAGES, wanted) != before).any()


@pytest.mark.usefixtures("small")
def test_values_planted_later_change_no_interval() -> None:
    forecasts, measured = drawn(11)
    wanted = np.arange(0, len(forecasts.series), 5)
    made = calibrate(forecasts, measured, COVERAGES, wanted)
    moment = START + 9 * DAY
    early = forecasts.origin[wanted] <= moment
    assert np.isfinite(made[early]).any()
    planted = replace(measured, value=np.where(measured.known > moment, -1e6, measured.value))
    assert planted.value.min() == -1e6
    again = calibrate(forecasts, planted, COVERAGES, wanted)
    np.testing.assert_array_equal(again[early], made[early])
    assert not np.array_equal(again[~early], made[~early], equal_nan=True)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("shift", [-12 * HOUR, 1])
def test_a_known_rule_that_is_read_a_little_too_early_or_too_late_is_caught(shift: int) -> None:
    """The comparison with the slow version notices an implementation that leaks, or one with < in place of <=."""
    forecasts, measured = drawn(7)
    wanted = np.arange(0, len(forecasts.series), 7)
    expected = slow_bounds(forecasts, measured, wanted)
    np.testing.assert_allclose(calibrate(forecasts, measured, COVERAGES, wanted), expected, rtol=1e-9)
    wrong = calibrate(forecasts, replace(measured, known=measured.known + shift), COVERAGES, wanted)
    assert not np.allclose(wrong, expected, rtol=1e-9, equal_nan=True)


def test_intervals_cover_what_they_should_for_errors_whose_bias_and_spread_change() -> None:
    rng = np.random.default_rng(1)
    days = 400
    origin = START + np.repeat(np.arange(days) * DAY, 24)
    lead = np.tile(np.arange(24) * HOUR, days)
    spread = np.where(np.arange(days) < 200, 1.0, 5.0).repeat(24)
    value = np.full(len(lead), 100.0)
    actual = value + 3 + spread * rng.normal(size=len(lead))
    forecasts = Forecasts(
        np.zeros(len(lead), np.int64),
        np.zeros(len(lead), np.int64),
        origin,
        lead,
        value[:, None].repeat(2, axis=1),
        value[:, None].repeat(2, axis=1),
    )
    measured = Measured(np.arange(len(lead)), origin + lead + HOUR, actual)
    bounds = calibrate(forecasts, measured, COVERAGES, np.arange(len(lead)))
    for first, last in ((60, 200), (270, 400)):
        rows = slice(first * 24, last * 24)
        for place, coverage in enumerate(COVERAGES):
            inside = (bounds[rows, place, 0] <= actual[rows]) & (actual[rows] <= bounds[rows, place, 1])
            assert inside.mean() == pytest.approx(coverage, abs=0.03)
    assert (bounds[24 * 60 :, 1, 0] <= bounds[24 * 60 :, 0, 0]).all()
    assert (bounds[24 * 60 :, 0, 1] <= bounds[24 * 60 :, 1, 1]).all()


def test_without_enough_errors_or_without_any_there_is_no_interval() -> None:
    forecasts, measured = drawn(2)
    few = Measured(measured.row[: FEWEST - 1], measured.known[: FEWEST - 1], measured.value[: FEWEST - 1])
    none = Measured(measured.row[:0], measured.known[:0], measured.value[:0])
    for given_ in (few, none):
        assert np.isnan(calibrate(forecasts, given_, COVERAGES, np.arange(len(forecasts.series)))).all()
