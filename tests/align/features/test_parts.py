"""Every feature says to which named input it belongs, and a mask belongs to what it masks."""

from __future__ import annotations

from hypothesis import given

from hindcast.pipeline.align.features.registry import columns, feature_list
from hindcast.pipeline.settings.params import Params
from tests.align.mock import mock_params
from tests.align.strategies import params


def test_forecasts_the_past_the_calendar_and_what_is_known_are_told_apart() -> None:
    chosen = {
        "forecast": ["guess"],
        "lags": {"usage": ["48h"]},
        "recent": {"usage": 1},
        "ahead": 1,
        "calendar": ["hour"],
        "lead": True,
    }
    parts = {feature.name: feature.part for feature in feature_list(mock_params(features=chosen))}
    assert parts == {
        "guess": "forecast",
        "guess_ahead_1": "forecast",
        "guess_ahead_1_missing": "forecast",
        "level": "calendar",
        "level_ahead_1": "calendar",
        "level_ahead_1_missing": "calendar",
        "usage_lag_48h": "history",
        "usage_lag_48h_missing": "history",
        "usage_recent_1": "history",
        "usage_recent_1_missing": "history",
        "hour_sin": "calendar",
        "hour_cos": "calendar",
        "lead": "calendar",
    }


@given(params())
def test_every_feature_has_a_part_and_shares_it_with_its_mask(params: Params) -> None:
    features = feature_list(params)
    assert [feature.name for feature in features] == [column.feature.name for column in columns(params)]
    for feature in features:
        assert feature.part in {"history", "forecast", "calendar", "static"}
        if feature.mask >= 0:
            assert features[feature.mask].part == feature.part
