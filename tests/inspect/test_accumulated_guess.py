"""Forecasts that never fall within an issue and start again with each are read as sums, with a question; others are not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.inspect import mock

ISSUES = pd.date_range("2024-01-01", periods=30, freq="12h")
LEADS = np.arange(0, 37)
MEASURED = mock.lines(
    "time,load",
    *zip(mock.hours("2024-01-01").strftime("%Y-%m-%dT%H:%MZ"), mock.values(720).tolist(), strict=True),
)


def rain(issue: int) -> np.ndarray:
    amounts = np.maximum(np.random.default_rng(issue).normal(-0.5, 1, len(LEADS)), 0)
    amounts[0] = 0
    return np.round(np.cumsum(amounts), 2)


def forecast(
    value: Callable[[int], np.ndarray], leads: np.ndarray = LEADS, issues: pd.DatetimeIndex = ISSUES
) -> str:
    rows = [
        (f"{issue:%Y-%m-%dT%H:%MZ}", f"{issue + pd.Timedelta(int(lead), 'h'):%Y-%m-%dT%H:%MZ}",
         15.5 + (issue.hour + int(lead)) % 24, float(found))
        for place, issue in enumerate(issues)
        for lead, found in zip(leads, value(place)[leads], strict=True)
    ]  # fmt: skip
    return mock.lines("issue_time,valid_time,temperature,tp_mm", *rows)


@pytest.mark.parametrize(("leads", "interpolate"), [(LEADS, None), (LEADS[1:], None), (LEADS[::3], "3h")])
def test_a_sum_since_the_issue_has_a_source_of_its_own(
    leads: np.ndarray, interpolate: str | None, tmp_path: Path
) -> None:
    seen = mock.seen(tmp_path, nwp_csv=forecast(rain, leads), measured_csv=MEASURED)
    sources = mock.settings(seen)["raw"]["sources"]
    (summed,) = [source for source in sources.values() if "tp" in source["values"]]
    (other,) = [source for source in sources.values() if "temperature" in source["values"]]
    assert summed["values"] == {
        "tp": {"column": "tp_mm", "unit": "mm", "accumulated": "since_issue", "resample": "sum"}
    }
    assert summed["valid_time"]["label"] == "end"
    assert "label" not in other["valid_time"]
    assert summed.get("interpolate") == other.get("interpolate") == interpolate
    (asked,) = [each for each in mock.questions(seen) if "sum since the issue: is it?" in each]
    assert "tp_mm never falls within an issue and starts again at each of 30 issues (" in asked
    assert any(what == "pack" and " sequence" in found for what, found in seen.trial.findings)


def falling(issue: int) -> np.ndarray:
    return rain(issue) - np.where(LEADS == 20, 3.0, 0)


def meter(issue: int) -> np.ndarray:
    return 100.0 + 12 * issue + LEADS


def wave(issue: int) -> np.ndarray:
    return 20 + 10 * np.sin((12 * issue + LEADS) / 24 * 2 * np.pi)


def from_ten(issue: int) -> np.ndarray:
    return 10.0 + LEADS


@pytest.mark.parametrize("value", [falling, meter, wave, from_ten])
def test_other_forecasts_are_no_sums(value: Callable[[int], np.ndarray], tmp_path: Path) -> None:
    seen = mock.seen(tmp_path, nwp_csv=forecast(value), measured_csv=MEASURED)
    assert "accumulated" not in seen.require_proposal().text


def test_the_rise_of_a_morning_is_no_sum(tmp_path: Path) -> None:
    issues = pd.date_range("2024-01-01 06:00", periods=30, freq="24h")
    seen = mock.seen(tmp_path, nwp_csv=forecast(rain, LEADS[:7], issues), measured_csv=MEASURED)
    assert "accumulated" not in seen.require_proposal().text
