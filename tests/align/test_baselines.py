from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hindcast.pipeline.align.baselines import LONGEST_REACH, Basis, baselines
from hindcast.pipeline.align.group_inputs import GroupInputs, prepare_group
from hindcast.pipeline.forecasters import STORED
from hindcast.pipeline.settings.base import DAY
from tests.align.mock import HOUR, START, frame, mock_params

PERIODS = {"24h": DAY // HOUR, "168h": 7 * DAY // HOUR}


def _group(values: np.ndarray[tuple[int], np.dtype[np.float64]], origin: dict[str, Any]) -> GroupInputs:
    """Hourly values known two hours after their step began."""
    rows = [
        {"series": "a", "valid": START + at * HOUR, "known": START + (at + 2) * HOUR, "usage": value}
        for at, value in enumerate(values.tolist())
    ]
    return prepare_group(
        {"meter": frame(rows, ("usage", "flow"))}, mock_params(sources=("meter",), origin=origin), "here"
    )


def _made(group: GroupInputs) -> dict[str, list[float]]:
    usage, origins = group.realized["usage"], group.origins_of(0).steps
    found = baselines(Basis(usage, usage, group.grid, origins, usage.newest(group.grid.series, origins)))
    return {name: found[:, at].tolist() for at, name in enumerate(STORED)}


@pytest.mark.parametrize(("before", "multiple"), [("1h", 1), ("22h", 1), ("23h", 2), ("46h", 2), ("47h", 3)])
def test_seasonal_is_the_smallest_number_of_periods_known_at_the_origin(before: str, multiple: int) -> None:
    made = _made(_group(np.arange(200.0), {"before": before}))
    assert made["seasonal_24h"][150] == 150 - 24 * multiple
    assert made["seasonal_168h"][190] == 190 - 168
    assert made["persistence"][150] == 150 - int(before[:-1]) - 2


def test_references_are_plain_shifts_that_ignore_the_origin() -> None:
    values = np.arange(400.0)
    values[100] = np.nan
    made = _made(_group(values, {"before": "300h"}))
    for name, hours in PERIODS.items():
        expected = [np.nan] * hours + values[:-hours].tolist()
        np.testing.assert_array_equal(made[f"reference_{name}"], expected)


def test_a_missing_value_is_not_known_so_the_next_multiple_is_taken() -> None:
    values = np.arange(100.0)
    values[[50, 26]] = np.nan
    made = _made(_group(values, {"before": "1h"}))
    assert made["seasonal_24h"][74] == 2
    assert np.isnan(made["seasonal_24h"][23])  # nothing before the series begins
    assert [made["persistence"][at] for at in (52, 53, 54)] == [49, 49, 51]


@pytest.mark.parametrize(
    ("gap", "reached"), [(LONGEST_REACH // HOUR - 48, True), (LONGEST_REACH // HOUR + 48, False)]
)
def test_seasonal_reaches_back_eight_weeks_behind_the_origin(gap: int, reached: bool) -> None:
    values = np.arange(gap + 100.0)
    values[48 : 48 + gap] = np.nan
    made = _made(_group(values, {"before": "1h"}))
    assert np.isnan(made["seasonal_24h"][48 + gap]) != reached


def test_a_step_without_an_origin_has_only_references() -> None:
    made = _made(_group(np.arange(100.0), {"every": "24h", "from": "0h", "for": "12h"}))
    assert np.isnan([made[name][85] for name in STORED[:3]]).all()  # 13:00
    assert made["reference_24h"][85] == 61
