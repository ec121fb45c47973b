"""Each check against a slow, obvious version, and on one kind of series after another."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from hindcast.pipeline.arrays import Floats
from hindcast.pipeline.raw.quality_checks import Column, find_runs
from hindcast.pipeline.raw.quality_rows import Rows
from hindcast.pipeline.settings.base import DAY, HOUR
from tests.raw.quality_mock import check, findings, hours, load, plant, reasons, swap_dates
from tests.raw.quality_oracle import expected_findings
from tests.raw.quality_oracle import find_runs as slow_find_runs

YEAR = 24 * 365


def solar(count: int) -> Floats:
    at, random = np.arange(count), np.random.default_rng(1)
    cloud = np.clip(
        np.repeat(random.beta(2, 1.5, count // 24 + 1), 24)[:count] + random.normal(0, 0.05, count), 0, 1
    )
    return np.round(np.maximum(0, np.sin(2 * np.pi * (at % 24 - 6) / 24)) * 50 * cloud, 3)


def wind(count: int) -> Floats:
    random = np.random.default_rng(2)
    speed = np.empty(count)
    speed[0] = 7
    for row in range(1, count):
        speed[row] = max(0, speed[row - 1] + 0.05 * (7 - speed[row - 1]) + random.normal(0, 0.9))
    return np.clip(np.round((speed / 12) ** 3, 3), 0, 1)


def price(count: int) -> Floats:
    random = np.random.default_rng(3)
    shape = 45 + 15 * np.sin(2 * np.pi * np.arange(count) / 24)
    return np.round(shape + 12 * random.standard_t(4, count), 2)


def retail(count: int) -> Floats:
    random = np.random.default_rng(4)
    return np.where(random.random(count) < 0.08, random.poisson(2, count) + 1, 0).astype(float)


def counts(count: int) -> Floats:
    return np.random.default_rng(5).poisson(1.3, count).astype(float)


def on_and_off(count: int) -> Floats:
    random = np.random.default_rng(6)
    return np.repeat((np.arange(count // 12 + 1) % 2) * 100.0, 12)[:count] * (
        1 + 0.001 * random.normal(size=count)
    )


USUAL: dict[str, Callable[[int], Floats]] = {
    "load": lambda count: load(count // 24),
    "solar": solar,
    "wind": wind,
    "price": price,
    "retail": retail,
    "counts": counts,
    "on and off": on_and_off,
    "constant": lambda count: np.full(count, 7.0),
    "zero": np.zeros,
    "tariff": lambda count: np.repeat(np.arange(count // 24 + 1) % 3 + 1.0, 24)[:count],
    "linear": lambda count: np.arange(count).astype(np.float64),
}


@pytest.mark.parametrize("kind", USUAL)
@pytest.mark.parametrize("days", [400, 760])
def test_usual_series_raise_at_most_two_warnings(kind: str, days: int) -> None:
    values = USUAL[kind](24 * days)
    assert len(findings(hours(24 * days), values)) <= 2


@pytest.mark.parametrize("count", [1, 2, 3, 47, 48, 49, 100])
@pytest.mark.parametrize("kind", ["load", "zero", "constant"])
def test_short_series_are_not_checked(count: int, kind: str) -> None:
    values = {"load": load(10), "zero": np.zeros(240), "constant": np.ones(240)}[kind][:count]
    assert findings(hours(count), values) == []


def test_a_series_without_a_value_is_passed_over() -> None:
    assert findings(hours(200), np.full(200, np.nan)) == []


def test_huge_values_are_found_and_break_nothing() -> None:
    values = load(60)
    values[100] = 1e300
    values[300] = -1e200
    found = findings(hours(len(values)), values)
    assert {(each.from_time, each.value) for each in found} >= {
        (hours(101)[100], 1e300),
        (hours(301)[300], -1e200),
    }


def test_two_cells_and_false_zeros_in_a_load_are_found_at_their_hours() -> None:
    values, times = load(), hours(24 * 730)
    cells = {2000: 350_655.0, 9001: 997_974.0}
    zeros = np.random.default_rng(8).choice(np.arange(10_000, 17_000, 3), 120, replace=False)
    for row, value in cells.items():
        values[row] = value
    values[zeros] = 0
    found = findings(times, values)
    outliers = [each for each in found if each.reason == "outlier"]
    assert {(each.from_time, each.until_time, each.value) for each in outliers} == {
        (int(times[row]), int(times[row]) + HOUR, value) for row, value in cells.items()
    }
    assert {each.from_time for each in found if each.reason == "false zeros"} == set(times[zeros].tolist())


@pytest.mark.parametrize("factor", [3, 10, 100, -1])
def test_a_short_spike_is_found(factor: int) -> None:
    values = load()
    values[5000:5002] *= factor
    assert [(each.reason, each.from_time) for each in findings(hours(len(values)), values)] == [
        ("outlier", int(hours(5001)[5000]))
    ]


@pytest.mark.parametrize("length", [12, 24, 100])
def test_frozen_values_are_found_over_their_hours(length: int) -> None:
    values, times = load(), hours(24 * 730)
    values[7000 : 7000 + length] = values[7000]
    (found,) = findings(times, values)
    assert (found.reason, found.from_time, found.until_time) == (
        "frozen",
        times[7000],
        times[7000 + length - 1] + HOUR,
    )


def test_a_zero_run_longer_than_all_nights_is_found_in_solar_power() -> None:
    values = solar(YEAR)
    values[4000 : 4000 + 24 * 7] = 0
    assert reasons(hours(YEAR), values) == {"zero run"}


@pytest.mark.parametrize("code", [-9999.0, 99999.0])
def test_codes_for_missing_values_are_found_though_they_are_repeated(code: float) -> None:
    values = load()
    values[np.random.default_rng(9).choice(len(values), 500, replace=False)] = code
    found = findings(hours(len(values)), values)
    assert len([each for each in found if each.reason == "outlier"]) > 400


@pytest.mark.parametrize("factor", [0.5, 1.6, 1000])
def test_a_lasting_level_shift_is_found_at_its_hour(factor: float) -> None:
    values, times = load(), hours(24 * 730)
    values[9005:] *= factor
    shifts = [each for each in findings(times, values) if each.reason == "level shift"]
    assert len(shifts) == 1
    assert abs(shifts[0].from_time - times[9005]) <= 12 * HOUR
    assert shifts[0].until_time == times[-1] + HOUR


def test_a_level_shift_that_ends_is_one_interval() -> None:
    values, times = load(), hours(24 * 730)
    values[7000:10000] *= 2
    (shift,) = [each for each in findings(times, values) if each.reason == "level shift"]
    assert abs(shift.from_time - times[7000]) <= 12 * HOUR
    assert abs(shift.until_time - times[10000]) <= 12 * HOUR


def test_swapped_dates_are_found_in_each_year() -> None:
    times, values = swap_dates(hours(24 * 730), load())
    found = [each for each in findings(times, values) if each.reason == "day and month swapped"]
    assert {str(np.datetime64(each.from_time, "ns"))[:10] for each in found} == {
        f"{year}-{month:02}-01" for year in (2017, 2018) for month in range(1, 13)
    }
    assert all(each.until_time - each.from_time == 12 * DAY for each in found)


def test_a_gap_is_found_and_usual_gaps_are_not() -> None:
    times, values = hours(YEAR), load(365)
    kept = np.ones(YEAR, bool)
    kept[3000:3024] = False
    (found,) = findings(times[kept], values[kept])
    assert (found.reason, found.from_time, found.until_time) == ("gap", times[3000], times[3024])
    usual = np.arange(YEAR) % 84 < 36
    assert findings(times[usual], values[usual]) == []


def test_zeros_in_one_vintage_of_a_forecast_are_found() -> None:
    times, values = np.repeat(hours(24 * 200), 3), np.repeat(load(200), 3)
    values += np.random.default_rng(3).normal(0, 5, len(values))
    values[[3000, 6001, 9002]] = 0
    found = findings(times, values, issues=True)
    assert [(each.reason, each.from_time) for each in found] == [
        ("false zeros", int(times[row])) for row in (3000, 6001, 9002)
    ]


def test_runs_equal_those_of_a_loop() -> None:
    random = np.random.default_rng(1)
    for case in range(30):
        values = np.repeat(random.integers(0, 50, 300), random.choice([1, 1, 1, 2, 15 + case], 300)).astype(
            float
        )
        near = random.random(len(values) - 1) > 0.01
        expected = _slow_runs(values.tolist(), near.tolist())
        assert [(first, stop) for first, stop, _ in slow_find_runs(values, near)] == expected
        times = HOUR * np.cumsum(np.append(0, np.where(near, 1, 50)))
        found = find_runs(Column(Rows(np.zeros(len(values), np.int64), times, HOUR, "UTC"), values))
        starts = [each.from_time for _, each in found if each.reason in ("frozen", "zero run")]
        assert sorted(starts) == times[[first for first, _ in expected]].tolist()


def _slow_runs(values: list[float], near: list[bool]) -> list[tuple[int, int]]:
    runs = [[0, 1]]
    for row in range(1, len(values)):
        if values[row] == values[row - 1] and near[row - 1]:
            runs[-1][1] = row + 1
        else:
            runs.append([row, row + 1])

    def share_of(lengths: list[int], share: float) -> int:
        return sorted(lengths)[max(0, math.ceil(share * len(lengths)) - 1)]

    limit = max(10, 4 * share_of([stop - first for first, stop in runs], 0.99))
    found = []
    for run in runs:
        length = run[1] - run[0]
        alike = [b - a for a, b in runs if [a, b] != run and values[a] == values[run[0]] and b - a > 1]
        usual = max(limit, 4 * share_of(alike, 0.9)) if len(alike) >= 3 else limit
        if length >= limit and length >= usual:
            found.append((run[0], run[1]))
    return found


@pytest.mark.parametrize("seed", range(8))
def test_findings_are_those_of_each_series_alone(seed: int) -> None:
    random = np.random.default_rng(seed)
    names = sorted(USUAL)
    issues = seed % 3 == 2
    series = {}
    for number in range(14):
        count = int(random.choice([30, 60, 24 * 20, 24 * 70, 24 * 130, 24 * 400]))
        values = USUAL[names[int(random.integers(len(names)))]](24 * 400)[:count]
        times, values = plant(hours(count, int(random.choice([HOUR, HOUR, DAY]))), values, random)
        if issues:
            times = np.repeat(times, 2)
            values = np.repeat(values, 2) + np.tile([0.0, 0.001], len(values))
        series[f"s{number:02}"] = times, values
    found = check(series, zone="Europe/Berlin", issues=issues).findings
    expected = {
        (name, "v"): each
        for name, rows in series.items()
        if (each := expected_findings(*rows, HOUR, "Europe/Berlin"))
    }
    ordered = {
        key: sorted(each, key=lambda one: (one.from_time, one.until_time, one.reason))
        for key, each in found.items()
    }
    assert ordered == expected
    assert expected or issues
