"""The statistics of a verdict against numpy on the rows, and where they stand in the outputs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from hindcast.pipeline.feed.lead_bands import band_text, lead_bands
from hindcast.pipeline.judge.mean_loss_test import compare_losses
from hindcast.pipeline.judge.scores import Judgement, judge_table
from hindcast.pipeline.judge.statistics import Statistics, statistics_of
from hindcast.pipeline.judge.table import Table
from hindcast.pipeline.settings.base import DAY
from tests.judge.mock_judged import mock_table

SCALES = np.array([1.0, 2.0, 4.0, np.nan, 8.0, 16.0])


@pytest.fixture(scope="module")
def judged() -> tuple[Table, Judgement, Statistics]:
    table, judgement = judge_table(mock_table(steps=24 * 70, series=3), ["published", "persistence"], 7)
    found = statistics_of(table, judgement, SCALES, None, 7)
    assert found is not None
    return table, judgement, found


def error(table: Table, name: str) -> np.ndarray:
    return np.abs(table.forecasts[name].astype(float) - table.actual)


def test_the_test_is_about_the_mean_loss_of_each_origin(judged: tuple[Table, Judgement, Statistics]) -> None:
    table, _, found = judged
    kept = table.compared
    origins = np.unique(table.origin[kept])
    losses = {
        name: np.array([error(table, name)[kept & (table.origin == origin)].mean() for origin in origins])
        for name in ("model", "published")
    }
    overlap = 13  # the longest lead is 13 h, a step an hour, and origins are an hour apart
    assert found.tests["published"] == compare_losses(losses["model"], losses["published"], overlap)
    assert set(found.tests) == {"published", "persistence"}


def test_parts_have_the_scores_of_their_rows(judged: tuple[Table, Judgement, Statistics]) -> None:
    table, _, found = judged
    months = table.time.astype("datetime64[ns]").astype("datetime64[M]").astype(str)
    bands = np.array([band_text(int(band)) for band in lead_bands(table.leads(slice(None)))])
    checked = 0
    for part in found.parts:
        if part.kind in {"month", "lead"}:
            rows = table.compared & ((months if part.kind == "month" else bands) == part.name)
            assert part.rows == rows.sum()
            assert part.days == len(np.unique(table.time[rows] // DAY))
            ours, theirs = (error(table, name)[rows].mean() for name in ("model", "published"))
            assert part.mae["model"] == pytest.approx(ours)
            skill = part.skills["published"].mae
            assert skill.value == pytest.approx(1 - ours / theirs)
            assert skill.low is not None
            assert skill.low < 1 - ours / theirs
            checked += 1
    assert checked == 3 + 2
    assert {part.kind for part in found.parts} == {"month", "lead", "daily_peak", "ramp"}


def test_worst_days_and_scaled_errors(judged: tuple[Table, Judgement, Statistics]) -> None:
    table, _, found = judged
    kept, days = table.compared, table.time // DAY
    by_day = [error(table, "model")[kept & (days == day)].mean() for day in np.unique(days)]
    assert found.worst_days["model"].days == 1
    assert found.worst_days["model"].mae == pytest.approx(max(by_day))
    rows = kept & ~np.isnan(SCALES)[table.series]
    assert found.mase["model"] == pytest.approx((error(table, "model") / SCALES[table.series])[rows].mean())


def test_without_a_rival_there_are_none() -> None:
    table, judgement = judge_table(mock_table(), [], 7)
    assert statistics_of(table, judgement, SCALES, None, 7) is None


def test_metrics_and_report_have_the_statistics(finished: Path) -> None:
    metrics = json.loads((finished / "reports/metrics.json").read_text())
    found = metrics["statistics"]["test"]["usage"]
    assert set(found) == {"diebold_mariano", "parts", "worst_days", "mase"}
    assert set(found["mase"]) == {"model", "published", "published_corrected", "persistence"}
    assert found["parts"]["month"]
    page = (finished / "reports/report.html").read_text(encoding="utf-8")
    assert "Statistics of the verdict" in page
    assert "peak of the day" in page
