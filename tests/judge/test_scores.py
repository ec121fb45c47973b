"""Errors by lead and hour, skill by track and group: each equals NumPy over its own rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from hindcast.pipeline.judge.scores import judge_table
from hindcast.pipeline.judge.skill import Skill
from hindcast.pipeline.judge.table import Table
from hindcast.pipeline.settings.base import HOUR
from tests.judge.mock_judged import mock_table

LISTED = ("published", "persistence")


def error(table: Table, name: str, rows: NDArray[np.bool_]) -> NDArray[np.float64]:
    wrong: NDArray[np.float64] = table.forecasts[name][rows].astype(float) - table.actual[rows].astype(float)
    return wrong


def test_errors_by_lead_and_by_hour_are_means_over_the_rows_of_that_lead_and_hour() -> None:
    table, judgement = judge_table(mock_table(steps=24 * 12), LISTED, 7)
    lead = (table.time - table.origin) // HOUR
    assert judgement.by_lead.hours == tuple(sorted(set(lead[table.compared])))
    assert judgement.by_hour.hours == tuple(range(24))
    for breakdown, key in ((judgement.by_lead, lead), (judgement.by_hour, table.time // HOUR % 24)):
        for place, hours in enumerate(breakdown.hours):
            for name in ("model", *LISTED):
                wrong = error(table, name, table.compared & (key == hours))
                assert breakdown.sums[name].score(place).mae == pytest.approx(np.abs(wrong).mean())
                assert breakdown.sums[name].score(place).n == len(wrong)


def test_quarter_hours_share_the_lead_of_their_hour() -> None:
    table = replace(mock_table(steps=24 * 12), frequency=HOUR // 4)
    table = replace(table, origin=table.time - (table.time // HOUR % 8) * (HOUR // 4))
    assert judge_table(table, LISTED, 7)[1].by_lead.hours == (0.0, 1.0)


def test_skill_is_computed_for_all_rows_and_for_each_track_and_group() -> None:
    table, judgement = judge_table(mock_table(steps=24 * 12, groups=3), LISTED, 7)
    found: dict[tuple[str, int], Skill] = {
        (scoped.scope, scoped.index): scoped.skill for scoped in judgement.skills
    }
    group = table.names.group_of[table.series]
    parts = {("all", 0): table.compared}
    parts |= {("track", track): table.compared & (table.track == track) for track in range(2)}
    parts |= {("group", place): table.compared & (group == place) for place in range(3)}
    assert list(found) == list(parts)
    for key, rows in parts.items():
        ours, theirs = error(table, "model", rows), error(table, "published", rows)
        assert found[key].n == rows.sum()
        assert found[key].mae.value == pytest.approx(1 - np.abs(ours).mean() / np.abs(theirs).mean())
        assert found[key].rmse.value == pytest.approx(1 - np.sqrt((ours**2).mean() / (theirs**2).mean()))


@pytest.mark.parametrize("listed", [(), ("reference_24h",), ("reference_24h", "reference_168h")])
def test_a_reference_is_never_the_rival(listed: tuple[str, ...]) -> None:
    _, judgement = judge_table(mock_table(), listed, 7)
    assert judgement.rival is None
    assert judgement.skills == ()
    assert judgement.others == ()
    assert {"reference_24h", "reference_168h"} <= set(judgement.scores)


def test_without_a_published_forecast_the_baseline_with_the_lowest_error_is_the_rival() -> None:
    table = mock_table(holes=0)
    better = (table.actual + 0.1).astype(np.float32)
    table = replace(table, forecasts={**table.forecasts, "seasonal_24h": better})
    assert judge_table(table, ("persistence", "seasonal_24h"), 7)[1].rival == "seasonal_24h"
    assert judge_table(table, ("published", "persistence", "seasonal_24h"), 7)[1].rival == "published"
