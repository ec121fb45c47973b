"""The reach of inputs, computed step by step, is that of the settings."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hindcast.pipeline.align.features.registry import longest_reach
from hindcast.pipeline.certify.check_distance import expected_reach
from tests.align.features.test_registry import params_of
from tests.align.mock import HOUR, mock_params, moment

ORIGINS = (
    {"before": "24h"},
    {"at": "10:00", "zone": "group", "covers": "next_day"},
    {"every": "12h", "at": "00:00", "zone": "UTC", "from": "1h", "for": "30h"},
    {"every": "48h", "at": "18:00", "zone": "group", "from": "6h", "for": "24h"},
)
KNOWN = (
    {"after_step": "1h"},
    {"before_step": "3h"},
    {"day": 1, "at": "06:00", "zone": "group"},
    {"day": -1, "at": "23:30", "zone": "group"},
    {"column": "k"},
)
FEATURES: dict[str, Any] = {
    "lags": {"usage": ["90h", "4d"]},
    "recent": {"usage": 3},
    "rolling": {"usage": {"windows": ["1d", "2d"]}},
}


@pytest.mark.parametrize("begin", ["2024-03-25", "2024-10-20"])
@pytest.mark.parametrize("known", KNOWN, ids=str)
@pytest.mark.parametrize("origin", ORIGINS, ids=str)
@pytest.mark.parametrize("only", [None, *FEATURES])
def test_both_ways_of_computing_the_reach_agree(
    begin: str, known: dict[str, Any], origin: dict[str, Any], only: str | None
) -> None:
    features = FEATURES if only is None else {only: FEATURES[only]}
    if "lags" in features:  # allowed at every origin, whatever the rule
        features = {**features, "lags": {"usage": ["120h", "6d"]}}
    params = params_of(origin, features, known, lookback=7)
    first = moment(begin)
    sequences = SimpleNamespace(start_time=np.array([first]), step_count=np.array([24 * 10]))
    dataset: Any = SimpleNamespace(sequences=sequences, frequency=HOUR)
    assert expected_reach(dataset, params) == longest_reach(params, first, first + 24 * 10 * HOUR)


def test_runs_that_count_as_missing_make_inputs_reach_further_back() -> None:
    """Whether a value is frozen depends on the values before it."""
    sequences = SimpleNamespace(start_time=np.array([moment("2024-03-25")]), step_count=np.array([24 * 10]))
    dataset: Any = SimpleNamespace(sequences=sequences, frequency=HOUR)
    reaches = []
    for flags in ({}, {"meter.usage": {"above": 5}}, {"meter.usage": {"zeros": "150min", "frozen": "90min"}}):
        params = mock_params(
            features={"recent": {"usage": 1}}, origin={"before": "0h"}, flags=flags, sources=("meter",)
        )
        reaches.append(expected_reach(dataset, params))
        first = moment("2024-03-25")
        assert longest_reach(params, first, first + 24 * 10 * HOUR) == reaches[-1]
    assert [reach - reaches[0] for reach in reaches] == [0, 0, 3 * HOUR]
