"""Rules of values that count up."""

from __future__ import annotations

from typing import Any

import pytest

from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.settings.counters import rollover_of
from hindcast.pipeline.settings.params import check_params
from tests.mock_data import mock_settings

RIGHT = {"counter": True, "resample": "sum"}


def made(value: dict[str, Any], **source: Any) -> dict[str, Any]:
    settings = mock_settings()
    usage = settings["raw"]["sources"]["usage"]
    usage["values"]["usage"] |= value
    usage["valid_time"]["label"] = "end"
    usage["known"] = {"after_step": "0h"}
    usage |= source
    return settings


def test_a_counter_may_start_again() -> None:
    for counter, rollover in ((True, None), (False, None), ({"rollover": 100000}, 100000.0)):
        params = check_params(made({**RIGHT, "counter": counter}), "mine")
        assert rollover_of(params.raw.sources["usage"].values["usage"].counter) == rollover


@pytest.mark.parametrize(
    ("value", "source", "message"),
    [
        (
            {"resample": "mean"},
            {},
            "counter: the amounts of a step add up, so set `resample: sum`, found mean",
        ),
        ({"counter": {"rollover": 0}}, {}, "rollover must be above 0"),
        ({"flag": {"above": 1}}, {}, "remove accumulated, members, angle, flag, codes and time"),
        ({}, {"valid_time": {"column": "time", "format": "iso"}}, "set `label: end` in valid_time"),
        ({}, {"known": {"column": "k"}}, "set known to after_step"),
        ({}, {"off_grid": {"round": "1min"}}, "remove coarser and off_grid.round"),
    ],
)
def test_what_a_counter_cannot_have_is_named(
    value: dict[str, Any], source: dict[str, Any], message: str
) -> None:
    with pytest.raises(SettingsError) as fault:
        check_params(made({**RIGHT, **value}, **source), "mine")
    assert message in str(fault.value)
