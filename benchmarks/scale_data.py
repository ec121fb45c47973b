"""The data for benchmarks of scale: CSV files of any number of groups, series, steps, features and files, and their settings."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv

SECOND = 10**9
DAY = 24 * 3600 * SECOND
START = int(np.datetime64("2015-01-01", "ns").astype(np.int64))
FREQUENCIES = {"1h": 3600 * SECOND, "1min": 60 * SECOND}
CALENDAR_AND_LAGS = 7  # columns of X besides those of the forecast: see `settings`
_HORIZON = 2  # days that a forecast covers: half of its rows are replaced by the next issue


@dataclass(frozen=True)
class Shape:
    """The size of a data set. `steps` are those of one series; `features` are the columns of X.

    The measurements of a group are one file, or with `by_day` one file per day. `extra` are settings by dotted key.
    """

    groups: int = 1
    series: int = 10  # of a group
    steps: int = 24 * 90
    features: int = 17
    frequency: str = "1h"
    by_day: bool = False
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def step_ns(self) -> int:
        return FREQUENCIES[self.frequency]

    @property
    def per_day(self) -> int:
        return DAY // self.step_ns

    @property
    def days(self) -> int:
        return -(-self.steps // self.per_day)

    @property
    def weather(self) -> list[str]:
        return [f"weather_{place:03}" for place in range(self.features - CALENDAR_AND_LAGS)]

    def series_names(self) -> list[str]:
        return [f"customer_{place:05}" for place in range(self.series)]


def write_inputs(folder: Path, shape: Shape) -> float:
    """Write params.yaml and the raw files below `folder`; return the size of the raw files in MB."""
    (folder / "params.yaml").write_text(json.dumps(settings(shape)), encoding="utf-8")  # JSON is YAML
    for number in range(shape.groups):
        _write_group(folder / "data/raw" / f"group_{number:05}", shape, np.random.default_rng(number))
    return sum(path.stat().st_size for path in (folder / "data/raw").rglob("*.csv")) / 1e6


def settings(shape: Shape) -> dict[str, Any]:
    stamps = {"issue_time": {"column": "issued"}, "valid_time": {"column": "valid"}}
    group = {"path": "^([^/]+)/"}
    made: dict[str, Any] = {
        "seed": 7,
        "raw": {
            "path": "data/raw",
            "frequency": shape.frequency,
            "zone": "UTC",
            "sources": {
                "weather": {
                    "role": "forecast", "files": "*/weather.csv", "group": group, **stamps,
                    "known": {"at_issue_plus": "2h"},
                    "values": {name: {"column": name} for name in shape.weather},
                },
                "operator": {
                    "role": "forecast", "files": "*/operator.csv", "group": group, **stamps,
                    "known": {"at_issue_plus": "0h"},
                    "values": {"usage_forecast": {"header": "^(?P<series>customer_\\d+)$", "unit": "kWh"}},
                },
                "meters": {
                    "role": "realized", "files": "*/usage*.csv", "group": group,
                    "series": {"column": "customer"}, "valid_time": {"column": "time"},
                    "known": {"after_step": "1h"}, "values": {"usage": {"column": "kwh", "unit": "kWh"}},
                },
            },
        },
        "align": {
            "target": ["usage"],
            "published": {"usage": "operator.usage_forecast"},
            "origin": {"before": "24h"},
            "gaps": {"fill": "2h"},
            # lag and its mask, hour and weekday as sine and cosine: with the published forecast CALENDAR_AND_LAGS columns
            "features": {"lags": {"usage": ["48h"]}, "calendar": ["hour", "weekday"]},
        },
        "train": {"units": [16], "epochs": 1, "lanes": 256, "identity": "none"},
        "evaluate": {"trees_max_rows": 20_000},
    }  # fmt: skip
    for key, value in shape.extra.items():
        *sections, name = key.split(".")
        place = made
        for section in sections:
            place = place.setdefault(section, {})
        place[name] = value
    return made


def _write_group(folder: Path, shape: Shape, random: np.random.Generator) -> None:
    folder.mkdir(parents=True)
    valid = START + np.arange(shape.days * shape.per_day) * shape.step_ns
    issued = START + (np.arange(-1, shape.days) * DAY)
    horizon = np.arange(_HORIZON * shape.per_day) * shape.step_ns
    stamps = {"issued": np.repeat(issued, len(horizon)), "valid": (issued[:, None] + horizon).ravel()}
    weather = {name: random.normal(15, 3, len(stamps["valid"])).round(1) for name in shape.weather}
    _write_csv(folder / "weather.csv", {**stamps, **weather})
    names = shape.series_names()
    daily = 2 + np.sin(2 * np.pi * (valid - START) / DAY)
    level = np.exp(random.normal(1, 0.5, (shape.series, 1)))
    usage = (level * daily * random.uniform(0.7, 1.3, (shape.series, len(valid)))).round(3)
    # issued once a day for the next day, so that every step has one that is a day old
    day_before = {"issued": (valid - START) // DAY * DAY + START - DAY, "valid": valid}
    forecasts = (usage * random.uniform(0.9, 1.1, usage.shape)).round(2)
    _write_csv(folder / "operator.csv", {**day_before, **dict(zip(names, forecasts, strict=True))})
    parts = shape.days if shape.by_day else 1
    for number, (times, values) in enumerate(
        zip(np.array_split(valid, parts), np.array_split(usage, parts, axis=1), strict=True)
    ):
        columns = {
            "customer": np.repeat(names, len(times)), "time": np.tile(times, len(names)), "kwh": values.ravel()
        }  # fmt: skip
        _write_csv(folder / (f"usage_{number:05}.csv" if shape.by_day else "usage.csv"), columns)


def _write_csv(path: Path, columns: dict[str, np.ndarray]) -> None:
    arrays = {
        name: pa.array(values // SECOND).cast(pa.timestamp("s", tz="UTC"))
        if name in {"issued", "valid", "time"}
        else pa.array(values)
        for name, values in columns.items()
    }
    options = pa.csv.WriteOptions(quoting_style="none", quoting_header="none")
    pa.csv.write_csv(pa.table(arrays), path, options)
