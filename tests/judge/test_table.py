"""All forecasters are compared on the same rows, and missing values are counted for each forecaster."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hindcast.pipeline.judge.table import mark_common_rows
from tests.judge.mock_judged import mock_table

LISTED = ["model", "published", "persistence"]


@pytest.mark.parametrize("listed", [LISTED, LISTED[:2], ["model"], [*LISTED, "reference_24h"]])
def test_a_row_is_compared_where_the_target_and_every_listed_forecaster_have_a_value(
    listed: list[str],
) -> None:
    table, comparison = mark_common_rows(mock_table(holes=0.2), listed)
    expected = np.isfinite(table.actual)
    assert comparison.scored == expected.sum()
    for name in listed:
        missing = np.isnan(table.forecasts[name])
        assert comparison.missing[name] == (missing & np.isfinite(table.actual)).sum() > 0
        expected = expected & ~missing
    assert (table.compared == expected).all()
    assert comparison.compared == expected.sum() > 0
    assert comparison.forecasters == tuple(listed)


def test_a_forecaster_without_any_value_is_excluded_and_named() -> None:
    table = mock_table()
    nothing = np.full(len(table), np.nan, np.float32)
    bare = replace(table, forecasts={**table.forecasts, "published": nothing})
    _, comparison = mark_common_rows(bare, [*LISTED, "trees"])
    assert comparison.absent == ("published", "trees")
    assert comparison.forecasters == ("model", "persistence")
    assert comparison.compared > 0


def test_a_forecaster_that_was_not_requested_excludes_no_row() -> None:
    table = mock_table(holes=0.3)
    marked, _ = mark_common_rows(table, ["model"])
    assert np.isnan(table.forecasts["reference_24h"][marked.compared]).any()


def test_in_a_split_without_rows_no_forecaster_is_absent() -> None:
    _, comparison = mark_common_rows(mock_table(steps=0), LISTED)
    assert (comparison.scored, comparison.compared, comparison.absent, comparison.missing) == (0, 0, (), {})
