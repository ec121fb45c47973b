"""Every feature says to which named input it belongs, and a mask belongs to what it masks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given

from hindcast.pipeline.align.align_group import align_frames
from hindcast.pipeline.align.features.registry import KINDS, columns, feature_list, longest_reach
from hindcast.pipeline.certify.as_known import GroupTables
from hindcast.pipeline.certify.expected_columns import expected_columns
from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.settings.params import Params, check_params
from hindcast.pipeline.settings.stamp_grid import StampGrid
from tests.align.mock import HOUR, SOURCES, frame, mock_params, moment
from tests.align.strategies import params
from tests.align.test_planting import EVERY_KIND


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


def test_forecasts_the_past_the_calendar_and_known_values_have_different_parts() -> None:
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
    plain = columns(params)
    assert [column.feature for column in plain] == list(features[: len(plain)])
    for feature in features:
        assert feature.part in {"history", "forecast", "calendar", "static"}
        if feature.mask >= 0:
            assert features[feature.mask].part == feature.part


ORIGINS = (
    {"before": "24h"},
    {"at": "10:00", "zone": "group", "covers": "next_day"},
    {"every": "12h", "at": "00:00", "zone": "UTC", "from": "1h", "for": "30h"},
)
FEATURES = (
    {"lags": {"usage": ["60h"]}},
    {"lags": {"usage": ["4d"]}},
    {"recent": {"usage": 5}},
    {"rolling": {"usage": {"windows": ["6h", "12h"]}}},
    {"lags": {"usage": ["72h"]}, "recent": {"usage": 2}},
)
START, HOURS = moment("2024-03-25T00:00"), 24 * 12  # the clocks change on the seventh day


def params_of(
    origin: dict[str, Any], features: dict[str, Any], known: dict[str, Any], lookback: int = 1
) -> Any:
    params = mock_params(origin=origin, features=features, sources=("meter",))
    meter = params.raw.sources["meter"].model_copy(update={"known": _rule(known)})
    raw = params.raw.model_copy(update={"sources": {"meter": meter}})
    train = params.train.model_copy(update={"lookback": lookback})
    return params.model_copy(update={"raw": raw, "train": train})


def _rule(known: dict[str, Any]) -> Any:
    from pydantic import TypeAdapter

    from hindcast.pipeline.settings.known import KnownField

    return TypeAdapter(KnownField).validate_python(known)


def times_and_inputs(params: Any, changed: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Times and X of a series whose measurement of one step is another one."""
    valid = START + np.arange(HOURS) * HOUR
    known = params.raw.sources["meter"].known.moments(valid, None, StampGrid(HOUR), "Europe/Berlin")
    rows = [
        {
            "series": "a",
            "valid": time,
            "known": moment,
            "usage": 1e3 if time == changed else time / HOUR % 37,
            "flow": 1.0,
        }
        for time, moment in zip(valid.tolist(), known.tolist(), strict=True)
    ]
    made = align_frames({"meter": frame(rows, ("usage", "flow"))}, params, "here").sequences
    return np.concatenate([one.times for one in made]), np.concatenate([one.X for one in made])


@pytest.mark.parametrize("origin", ORIGINS, ids=str)
@pytest.mark.parametrize("features", FEATURES, ids=str)
@pytest.mark.parametrize("known", [{"after_step": "1h"}, {"day": 1, "at": "06:00", "zone": "group"}], ids=str)
def test_no_input_reaches_further_back_and_some_input_reaches_so_far(
    origin: dict[str, Any], features: dict[str, Any], known: dict[str, Any]
) -> None:
    params = params_of(origin, features, known)
    reach = longest_reach(params, START, START + HOURS * HOUR)
    farthest = 0
    times, plain = times_and_inputs(params)
    for hour in range(24, 24 * 9, 5):
        changed = START + hour * HOUR
        _, other = times_and_inputs(params, changed)
        touched = times[(plain != other).any(axis=1)]
        farthest = max([farthest, *(touched - changed).tolist()])
    assert reach - 24 * HOUR <= farthest <= reach


def test_a_window_begins_its_lookback_earlier() -> None:
    bounds = (START, START + HOURS * HOUR)
    short, long = (
        longest_reach(params_of(ORIGINS[0], FEATURES[0], {"after_step": "1h"}, lookback), *bounds)
        for lookback in (1, 100)
    )
    assert short == 60 * HOUR
    assert long == 159 * HOUR


def test_a_lag_in_days_is_an_hour_longer_behind_the_autumn_change() -> None:
    bounds = (START, START + HOURS * HOUR)
    reach = longest_reach(params_of(ORIGINS[0], FEATURES[1], {"after_step": "1h"}), *bounds)
    assert reach == 96 * HOUR
    autumn = moment("2024-10-20T00:00")
    reach = longest_reach(
        params_of(ORIGINS[0], FEATURES[1], {"after_step": "1h"}), autumn, autumn + HOURS * HOUR
    )
    assert reach == 97 * HOUR


def test_gaps_carried_forward_count() -> None:
    params = params_of(ORIGINS[0], {}, {"after_step": "1h"})
    assert longest_reach(params, START, START + HOURS * HOUR) == 2 * HOUR


def test_every_kind_of_feature_has_its_counterpart_in_the_certificate() -> None:
    chosen = mock_params(features=EVERY_KIND, published={"usage": "guess"}, sources=tuple(SOURCES))
    expected = expected_columns(GroupTables(chosen, "Europe/Berlin", {}, "here"))
    for kind in KINDS:
        names = {column.feature.name for column in kind.columns(chosen)}
        assert names, kind.name
        assert names <= set(expected), kind.name
    assert set(expected) == {column.feature.name for column in columns(chosen)}
