from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.settings.base import Duration
from hindcast.pipeline.settings.clock import lagged
from hindcast.pipeline.settings.origin import NO_ORIGIN
from hindcast.pipeline.settings.params import Params, check_params
from tests.settings.settings import changed
from tests.settings.slow_clock import DAY, HOUR, local, stamp_of, stamps, zones


@given(stamps, zones, st.integers(1, 400))
def test_a_lag_in_days_is_the_same_wall_time_that_many_days_before(
    times: list[int], zone: str, days: int
) -> None:
    expected = [stamp_of(local(time, zone) - timedelta(days=days), zone) for time in times]
    assert lagged(np.array(times), Duration.parse(f"{days}d"), zone).tolist() == expected


@given(stamps, zones, st.integers(0, 400))
def test_a_lag_in_hours_is_exact_time(times: list[int], zone: str, hours: int) -> None:
    found = lagged(np.array(times), Duration.parse(f"{hours}h"), zone)
    assert found.tolist() == [time - hours * HOUR for time in times]


def test_seven_days_and_168_hours_differ_after_a_clock_change() -> None:
    noon = np.array(
        [stamp_of(local(1_711_900_800 * 10**9, "UTC"), "Europe/Berlin")]
    )  # within a week of the change
    days, hours = (lagged(noon, Duration.parse(text), "Europe/Berlin") for text in ("7d", "168h"))
    assert (days - hours).tolist() == [HOUR]


KNOWN: list[dict[str, Any]] = [
    {"after_step": "0h"},
    {"after_step": "26h"},
    {"day": 1, "at": "09:30", "zone": "group"},
    {"day": 2, "at": "00:00", "zone": "UTC"},
]
ORIGINS: list[dict[str, Any]] = [
    {"before": "0h"},
    {"before": "24h"},
    {"at": "10:00", "zone": "group", "covers": "next_day"},
    {"every": "12h", "from": "1h", "for": "48h"},
    {"every": "24h", "at": "06:00", "zone": "group", "from": "18h", "for": "6h"},
]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("known", KNOWN)
def test_a_lag_is_refused_exactly_where_some_origin_forbids_it(
    known: dict[str, Any], origin: dict[str, Any], zone: str
) -> None:
    sound = _params(known, origin, zone, [])
    hours = next(lag for lag in range(1, 300) if _allowed(sound, Duration.parse(f"{lag}h"), zone))
    days = next(lag for lag in range(1, 20) if _allowed(sound, Duration.parse(f"{lag}d"), zone))
    _params(known, origin, zone, [f"{hours}h", f"{hours + 1}h", f"{days}d", f"{days + 1}d"])
    for refused, smallest in ((f"{hours - 1}h", f"{hours}h"), (f"{days - 1}d", f"{days}d")):
        if refused[:-1] == "0":  # a lag is above zero
            continue
        with pytest.raises(SettingsError) as caught:
            _params(known, origin, zone, [refused])
        (fault,) = caught.value.faults
        assert fault.startswith(f"align.features.lags.usage: a lag of {refused} is not yet known")
        assert f"the smallest lag allowed is {smallest} " in fault


def _params(known: dict[str, Any], origin: dict[str, Any], zone: str, lags: list[str]) -> Params:
    values = changed(raw__zone=zone, align__origin=origin, align__features={"lags": {"usage": lags}})
    values["raw"]["sources"]["meter"]["known"] = known
    return check_params(values, "test")


def _allowed(params: Params, lag: Duration, zone: str) -> bool:
    """Whether the lagged value of every step of 2023 and 2024 is known at every origin of the step."""
    times = np.arange(19358 * DAY, (19358 + 731) * DAY, HOUR)
    known: Any = params.raw.sources["meter"].known
    moments = known.moments(lagged(times, lag, zone), None, HOUR, zone)[:, None]
    origins = params.align.origin.origins(times, zone)
    return bool(((origins == NO_ORIGIN) | (moments <= origins)).all())


def test_a_lag_that_is_published_by_a_column_is_left_to_the_rows() -> None:
    _params({"column": "published"}, {"before": "48h"}, "UTC", ["1h"])


def test_a_lag_must_be_a_multiple_of_the_frequency() -> None:
    with pytest.raises(SettingsError) as caught:
        _params({"after_step": "0h"}, {"before": "0h"}, "UTC", ["90min"])
    assert caught.value.faults == (
        "align.features.lags.usage: must be a multiple of the frequency 1h, found 90min",
    )


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        ("align__target", ["load"], "align.target: must be a realized value (usage), found 'load'"),
        ("align__published", {"load": "temp"}, "align.published: must be a target (usage), found 'load'"),
        ("align__published", {"usage": "rain"}, "align.published.usage: must be a forecast value (temp), found 'rain'"),
        ("align__published", {"usage": "meter.temp"}, "align.published.usage: must be a forecast value (temp), found 'meter.temp'"),
        ("align__features__lags", {"temp": ["48h"]}, "align.features.lags: must be a realized value (usage), found 'temp'"),
        ("align__features__recent", {"temp": 3}, "align.features.recent: must be a realized value (usage), found 'temp'"),
        ("align__features__forecast", ["usage"], "align.features.forecast: must be a forecast value (temp), found 'usage'"),
        ("align__features__known", ["day"], "align.features.known: must be a known value (there are none), found 'day'"),
    ],
)  # fmt: skip
def test_a_name_that_is_no_value_is_refused_with_those_that_are(path: str, value: Any, fault: str) -> None:
    with pytest.raises(SettingsError) as caught:
        check_params(changed(**{path: value}), "test")
    assert caught.value.faults == (fault,)


@pytest.mark.parametrize("name", ["temp", "weather.temp"])
def test_a_forecast_is_named_with_or_without_its_source(name: str) -> None:
    check_params(changed(align__published={"usage": name}, align__features={"forecast": [name]}), "test")


def test_a_range_must_begin_before_it_ends() -> None:
    values = changed()
    values["align"] |= {"from": "2024-05-01", "until": "2024-05-01"}
    with pytest.raises(SettingsError, match=r"align\.from: must lie before align\.until"):
        check_params(values, "test")


def test_sources_that_make_one_value_share_unit_and_rule() -> None:
    values = changed()
    twin = values["raw"]["sources"]["meter"] | {"values": {"usage": {"column": "u", "unit": "MW"}}}
    values["raw"]["sources"]["twin"] = twin
    with pytest.raises(SettingsError, match="share unit, angle and resample, found 'MW'/mean and 'kW'/mean"):
        check_params(values, "test")


def test_a_name_is_not_both_a_forecast_and_a_known_value() -> None:
    values = changed()
    tide = values["raw"]["sources"]["meter"] | {"role": "known", "values": {"temp": {"column": "t"}}}
    values["raw"]["sources"]["tide"] = tide
    with pytest.raises(SettingsError, match="temp is both a forecast and a known value"):
        check_params(values, "test")


def test_windows_are_multiples_of_the_frequency_and_errors_need_a_published_forecast() -> None:
    values = changed()
    values["align"]["published"] = {}
    values["align"]["features"] |= {
        "rolling": {"usage": {"windows": ["90min"]}, "nothing": {"windows": ["3h"]}},
        "published_error": ["24h"],
    }
    with pytest.raises(SettingsError) as refused:
        check_params(values, "test")
    text = str(refused.value)
    assert "align.features.rolling.usage.windows: must be a multiple of the frequency 1h, found 90min" in text
    assert "align.features.rolling: must be a realized value" in text
    assert "align.features.published_error: needs a published forecast" in text
