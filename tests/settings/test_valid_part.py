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
    made["raw"]["sources"]["usage"]["files"] = 7
    assert "a lag of 1h is not yet known" in faults_of(made)
    made["raw"]["sources"]["usage"]["known"] = {"after_step": "soon"}  # a lag is compared with it
    assert "a lag of 1h is not yet known" not in faults_of(made)


def test_broken_rules_of_raw_and_of_align_are_told_with_those_between_them() -> None:
    made = mock_settings(
        align__features={"lags": {"usage": ["1h"]}, "recent": {"rain": 2}, "ahead": -1},
        align__published={"usage": "rain"},
        align__gaps={"fill": "2 weeks"},
    )
    made["raw"]["sources"]["usage"].update(separator=".")
    made["raw"].update(max_bad_fraction=2)
    told = faults_of(made)
    assert [
        text
        for text in (
            "separator, decimal and quote must differ", "raw.max_bad_fraction: must be", "align.gaps.fill: must be a duration",
            "align.features.ahead: must be", "a lag of 1h is not yet known", "align.features.recent: must be a realized value",
            "align.published.usage: must be a forecast value",
        )
        if text not in told
    ] == []  # fmt: skip


@pytest.mark.parametrize(
    ("given", "told_of_raw"),
    [
        ({"frequency": "61min"}, "frequency must divide a day"),
        ({"anchor": "monday"}, "anchor: is only for steps of several days"),
        ({"grid_offset": "3h"}, "grid_offset must be shorter"),
        ({"frequency": "soon"}, "raw.frequency: must be a duration"),
    ],
)
def test_nothing_follows_from_a_grid_that_breaks_a_rule(given: dict[str, Any], told_of_raw: str) -> None:
    made = mock_settings(align__features={"lags": {"usage": ["1h"], "rain": ["48h"]}})
    made["raw"].update(given)
    told = faults_of(made)
    assert told_of_raw in told
    assert "align.features.lags: must be a realized value (usage), found 'rain'" in told
    assert "multiple of the frequency" not in told
    assert "a lag of 1h" not in told


@pytest.mark.parametrize("field", ["role", "values", "part_of"])
def test_no_name_is_called_unknown_while_a_source_cannot_say_which_values_it_makes(field: str) -> None:
    made = mock_settings(align__target=["load"])
    made["raw"]["sources"]["usage"][field] = 7
    told = faults_of(made)
    assert f"raw.sources.usage.{field}: must be" in told
    assert "align.target" not in told


def test_a_measurement_with_the_known_time_of_a_forecast_is_refused_without_a_word_on_lags() -> None:
    made = mock_settings(align__features={"lags": {"usage": ["1h"]}})
    made["raw"]["sources"]["usage"].update(known={"at_issue_plus": "1h"})
    told = faults_of(made)
    assert "at_issue_plus needs an issue_time" in told
    assert "a lag of 1h" not in told
