"""Daily peaks, ramps and holidays against loops over the rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hindcast.pipeline.judge.row_parts import daily_peaks, holiday_rows, parts_of, ramps
from hindcast.pipeline.judge.scores import mark_table
from hindcast.pipeline.judge.table import Table
from hindcast.pipeline.settings.base import DAY
from hindcast.pipeline.settings.features import Holidays
from tests.align.mock import mock_params
from tests.judge.mock_judged import mock_table


@pytest.fixture
def table() -> Table:
    return mark_table(mock_table(steps=24 * 12, holes=0.2), ["published"])[0]


def keys(table: Table) -> list[tuple[int, int]]:
    return list(zip(table.series.tolist(), table.track.tolist(), strict=True))


def test_a_daily_peak_is_the_highest_compared_value_of_a_series_track_and_day(table: Table) -> None:
    best: dict[tuple[int, int, int], int] = {}
    for row, key in enumerate(keys(table)):
        day = (*key, int(table.time[row]) // DAY)
        if table.compared[row] and (day not in best or table.actual[row] > table.actual[best[day]]):
            best[day] = row
    assert np.flatnonzero(daily_peaks(table)).tolist() == sorted(best.values())
    assert len(best) > 100


def test_ramps_are_the_largest_tenth_of_the_changes_of_a_series(table: Table) -> None:
    changes: dict[int, list[tuple[float, int]]] = {}
    own = keys(table)
    for row in range(1, len(table)):
        change = abs(float(table.actual[row]) - float(table.actual[row - 1]))
        if table.compared[row] and own[row] == own[row - 1] and not np.isnan(change):
            changes.setdefault(own[row][0], []).append((change, row))
    found = set(np.flatnonzero(ramps(table)).tolist())
    assert len(changes) == 6
    for each in changes.values():
        each.sort()
        count = len(each) - int(np.ceil(0.9 * len(each)))
        assert found & {row for _, row in each} == {row for _, row in each[len(each) - count :]}


def test_holidays_are_those_of_the_country_by_local_days(table: Table) -> None:
    params = mock_params()
    assert holiday_rows(table, params) is None
    features = params.align.features.model_copy(update={"holidays": {"g0": Holidays(country="DE")}})
    named = params.model_copy(update={"align": params.align.model_copy(update={"features": features})})
    flags = holiday_rows(table, named)
    assert flags is not None
    days = {str(day) for day in table.time[flags].astype("datetime64[ns]").astype("datetime64[D]")}
    assert "2024-01-01" in days
    assert not table.names.group_of[table.series[flags]].any(), "the group without a country has none"
    kinds = [part.kind for part in parts_of(table, flags)]
    assert kinds == ["month", "lead", "daily_peak", "ramp", "holiday"]
    daily = replace(table, frequency=DAY)
    assert [part.kind for part in parts_of(daily, None)] == ["month", "lead", "ramp"]
