from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.settings.base import Duration
from hindcast.pipeline.settings.clock import lagged
from hindcast.pipeline.settings.features import Features
from hindcast.pipeline.settings.gates import NO_ORIGIN
from hindcast.pipeline.settings.params import Params, check_params
from hindcast.pipeline.settings.stamp_grid import StampGrid
from tests.mock_data import mock_settings
from tests.settings.slow_clock import DAY, HOUR

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
        assert f"the smallest lag allowed is {smallest} " in fault or (
            f"the smallest lag allowed is {smallest}, and " in fault
        )


@pytest.mark.parametrize("known", KNOWN)
def test_the_error_of_a_lag_of_whole_days_names_the_smallest_one_at_the_same_hour(
    known: dict[str, Any],
) -> None:
    origin = {"at": "12:00", "covers": "next_day"}
    sound = _params(known, origin, "UTC", [])
    days = next(days for days in range(1, 20) if _allowed(sound, Duration.parse(f"{24 * days}h"), "UTC"))
    with pytest.raises(SettingsError, match=f", and {24 * days}h at the same hour of the day ") as caught:
        _params(known, origin, "UTC", [f"{24 * (days - 1)}h"])
    _params(known, origin, "UTC", [f"{24 * days}h"])
    with pytest.raises(SettingsError) as other:
        _params(known, origin, "UTC", [f"{24 * (days - 1) - 1}h"])
    assert "at the same hour" in caught.value.faults[0]
    assert "at the same hour" not in other.value.faults[0]


def _params(known: dict[str, Any], origin: dict[str, Any], zone: str, lags: list[str]) -> Params:
    values = mock_settings(raw__zone=zone, align__origin=origin, align__features={"lags": {"usage": lags}})
    values["raw"]["sources"]["usage"]["known"] = known
    return check_params(values, "test")


def _allowed(params: Params, lag: Duration, zone: str) -> bool:
    """Whether the lagged value of every step of 2023 and 2024 is known at every origin of the step."""
    times = np.arange(19358 * DAY, (19358 + 731) * DAY, HOUR)
    known: Any = params.raw.sources["usage"].known
    moments = known.moments(lagged(times, lag, zone), None, StampGrid(HOUR), zone)[:, None]
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


def test_windows_are_multiples_of_the_frequency_and_errors_need_a_published_forecast() -> None:
    values = mock_settings()
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


def test_features_know_which_realized_values_they_read_and_which_by_the_newest_step() -> None:
    chosen = Features.model_validate(
        {"lags": {"flow": ["48h"]}, "recent": {"usage": 3}, "rolling": {"heat": {"windows": ["3h"]}}}
    )
    assert chosen.realized_values == ("flow", "usage", "heat")
    assert chosen.newest_values(("load",)) == {"usage", "heat"}
    with_errors = chosen.model_copy(update={"published_error": (Duration.parse("3h"),)})
    assert with_errors.newest_values(("load",)) == {"usage", "heat", "load"}
