"""Errors by lead and hour, skill by track and group: each equals numpy over its own rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from hindcast.pipeline.judge.examples import examples_of
from hindcast.pipeline.judge.scores import judged
from hindcast.pipeline.judge.skill import Skill
from hindcast.pipeline.judge.table import Table
from tests.judge.mock_judged import HOUR, mock_table

LISTED = ("published", "persistence")


def error(table: Table, name: str, rows: NDArray[np.bool_]) -> NDArray[np.float64]:
    wrong: NDArray[np.float64] = table.forecasts[name][rows].astype(float) - table.actual[rows].astype(float)
    return wrong


def test_errors_by_lead_and_by_hour_are_means_over_the_rows_of_that_lead_and_hour() -> None:
    table, judgement = judged(mock_table(steps=24 * 12), LISTED, 7)
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
    assert judged(table, LISTED, 7)[1].by_lead.hours == (0.0, 1.0)


def test_skill_is_told_for_all_rows_and_for_each_track_and_group() -> None:
    table, judgement = judged(mock_table(steps=24 * 12, groups=3), LISTED, 7)
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
def test_a_reference_is_never_what_the_model_is_measured_by(listed: tuple[str, ...]) -> None:
    _, judgement = judged(mock_table(), listed, 7)
    assert judgement.against is None
    assert judgement.skills == ()
    assert judgement.others == ()
    assert {"reference_24h", "reference_168h"} <= set(judgement.scores)


def test_without_a_published_forecast_the_baseline_with_the_lowest_error_is_the_measure() -> None:
    table = mock_table(holes=0)
    better = (table.actual + 0.1).astype(np.float32)
    table = replace(table, forecasts={**table.forecasts, "seasonal_24h": better})
    assert judged(table, ("persistence", "seasonal_24h"), 7)[1].against == "seasonal_24h"
    assert judged(table, ("published", "persistence", "seasonal_24h"), 7)[1].against == "published"


def test_a_week_shows_compared_values_at_their_own_steps_and_holes_between() -> None:
    table, judgement = judged(mock_table(steps=24 * 20, holes=0.3), LISTED, 7)
    found = examples_of(table, judgement)
    assert found is not None
    assert [week.kind for week in found.weeks] == ["typical", "hardest"]
    mae = judgement.by_series["model"].mean_absolute()
    for week, expected in zip(found.weeks, (np.sort(mae)[(len(mae) - 1) // 2], mae.max()), strict=True):
        series = next(
            place
            for place in range(len(table.names.series))
            if table.names.key(place) == (week.group, week.series) and mae[place * 2 + week.track] == expected
        )
        assert (np.diff(week.time) == HOUR).all()
        assert 6 * 24 < len(week.time) <= 7 * 24
        mine = table.compared & (table.series == series) & (table.track == week.track)
        for place, time in enumerate(week.time):
            row = np.flatnonzero(mine & (table.time == time))
            shown = week.columns["model"][place]
            assert np.isnan(shown) if not len(row) else shown == table.forecasts["model"][row[0]]
    assert 0 < len(found.actual) <= 1500
