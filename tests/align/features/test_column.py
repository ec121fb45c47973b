from __future__ import annotations

from typing import Any

import pytest

from hindcast.pipeline.align.features.column import ordinal, steps_text
from hindcast.pipeline.align.features.registry import feature_list
from hindcast.pipeline.settings.params import Params, check_params
from tests.align.mock import mock_params


def _sentences(params: Params) -> dict[str, str]:
    return {feature.name: feature.description for feature in feature_list(params)}


def test_a_sentence_says_the_source_when_it_was_known_and_the_choice() -> None:
    chosen = mock_params(vintage={"take": "newest_filled", "max_age": "36h"})
    assert _sentences(chosen)["temp"] == (
        "temp from source weather (known at its issue time), else from source model (known 12h before its step); "
        "the newest vintage that is not empty, at most 36h old, known at the step's origin."
    )


def test_a_known_value_has_revisions_instead_of_vintages() -> None:
    assert _sentences(mock_params())["level"] == (
        "level from source tide (known at the stamp in its column k); "
        "the newest revision known at the step's origin."
    )


@pytest.mark.parametrize(
    ("known", "text"),
    [
        ({"after_step": "0h"}, "known at the end of its step"),
        ({"after_step": "90min"}, "known 90min after the end of its step"),
        ({"before_step": "1d"}, "known 1d before its step"),
        (
            {"day": -1, "at": "09:30", "zone": "group"},
            "known at 09:30 in the group's zone 1 local day before its step",
        ),
        ({"day": 2, "at": "00:00", "zone": "UTC"}, "known at 00:00 UTC 2 local days after its step"),
        ({"day": 0, "at": "12:00"}, "known at 12:00 in the group's zone on the day of its step"),
        ({"column": "published"}, "known at the stamp in its column published"),
    ],
)
def test_every_known_rule_has_its_words(known: dict[str, Any], text: str) -> None:
    features = {"lags": {"usage": ["240h"]}}
    values = mock_params(sources=("meter",), features=features).model_dump(by_alias=True, mode="json")
    values["raw"]["sources"]["meter"]["known"] = known
    assert _sentences(check_params(values, "test"))["usage_lag_240h"] == (
        f"usage from source meter ({text}), 240h of exact time before the step; as known at the step's origin."
    )


def test_days_and_hours_recent_ahead_leads_and_masks_say_what_they_count() -> None:
    features = {
        "lags": {"usage": ["7d"]},
        "recent": {"usage": 3},
        "ahead": 1,
        "calendar": ["yearday"],
        "lead": True,
    }
    found = _sentences(mock_params(features=features))
    assert "7 local days before the step" in found["usage_lag_7d"]
    assert "the newest step with a value;" in found["usage_recent_1"]
    assert "2 steps before the newest step with a value;" in found["usage_recent_3"]
    assert "for the step 1 step later;" in found["temp_ahead_1"]
    assert found["yearday_cos"].startswith("The cosine of the day of the year")
    assert "to its start" in found["lead"]
    assert "source weather" in found["weather_vintage_lead"]
    assert found["usage_lag_7d_missing"].startswith("1 where usage_lag_7d was not known")


def test_small_numbers_are_written_as_words_or_with_their_noun() -> None:
    assert [ordinal(number) for number in (2, 3, 4)] == ["second", "third", "4th"]
    assert [steps_text(count) for count in (1, 2)] == ["1 step", "2 steps"]
