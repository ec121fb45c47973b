"""Example weeks show the compared values of the series with the median and the largest error."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hindcast.pipeline.judge.examples import choose_examples
from hindcast.pipeline.judge.scores import judge_table
from hindcast.pipeline.settings.base import HOUR
from tests.judge.mock_judged import mock_table

LISTED = ("published", "persistence")


def test_a_week_shows_compared_values_at_their_own_steps_and_holes_between() -> None:
    table, judgement = judge_table(mock_table(steps=24 * 20, holes=0.3), LISTED, 7)
    found = choose_examples(table, judgement)
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
        of_week = table.compared & (table.series == series) & (table.track == week.track)
        for place, time in enumerate(week.time):
            row = np.flatnonzero(of_week & (table.time == time))
            shown = week.columns["model"][place]
            assert np.isnan(shown) if not len(row) else shown == table.forecasts["model"][row[0]]
    assert 0 < len(found.actual) <= 1500


def test_without_a_compared_row_there_is_nothing_to_show() -> None:
    table = mock_table(holes=0)
    table = replace(table, forecasts={**table.forecasts, "model": np.full(len(table), np.nan, np.float32)})
    assert choose_examples(*judge_table(table, LISTED, 7)) is None
