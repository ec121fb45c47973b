"""The small sections: what they refuse, and what of them decides a result."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from hindcast.pipeline.settings.train import TrainSettings


@pytest.mark.parametrize(("value", "text"), [(50, 50), ("90s", "90s"), ("2 min", "2min"), (None, None)])
def test_checkpoints_come_by_batches_by_time_or_never(value: Any, text: Any) -> None:
    settings = TrainSettings.model_validate({"checkpoint_every": value})
    assert settings.model_dump(mode="json")["checkpoint_every"] == text
    assert TrainSettings.model_validate(settings.model_dump(mode="json")) == settings


@pytest.mark.parametrize("value", [0, -1, True, 1.5, "0s", "often"])
def test_any_other_interval_is_refused(value: Any) -> None:
    with pytest.raises(ValidationError, match=r"1min|30s"):
        TrainSettings.model_validate({"checkpoint_every": value})


def test_how_often_a_checkpoint_is_written_is_no_part_of_the_recipe() -> None:
    recipes = [
        TrainSettings.model_validate({"checkpoint_every": every}).recipe() for every in (1, "1h", None)
    ]
    assert recipes[0] == recipes[1] == recipes[2]
    assert TrainSettings.model_validate({"epochs": 3}).recipe() != recipes[0]
