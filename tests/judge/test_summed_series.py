"""Sums over series hold exactly the steps at which every series of the sum has a row."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.judge.summed_series import ALL, sum_series
from hindcast.pipeline.judge.table import mark_common_rows
from tests.judge.mock_judged import mock_table


@given(
    st.sampled_from(["group", "all"]), st.integers(1, 3), st.integers(1, 3), st.integers(1, 2),
    st.sampled_from([0.0, 0.1, 0.5, 0.95]), st.integers(0, 2**20),
)  # fmt: skip
def test_sums_equal_the_slow_way(
    over: Literal["group", "all"], series: int, groups: int, tracks: int, holes: float, seed: int
) -> None:
    table, _ = mark_common_rows(
        mock_table(steps=6, series=series, groups=groups, tracks=tracks, holes=holes, seed=seed),
        ["model", "published"],
    )
    group = table.names.group_of[table.series] if over == "group" else np.zeros(len(table), int)
    expected = {}
    for part in sorted({(int(a), int(b)) for a, b in zip(group, table.track, strict=True)}):
        of_part = table.compared & (group == part[0]) & (table.track == part[1])
        for time in np.unique(table.time[of_part]):
            rows = np.flatnonzero(of_part & (table.time == time))
            if len(rows) == len(set(table.series[of_part])):
                expected[*part, int(time)] = [table.actual[rows].sum(), table.forecasts["model"][rows].sum()]
    total = sum_series(table, over)
    found = {
        (int(total.series[row]), int(total.track[row]), int(total.time[row])): [
            total.actual[row],
            total.forecasts["model"][row],
        ]
        for row in range(len(total))
    }
    assert list(found) == list(expected)
    for key, values in expected.items():
        assert found[key] == pytest.approx(values, rel=1e-5, nan_ok=True)
    assert total.compared.all()


def test_a_sum_names_its_target_and_its_groups() -> None:
    table, _ = mark_common_rows(mock_table(holes=0), ["model"])
    assert sum_series(table, "group").target == "usage_sum_by_group"
    assert sum_series(table, "group").names.groups == ("g0", "g1")
    assert sum_series(table, "all").target == "usage_sum_over_all"
    assert sum_series(table, "all").names.groups == (ALL,)
    assert len(sum_series(table, "all")) == 48 * 2
