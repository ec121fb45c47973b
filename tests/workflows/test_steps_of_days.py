"""The whole way, from raw files to the report, of a weekly and a daily data set as they are published."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

pytestmark = pytest.mark.workflow

STAGES = ("ingest", "pack", "split", "scale", "certify", "train", "evaluate")
TRAIN = {"units": [4], "epochs": 1, "lanes": 4, "context": 8, "lookback": 4}
DATES = {"format": "%Y-%m-%d", "zone": "group"}


def run_all(folder: Path, root: Path, settings: dict[str, Any]) -> dict[str, Any]:
    (folder / "params.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(root)}
    for stage in STAGES:
        command = [sys.executable, "-m", f"stages.{stage}"]
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (stage, done.stdout, done.stderr)
    metrics: dict[str, Any] = json.loads((folder / "reports/metrics.json").read_text(encoding="utf-8"))
    return metrics


def yearly(day: date) -> float:
    return 100 + 50 * float(np.sin(2 * np.pi * day.timetuple().tm_yday / 365))


def test_weekly_admissions_with_forecasts_of_wednesdays_for_four_weeks(tmp_path: Path, root: Path) -> None:
    """Weeks end on Saturdays. The report of a week comes on the Wednesday after it, the forecasts on Wednesdays for 0 to 3 weeks."""
    random, folder = np.random.default_rng(1), tmp_path / "data/raw"
    folder.mkdir(parents=True)
    saturdays = [date(2021, 1, 2) + timedelta(days=7 * number) for number in range(150)]
    reported, forecast = ["state,target_end_date,value"], ["state,issued,target_end_date,value"]
    for state in ("NY", "AZ"):
        for number, day in enumerate(saturdays):
            reported.append(f"{state},{day},{yearly(day) + random.normal():.2f}")
            for later in saturdays[number : number + 4]:
                issued = day - timedelta(days=3)
                forecast.append(f"{state},{issued} 20:00,{later},{yearly(later) + 9 * random.normal():.2f}")
    (folder / "reported.csv").write_text("\n".join(reported) + "\n")
    (folder / "forecast.csv").write_text("\n".join(forecast) + "\n")
    week = {"column": "target_end_date", "label": "last_day", **DATES}
    settings = {
        "raw": {
            "path": "data/raw",
            "frequency": "7d",
            "anchor": "sunday",
            "zone": {"NY": "America/New_York", "AZ": "America/Phoenix"},
            "sources": {
                "reported": {
                    "role": "realized",
                    "files": "reported.csv",
                    "group": {"column": "state"},
                    "valid_time": week,
                    "known": {"day": 10, "at": "12:00"},
                    "values": {"admissions": {"column": "value"}},
                },
                "hub": {
                    "role": "forecast",
                    "files": "forecast.csv",
                    "group": {"column": "state"},
                    "issue_time": {"column": "issued", "format": "%Y-%m-%d %H:%M", "zone": "group"},
                    "valid_time": week,
                    "known": {"at_issue_plus": "0h"},
                    "values": {"expected": {"column": "value"}},
                },
            },
        },
        "align": {
            "target": ["admissions"],
            "published": {"admissions": "hub.expected"},
            "origin": {
                "on": "wednesday",
                "at": "23:00",
                "covers": "this_week",
                "starts": "sunday",
                "for": "28d",
            },
            "gaps": {"fill": "0h"},
            "features": {
                "recent": {"admissions": 3},
                "rolling": {"admissions": {"windows": ["28d"]}},
                "calendar": ["yearday"],
                "holidays": {"country": "US"},
                "lead": True,
            },
        },
        "pack": {"segment_length": 4},
        "split": {"policy": "chronological", "validation": 0.2, "test": 0.25},
        "train": TRAIN | {"run_length": "364d"},
        "evaluate": {"baselines": ["published", "persistence", "seasonal_168h", "seasonal_52w"]},
    }
    scores = run_all(tmp_path, root, settings)["test"]["admissions"]
    rivals = {"model", "published", "persistence", "seasonal_168h", "seasonal_52w"}
    assert rivals <= set(scores)
    assert len({scores[name]["n"] for name in rivals}) == 1
    assert scores["model"]["n"] > 200  # two states, four tracks, 30 weeks and more
    assert scores["seasonal_52w"]["mae"] < 3 < scores["published"]["mae"] < scores["persistence"]["mae"]
    leads = (tmp_path / "reports/plots/error_by_lead.csv").read_text(encoding="utf-8")
    assert leads.count("\n") > 4
    assert (tmp_path / "reports/report.html").stat().st_size > 0


def test_daily_sales_of_shops_in_two_zones(tmp_path: Path, root: Path) -> None:
    """A day is known at 06:00 of the next day, and forecast at noon for the next local day; Friday's for the weekend and Monday."""
    random, folder = np.random.default_rng(2), tmp_path / "data/raw"
    folder.mkdir(parents=True)
    days = [date(2022, 9, 1) + timedelta(days=number) for number in range(500)]
    lines = ["country,shop,day,sold,planned"]
    for country in ("DE", "US"):
        for shop in ("a", "b"):
            for day in days:
                sold = yearly(day) * (0.5 if day.weekday() == 6 else 1) + random.normal()
                lines.append(f"{country},{shop},{day},{sold:.2f},{sold + 5 * random.normal():.2f}")
    (folder / "sales.csv").write_text("\n".join(lines) + "\n")
    common = {
        "files": "sales.csv",
        "group": {"column": "country"},
        "series": {"column": "shop"},
        "valid_time": {"column": "day", **DATES},
    }
    weekdays = ["monday", "tuesday", "wednesday", "thursday", "friday"]
    covers = dict(zip(weekdays, [*weekdays[1:], ["saturday", "sunday", "monday"]], strict=True))
    settings = {
        "raw": {
            "path": "data/raw",
            "frequency": "1d",
            "zone": {"DE": "Europe/Berlin", "US": "America/New_York"},
            "sources": {
                "sales": common | {"role": "realized", "known": {"after_step": "6h"}, "values": {"sold": {"column": "sold"}}},
                "plan": common | {"role": "forecast", "known": {"day": -4, "at": "08:00"}, "values": {"planned": {"column": "planned"}}},
            },
        },
        "align": {
            "target": ["sold"],
            "published": {"sold": "planned"},
            "origin": [{"gate": "12:00", "ready": "15min", "covers": covers, "closed": ["2022-12-26"]}, {"before": "1h"}],
            "gaps": {"fill": "0h"},
            "features": {"lags": {"sold": ["7d"]}, "recent": {"sold": 2}, "calendar": ["weekday", "yearday"], "lead": True},
        },
        "pack": {"segment_length": 14},
        "split": {"policy": "chronological", "validation": "2023-09-01", "test": "2023-11-01"},
        "train": TRAIN,
        "evaluate": {"baselines": ["published", "persistence", "seasonal_24h", "seasonal_168h", "seasonal_52w"], "sums": ["group"]},
    }  # fmt: skip
    scores = run_all(tmp_path, root, settings)["test"]["sold"]
    assert scores["model"]["n"] == 2 * 2 * 2 * sum(day >= date(2023, 11, 1) for day in days)
    assert scores["seasonal_168h"]["mae"] < scores["seasonal_24h"]["mae"]
    certificate = json.loads((tmp_path / "reports/leaks.json").read_text(encoding="utf-8"))
    assert certificate["passed"] is True
