from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from hindcast.pipeline.align.features.registry import columns, feature_list, forecast_input, inputs
from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.settings.params import Params, check_params
from tests.align.mock import SOURCES, mock_params
from tests.align.strategies import params


def _names(**settings: Any) -> list[str]:
    return [feature.name for feature in feature_list(mock_params(**settings))]


def test_features_stand_in_the_order_of_their_kinds_and_masks_at_the_end() -> None:
    chosen = {
        "forecast": ["guess", "weather.temp"],
        "lags": {"usage": ["48h", "7d"]},
        "recent": {"usage": 2},
        "ahead": 1,
        "calendar": ["hour", "weekday", "yearday"],
        "lead": True,
    }
    assert _names(features=chosen) == [
        "guess", "weather.temp", "level",
        "guess_ahead_1", "weather.temp_ahead_1", "level_ahead_1",
        "usage_lag_48h", "usage_lag_7d", "usage_recent_1", "usage_recent_2",
        "hour_sin", "hour_cos", "weekday_sin", "weekday_cos", "yearday_sin", "yearday_cos",
        "lead", "weather_vintage_lead",
        "guess_ahead_1_missing", "weather.temp_ahead_1_missing", "level_ahead_1_missing",
        "usage_lag_48h_missing", "usage_lag_7d_missing", "usage_recent_1_missing", "usage_recent_2_missing",
    ]  # fmt: skip


def test_all_takes_every_forecast_and_known_value_once() -> None:
    assert _names() == ["temp", "rain", "guess", "level"]


def test_inputs_get_masks_where_long_gaps_are_to_be_marked() -> None:
    names = _names(gaps={"fill": "2h", "longer": "indicator"}, features={"lead": True})
    assert names[-5:] == [
        "temp_missing", "rain_missing", "guess_missing", "level_missing", "weather_vintage_lead_missing",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("forecast", "masked"),
    [(["temp"], True), (["weather.temp"], False), (["temp", "rain"], False), (["guess"], None)],
)
def test_a_vintage_lead_has_a_mask_where_another_source_may_stand_in(
    forecast: list[str], masked: bool | None
) -> None:
    names = _names(features={"forecast": forecast, "lead": True})
    assert ("weather_vintage_lead" in names) == (masked is not None)
    assert ("weather_vintage_lead_missing" in names) == bool(masked)


@given(params())
def test_each_mask_belongs_to_the_feature_that_names_it(chosen: Params) -> None:
    features = feature_list(chosen)
    assert len({feature.name for feature in features}) == len(features)
    masks = {feature.mask: feature.name for feature in features if feature.mask >= 0}
    for at, feature in enumerate(features):
        if at in masks:
            assert feature.name == f"{masks[at]}_missing"
            assert feature.mask == -1
    assert len(masks) == sum(column.may_miss for column in columns(chosen))


@given(params())
def test_each_feature_has_a_sentence(chosen: Params) -> None:
    for feature in feature_list(chosen):
        assert feature.description.endswith(".")
        assert feature.description.count(". ") == 0


def test_units_come_with_the_values() -> None:
    features = {
        one.name: one.unit
        for one in feature_list(mock_params(features={"lags": {"flow": ["24h"]}, "lead": True}))
    }
    assert (features["temp"], features["flow_lag_24h"], features["lead"]) == ("degC", "m3", "h")


def test_a_value_is_taken_from_the_first_source_that_makes_it() -> None:
    chosen = mock_params()
    assert forecast_input(chosen, "temp").sources == ("weather", "model")
    assert forecast_input(chosen, "model.temp").sources == ("model",)
    assert [one.sources for one in inputs(chosen)] == [
        ("weather", "model"),
        ("weather",),
        ("model",),
        ("tide",),
    ]


def test_two_features_of_one_name_are_refused() -> None:
    values = mock_params(sources=("weather", "meter")).model_dump(by_alias=True, mode="json")
    values["raw"]["sources"]["weather"]["values"]["lead"] = {"column": "l"}
    values["align"]["features"]["lead"] = True
    with pytest.raises(SettingsError) as caught:
        feature_list(check_params(values, "test"))
    assert caught.value.faults[0].startswith("align.features: 2 features would be named 'lead'")


def test_features_do_not_depend_on_which_sources_a_group_has() -> None:
    assert set(SOURCES) >= {"weather", "model"}
    assert feature_list(mock_params()) == feature_list(mock_params())
