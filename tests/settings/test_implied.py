"""Durations in place of numbers of steps, and features written as `auto`."""

from __future__ import annotations

from typing import Any

import pytest

from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.settings.params import Params, check_params
from tests.mock_data import mock_settings


@pytest.mark.parametrize(("frequency", "steps"), [("15min", 96), ("30min", 48), ("1h", 24), ("1d", 1)])
def test_a_day_is_as_many_steps_as_the_frequency_gives(frequency: str, steps: int) -> None:
    values = mock_settings(
        raw__frequency=frequency, pack__segment_length="1d", train__context="7d", train__lookback="2d"
    )
    params = Params.model_validate(values)
    assert params.pack.segment_length == steps
    assert (params.train.context, params.train.lookback) == (7 * steps, 2 * steps)
    assert params.pack.model_dump(mode="json")["segment_length"] == steps, "as if it were written so"


@pytest.mark.parametrize("value", ["90min", "soon"])
def test_what_is_no_whole_number_of_steps_is_refused_with_all_other_faults(value: str) -> None:
    values = mock_settings(train__context=value, train__warm_up="24h", train__lanes=0)
    with pytest.raises(SettingsError) as caught:
        check_params(values, "params.yaml")
    told = [
        fault for fault in caught.value.faults if fault.startswith("train.context: must be a number of steps")
    ]
    assert len(caught.value.faults) == 2
    assert told[0].endswith(f"found {value!r}")


def _with_features(frequency: str, *, published: bool, **features: Any) -> Params:
    values = mock_settings(raw__frequency=frequency)
    values["align"]["features"] = features
    if not published:
        values["align"].pop("published", None)
    return Params.model_validate(values)


@pytest.mark.parametrize(("frequency", "count"), [("15min", 24), ("1h", 24), ("6h", 4), ("1d", 1)])
def test_recent_values_of_every_target_cover_a_day_or_24_steps(frequency: str, count: int) -> None:
    params = _with_features(frequency, published=False, recent="auto")
    assert params.align.features.recent == {"usage": count}


def test_errors_of_a_published_forecast_are_features_only_if_one_exists() -> None:
    assert _with_features("1h", published=False, published_error="auto").align.features.published_error == ()
    values = mock_settings()
    values["align"] |= {"features": {"published_error": "auto"}, "published": {"usage": "weather.anything"}}
    windows = Params.model_validate(values).align.features.published_error
    assert [str(each) for each in windows] == ["24h", "168h"]
