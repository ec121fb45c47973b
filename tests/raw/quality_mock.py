"""Series for tests of the quality check, and the check over rows in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hindcast.pipeline.arrays import Floats, Times
from hindcast.pipeline.raw.quality_findings import Finding, TableFindings
from hindcast.pipeline.raw.quality_scan import QualityScan
from hindcast.pipeline.raw.records import Records
from hindcast.pipeline.settings.base import DAY, HOUR
from hindcast.pipeline.settings.raw import Source

SETTINGS: dict[str, Any] = {
    "role": "realized",
    "files": "a.csv",
    "group": {"constant": "g"},
    "valid_time": {"column": "t"},
    "known": {"after_step": "1h"},
    "values": {"v": {"column": "v"}},
}
SOURCE = Source.model_validate(SETTINGS)
START = int(np.datetime64("2017-01-01", "ns").astype(np.int64))


def hours(count: int, step: int = HOUR) -> Times:
    """Times one step apart from the start of 2017 on."""
    return START + step * np.arange(count)


def load(days: int = 730, seed: int = 0, level: float = 1000.0) -> Floats:
    """Hourly load: day, week, year and weather that lasts for days; never near zero."""
    random = np.random.default_rng(seed)
    at = np.arange(24 * days)
    weather = np.repeat(np.convolve(random.normal(size=days + 4), np.full(5, 0.2), "valid"), 24)
    shape = 1 + 0.2 * np.sin(2 * np.pi * (at % 24 - 8) / 24) - 0.1 * (at // 24 % 7 >= 5)
    year = 1 + 0.15 * np.cos(2 * np.pi * at / 8766)
    return level * shape * year * (1 + 0.06 * weather) + random.normal(0, 8, len(at))


def check(
    series: Mapping[str, tuple[Times, Floats]], *, zone: str = "UTC", issues: bool = False, **value: Any
) -> TableFindings:
    """Check a table with one value `v` of these series; with `issues`, rows of one time are its vintages."""
    settings = SETTINGS | {"values": {"v": {"column": "v", **value}}}
    if issues:
        settings |= {"role": "forecast", "issue_time": {"column": "i"}, "known": {"at_issue_plus": "0h"}}
    names = sorted(series)
    times = np.concatenate([series[name][0] for name in names])
    key = np.repeat(np.arange(len(names), dtype=np.int32), [len(series[name][0]) for name in names])
    values = np.concatenate([np.asarray(series[name][1], np.float64) for name in names])
    scan = QualityScan(Source.model_validate(settings), HOUR, zone, names)
    scan.add(Records(key, times, (times,), (values,)), whole=True)
    return scan.finish()


def findings(times: Times, values: Floats, **more: Any) -> list[Finding]:
    """Check one series."""
    return check({"s": (times, values)}, **more).findings.get(("s", "v"), [])


def reasons(times: Times, values: Floats, **more: Any) -> set[str]:
    """Return the reasons that one series is flagged for."""
    return {each.reason for each in findings(times, values, **more)}


def swap_dates(times: Times, values: Floats) -> tuple[Times, Floats]:
    """Exchange day and month of all rows on days 1 to 12, and sort again."""
    moved = times.copy()
    for row, time in enumerate(times.tolist()):
        date = np.datetime64(time // DAY, "D").item()
        if date.day <= 12:
            other = date.replace(month=date.day, day=date.month)
            moved[row] += int((np.datetime64(other) - np.datetime64(date)).astype(int)) * DAY
    order = np.argsort(moved, kind="stable")
    return moved[order], values[order]


def plant(times: Times, values: Floats, random: np.random.Generator) -> tuple[Times, Floats]:
    """Plant up to three faults at random rows: spikes, codes, frozen values, zeros, shifts, gaps, swapped dates."""
    times, values = times.copy(), values.astype(np.float64)
    for _ in range(int(random.integers(4))):
        count = len(values)
        at, length = int(random.integers(count)), int(random.choice([1, 2, 3, 12, 30, 200]))
        part, fault = slice(at, at + length), int(random.integers(8))
        if fault == 0:
            values[part.start : part.start + 3] *= random.choice([-1, 5, 1000, 1e200])
        elif fault == 1:
            values[random.random(count) < 0.02] = random.choice([-9999, 0])
        elif fault == 2:
            values[part] = values[at]
        elif fault == 3:
            values[part] = 0
        elif fault == 4:
            values[at:] *= random.choice([0.3, 1.5, 3])
        elif fault == 5:
            values[at : at + 24 * 90] *= 2
        elif fault == 6 and count - length > 1:
            times, values = np.delete(times, part), np.delete(values, part)
        elif fault == 7:
            times, values = swap_dates(times, values)
    return times, values
