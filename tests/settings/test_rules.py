from __future__ import annotations

from typing import Any

import pytest

from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.settings.params import check_params
from tests.mock_data import mock_settings


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        ("align__target", ["load"], "align.target: must be a realized value (usage), found 'load'"),
        ("align__published", {"load": "temperature"}, "align.published: must be a target (usage), found 'load'"),
        ("align__published", {"usage": "rain"}, "align.published.usage: must be a forecast value (temperature), found 'rain'"),
        ("align__published", {"usage": "usage.temperature"}, "align.published.usage: must be a forecast value (temperature), found 'usage.temperature'"),
        ("align__features__lags", {"temperature": ["48h"]}, "align.features.lags: must be a realized value (usage), found 'temperature'"),
        ("align__features__recent", {"temperature": 3}, "align.features.recent: must be a realized value (usage), found 'temperature'"),
        ("align__features__forecast", ["usage"], "align.features.forecast: must be a forecast value (temperature), found 'usage'"),
        ("align__features__known", ["day"], "align.features.known: must be a known value (none is defined), found 'day'"),
    ],
)  # fmt: skip
def test_a_name_that_is_no_value_is_refused_with_those_that_are(path: str, value: Any, fault: str) -> None:
    with pytest.raises(SettingsError) as caught:
        check_params(mock_settings(**{path: value}), "test")
    assert caught.value.faults == (fault,)


@pytest.mark.parametrize("name", ["temperature", "weather.temperature"])
def test_a_forecast_is_named_with_or_without_its_source(name: str) -> None:
    check_params(
        mock_settings(align__published={"usage": name}, align__features={"forecast": [name]}), "test"
    )


def test_a_range_must_begin_before_it_ends() -> None:
    values = mock_settings()
    values["align"] |= {"from": "2024-05-01", "until": "2024-05-01"}
    with pytest.raises(SettingsError, match=r"align\.from: must be before align\.until"):
        check_params(values, "test")


def test_sources_that_make_one_value_share_unit_and_rule() -> None:
    values = mock_settings()
    twin = values["raw"]["sources"]["usage"] | {"values": {"usage": {"column": "u", "unit": "MW"}}}
    values["raw"]["sources"]["twin"] = twin
    with pytest.raises(
        SettingsError,
        match="same unit, angle, resample, accumulated, counter and members in all sources, found 'MW'/mean and ''/mean",
    ):
        check_params(values, "test")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"part_of": "wether"}, "raw.sources.part.part_of: must be a source without part_of (weather, usage), found 'wether'"),
        ({"part_of": "part"}, "raw.sources.part.part_of: must be a source without part_of (weather, usage), found 'part'"),
        ({"known": {"at_issue_plus": "1h"}}, "raw.sources.part.known: must be the same as in weather, of which it is a part"),
        ({"duplicates": "last"}, "raw.sources.part.duplicates: must be the same as in weather, of which it is a part"),
        ({"interpolate": "3h"}, "raw.sources.part.interpolate: must be the same as in weather, of which it is a part"),
        ({"values": {"rain": {"column": "r"}}}, "raw.sources.part.values: must have the same names, units, angles and resample rules as those of weather (temperature), found rain"),
        ({"values": {"temperature": {"column": "r", "unit": "K"}}}, "raw.sources.part.values: must have the same names, units, angles and resample rules as those of weather (temperature), found temperature"),
    ],
)  # fmt: skip
def test_a_part_has_the_rules_and_columns_of_its_source(change: dict[str, Any], fault: str) -> None:
    values = mock_settings()
    sources = values["raw"]["sources"]
    sources["part"] = sources["weather"] | {"part_of": "weather", "files": "g*.csv"}
    assert list(check_params(values, "test").raw.table_sources) == ["weather", "usage"]
    sources["part"] |= change
    with pytest.raises(SettingsError) as caught:
        check_params(values, "test")
    assert fault in caught.value.faults


def test_a_part_has_an_issue_time_if_its_source_has_one() -> None:
    values = mock_settings()
    weather = values["raw"]["sources"]["weather"] | {"known": {"before_step": "1h"}}
    values["raw"]["sources"] |= {"weather": weather, "part": weather | {"part_of": "weather"}}
    del values["raw"]["sources"]["part"]["issue_time"]
    with pytest.raises(SettingsError, match=r"must have an issue time .* because weather, .*, has one"):
        check_params(values, "test")


def test_a_name_is_not_both_a_forecast_and_a_known_value() -> None:
    values = mock_settings()
    tide = values["raw"]["sources"]["usage"] | {"role": "known", "values": {"temperature": {"column": "t"}}}
    values["raw"]["sources"]["tide"] = tide
    with pytest.raises(SettingsError, match="temperature is both a forecast and a known value"):
        check_params(values, "test")


def test_flagged_values_of_a_target_are_not_quarantined() -> None:
    values = mock_settings()
    usage = values["raw"]["sources"]["usage"]["values"]["usage"]
    usage |= {"flag": {"above": 10}, "on_flag": "quarantine"}
    with pytest.raises(
        SettingsError, match=r"usage\.on_flag: quarantine would remove rows of a target.*`on_flag: missing`"
    ):
        check_params(values, "test")
    usage["on_flag"] = "missing"
    check_params(values, "test")


def test_a_value_without_times_has_no_runs() -> None:
    values = mock_settings()
    site = {
        key: value
        for key, value in values["raw"]["sources"]["usage"].items()
        if key not in {"valid_time", "known"}
    }
    site |= {"role": "known", "values": {"size": {"column": "s", "flag": {"zeros": "6h"}}}}
    values["raw"]["sources"]["site"] = site
    with pytest.raises(
        SettingsError,
        match=r"site\.values\.size\.flag: a value without a valid_time has no runs: remove zeros",
    ):
        check_params(values, "test")


@pytest.mark.parametrize("name", ["usage", "wether"])
def test_only_a_forecast_with_issue_times_can_miss_runs(name: str) -> None:
    with pytest.raises(SettingsError) as caught:
        check_params(mock_settings(train__missing_runs={name: 0.1}), "params.yaml")
    (fault,) = caught.value.faults
    assert (
        fault == f"train.missing_runs: must be a forecast source with issue times (weather), found {name!r}"
    )
