from __future__ import annotations

from typing import Any

import pytest

from hindcast.pipeline.align.features import description as describe
from hindcast.pipeline.settings.base import Duration
from hindcast.pipeline.settings.params import check_params
from tests.align.mock import mock_params


def test_a_sentence_says_the_source_when_it_was_known_and_the_choice() -> None:
    chosen = mock_params(vintage={"take": "newest_filled", "max_age": "36h"})
    assert describe.of_input(chosen, "temp", ("weather", "model")) == (
        "temp from source weather (known at its issue time), else from source model (known 12h before its step); "
        "the newest vintage that is not empty, at most 36h old, known at the step's origin."
    )


def test_a_known_value_has_revisions_instead_of_vintages() -> None:
    assert describe.of_input(mock_params(), "level", ("tide",)) == (
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
    values = mock_params(sources=("meter",)).model_dump(by_alias=True, mode="json")
    values["raw"]["sources"]["meter"]["known"] = known
    sentence = describe.of_lag(check_params(values, "test"), "usage", ("meter",), Duration.parse("48h"))
    assert (
        sentence
        == f"usage from source meter ({text}), 48h of exact time before the step; as known at the step's origin."
    )


def test_days_and_hours_are_told_apart() -> None:
    sentence = describe.of_lag(mock_params(), "usage", ("meter",), Duration.parse("7d"))
    assert "7 local days before the step" in sentence


def test_recent_ahead_leads_and_masks_say_what_they_count() -> None:
    chosen = mock_params()
    assert "the newest step with a value;" in describe.of_recent(chosen, "usage", ("meter",), 1)
    assert "2 steps before the newest step with a value;" in describe.of_recent(
        chosen, "usage", ("meter",), 3
    )
    assert "for the step 1 step later;" in describe.of_ahead(chosen, "temp", ("weather",), 1)
    assert describe.of_calendar("yearday_cos").startswith("The cosine of the day of the year")
    assert "to its start" in describe.of_lead()
    assert "source weather" in describe.of_vintage_lead("weather")
    assert describe.of_mask("usage_lag_7d").startswith("1 where usage_lag_7d was not known")
