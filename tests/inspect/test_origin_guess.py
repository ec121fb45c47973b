"""The origin follows the cycle of the issue times; without one it is a default with a question."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from hindcast.pipeline.inspect.origin_guess import choose_lags
from hindcast.pipeline.inspect.step_guess import Steps
from hindcast.pipeline.settings.base import DAY, HOUR
from tests.inspect import mock


def origin(folder: Path, issues: pd.DatetimeIndex, leads: range) -> tuple[dict[str, Any], str]:
    """The origin proposed for forecasts of these issue times and leads beside measurements, and what is asked."""
    rows = [(f"{issue:%Y-%m-%d %H:%M}", lead, 10.5 + lead) for issue in issues for lead in leads]
    measured = zip(mock.hours().strftime("%Y-%m-%d %H:%M"), mock.values(24 * 30).tolist(), strict=True)
    seen = mock.seen(
        folder,
        forecast_csv=mock.lines("issue_time,lead_hours,wind", *rows),
        measured_csv=mock.lines("time,wind", *measured),
    )
    asked = [asked.question for asked in seen.require_proposal().questions if asked.setting == "align.origin"]
    return mock.settings(seen)["align"]["origin"], " ".join(asked)


@pytest.mark.parametrize(("every", "at"), [(6, "00:00"), (12, "03:00"), (24, "09:00")])
def test_regular_issue_times_are_the_cycle_of_the_origin(every: int, at: str, tmp_path: Path) -> None:
    issues = pd.date_range(f"2022-01-01 {at}", periods=40, freq=f"{every}h")
    found, asked = origin(tmp_path, issues, range(1, 25))
    assert found == {"every": f"{every}h", "at": at, "zone": "UTC", "from": "1h", "for": "24h"}
    assert "as soon as the issue is available" in asked


def test_leads_of_more_than_eight_cycles_are_cut_to_one(tmp_path: Path) -> None:
    found, asked = origin(tmp_path, pd.date_range("2022-01-01", periods=40, freq="3h"), range(1, 61))
    assert found["for"] == "3h"
    assert "leads extend to 61h, but only the first 3h are used" in asked


def test_irregular_issue_times_are_asked_about(tmp_path: Path) -> None:
    hours = [0, 5, 11, 20, 26, 39, 45, 52, 66, 71, 83, 95]
    issues = pd.DatetimeIndex([pd.Timestamp("2022-01-01") + pd.Timedelta(hours=hour) for hour in hours])
    found, asked = origin(tmp_path, issues, range(2, 25))
    assert found == {"before": "2h"}
    assert "not regular" in asked


@pytest.mark.parametrize(
    ("allowed", "frequency", "lags"),
    [(24, 1, ["24h", "168h"]), (48, 1, ["48h", "168h"]), (24, 7, ["168h"]), (168, 1, ["168h"]), (999, 1, [])],
)
def test_lags_are_the_shortest_allowed_one_and_a_week(allowed: int, frequency: int, lags: list[str]) -> None:
    assert choose_lags(lambda lag: int(lag[:-1]) >= allowed, Steps(frequency * HOUR)) == lags


def test_lags_of_steps_of_days_are_days() -> None:
    week = Steps(7 * DAY, local_days=True, anchor="monday")
    assert choose_lags(lambda lag: int(lag[:-1]) >= 2, Steps(DAY, local_days=True)) == ["2d", "7d"]
    assert choose_lags(lambda lag: int(lag[:-1]) >= 8, week) == ["14d"]


def test_issue_times_after_the_valid_time_are_asked_about_and_make_no_row_known_early(tmp_path: Path) -> None:
    hour = pd.Timedelta("1h")
    stamps = [(t, issued) for t in mock.hours(count=240) for issued in (t - 14 * hour, t + 2 * hour)]
    rows = [
        (f"{issued:%Y-%m-%d %H:%M}", f"{t:%Y-%m-%d %H:%M}", round(50.0 + place % 24 + 0.5, 1))
        for place, (t, issued) in enumerate(stamps)
    ]
    measured = [(f"{t:%Y-%m-%d %H:%M}", 50.5 + place % 24) for place, t in enumerate(mock.hours(count=240))]
    seen = mock.seen(
        tmp_path,
        forecast_csv=mock.lines("issued,valid,mw", *rows),
        actual_csv=mock.lines("time,mw", *measured),
    )
    assert mock.settings(seen)["raw"]["sources"]["forecast"]["known"] == {
        "column": "issued",
        "format": "iso",
        "zone": "UTC",
    }
    (asked,) = (question for question in mock.questions(seen) if "issued is later than valid" in question)
    assert "in 240 of 480 rows (such as 2022-01-01 02:00 for 2022-01-01 00:00)" in asked
    stored = mock.read_back(seen, tmp_path)["forecast"]
    assert len(stored) == len(rows)
    late = stored[stored["known_time"] > stored["valid_time"]]
    assert len(late) == len(stored) // 2
