"""The setting `train.blend`."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from hindcast.pipeline.settings.blend import MEMBERS, BlendSettings
from hindcast.pipeline.settings.train import TrainSettings


def test_true_is_a_blend_of_all_members_and_false_is_none() -> None:
    assert TrainSettings.model_validate({"blend": True}).blend == BlendSettings(members=MEMBERS)
    for value in (False, None):
        assert TrainSettings.model_validate({"blend": value}).blend is None


def test_without_a_blend_the_recipe_is_that_of_earlier_versions() -> None:
    assert "blend" not in TrainSettings().recipe()
    assert TrainSettings.model_validate({"blend": True}).recipe()["blend"] == {"members": list(MEMBERS)}


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (["published"], "members must name model, the network, found published"),
        (["model", "trees", "trees"], "members names trees twice"),
        (["model", "reference_24h"], "published"),
    ],
)
def test_members_are_forecasters_known_at_the_origin_with_the_network_among_them(
    members: list[str], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        TrainSettings.model_validate({"blend": {"members": members}})
