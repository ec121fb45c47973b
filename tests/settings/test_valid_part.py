"""Rules between valid fields are checked although other fields are invalid; nothing is said that follows from an invalid field."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.settings.params import check_params, examine_params
from tests.mock_data import mock_settings

Change = Callable[[dict[str, Any]], Any]

# Faults of all levels: of a field, between fields of a value, of a source, of raw; between sections.
FAULTS: dict[str, Change] = {
    "resample: must be": lambda made: value_of(made).update(resample="median"),
    "min must not be above max": lambda made: value_of(made).update(min=3, max=1),
    "on_flag: missing needs limits": lambda made: value_of(made).update(on_flag="missing"),
    "separator, decimal and quote must differ": lambda made: made["raw"]["sources"]["usage"].update(
        separator="."
    ),
    "frequency must divide a day": lambda made: made["raw"].update(frequency="61min"),
    "grid_offset must be shorter": lambda made: made["raw"].update(grid_offset="3h"),
    "align.origin.at: must be a time of day": lambda made: made["align"].update(
        origin={"at": "25:00", "covers": "next_day"}
    ),
    "align.gaps.fill: must be a duration": lambda made: made["align"]["gaps"].update(fill="2 weeks"),
    "train.lanes: must be a whole number": lambda made: made.update(train={"lanes": "many"}),
}


def value_of(made: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = made["raw"]["sources"]["usage"]["values"]["usage"]
    return found


def faults_of(made: dict[str, Any]) -> str:
    with pytest.raises(SettingsError) as caught:
        check_params(made, "params.yaml")
    return str(caught.value)


def test_faults_of_all_levels_are_told_at_once() -> None:
    made = mock_settings()
    for change in FAULTS.values():
        change(made)
    told = faults_of(made)
    assert [text for text in FAULTS if text not in told] == []


def test_a_valid_section_is_checked_with_others_although_one_is_invalid() -> None:
    made = mock_settings(train__lanes="many", align__features={"lags": {"usage": ["1h"]}})
    told = faults_of(made)
    assert "train.lanes: must be a whole number" in told
    assert "a lag of 1h is not yet known" in told


def test_nothing_follows_from_an_invalid_field() -> None:
    made = mock_settings()
    value_of(made).update(on_flag="missing", flag={"below": "much"})
    _, faults = examine_params(made)
    assert len(faults) == 1
    assert "flag.below" in faults[0]


def test_rules_between_raw_and_align_are_checked_although_a_setting_of_raw_is_invalid() -> None:
    made = mock_settings(align__features={"lags": {"usage": ["1h"]}})
    value_of(made).update(resample="median", colour="red")
    told = faults_of(made)
    assert "resample: must be" in told
    assert "a lag of 1h is not yet known" in told
    made["raw"]["sources"]["usage"]["files"] = 7  # a source without files says nothing that could be checked
    assert "a lag of 1h is not yet known" not in faults_of(made)
