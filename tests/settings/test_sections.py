from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from hindcast.pipeline.settings.base import DAY
from hindcast.pipeline.settings.sections import PredictSettings, ScaleSettings, SimulateSettings


def test_targets_are_scaled_as_features_unless_they_have_their_own_rule() -> None:
    assert ScaleSettings(by="series").of_targets == "series"
    assert ScaleSettings(by="series", target="none").of_targets == "none"


@pytest.mark.parametrize("start", ["2024-09-15T00:30", None, "soon"])
def test_simulated_data_starts_on_a_full_hour(start: Any) -> None:
    with pytest.raises(ValidationError, match=r"a full UTC hour such as|a UTC timestamp such as"):
        SimulateSettings.model_validate({"start": start})


def test_the_default_start_is_the_date_that_its_comment_names() -> None:
    assert SimulateSettings.model_validate({"start": "2024-09-15"}) == SimulateSettings()


def test_a_fallback_is_a_name_or_a_name_with_the_greatest_age_of_its_value() -> None:
    chosen = PredictSettings.model_validate(
        {"fallback": ["published", {"name": "persistence", "at_most": "2d"}]}
    )
    assert chosen.limits == {"published": None, "persistence": 2 * DAY}
    assert chosen.model_dump(mode="json")["fallback"] == [
        "published",
        {"name": "persistence", "at_most": "2d"},
    ]
    assert set(PredictSettings().limits.values()) == {None}


@pytest.mark.parametrize(
    ("fallback", "said"),
    [
        (["yesterday"], "Input should be 'published'"),
        ([{"name": "persistence"}], "at_most"),
        ([{"name": "persistence", "at_most": "0h"}], "must be a duration above zero"),
        (["persistence", {"name": "persistence", "at_most": "2d"}], "fallback names persistence twice"),
    ],
)
def test_a_wrong_fallback_is_named(fallback: list[Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        PredictSettings.model_validate({"fallback": fallback})
