from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from hindcast.pipeline.settings.train import MOST_ONE_HOT, TrainSettings, middle_of


@pytest.mark.parametrize(("value", "text"), [(50, 50), ("90s", "90s"), ("2 min", "2min"), (None, None)])
def test_checkpoints_come_by_batches_by_time_or_never(value: Any, text: Any) -> None:
    settings = TrainSettings.model_validate({"checkpoint_every": value})
    assert settings.model_dump(mode="json")["checkpoint_every"] == text
    assert TrainSettings.model_validate(settings.model_dump(mode="json")) == settings


@pytest.mark.parametrize("value", [0, -1, True, 1.5, "0s", "often"])
def test_any_other_interval_is_refused(value: Any) -> None:
    with pytest.raises(ValidationError, match=r"1min|30s"):
        TrainSettings.model_validate({"checkpoint_every": value})


def test_settings_added_later_are_no_part_of_the_recipe_at_their_defaults() -> None:
    added = {"plateau", "loss_units", "lead_weights", "half_life"}
    assert not added & TrainSettings().recipe().keys()
    changed = TrainSettings.model_validate({"half_life": "90d", "lead_weights": {"12h": 0.5}})
    assert changed.recipe().items() >= {"half_life": "90d", "lead_weights": {"12h": 0.5}}.items()


def test_how_often_a_checkpoint_is_written_is_no_part_of_the_recipe() -> None:
    recipes = [
        TrainSettings.model_validate({"checkpoint_every": every}).recipe() for every in (1, "1h", None)
    ]
    assert recipes[0] == recipes[1] == recipes[2]
    assert TrainSettings.model_validate({"epochs": 3}).recipe() != recipes[0]


def test_the_default_identity_is_an_embedding_for_many_series_and_a_named_one_stays() -> None:
    counts = (0, 1, MOST_ONE_HOT, MOST_ONE_HOT + 1, 20_000)
    chosen = [TrainSettings().identity_for(series) for series in counts]
    assert chosen == ["one_hot"] * 3 + ["embedding"] * 2
    for name in ("one_hot", "embedding", "none"):
        settings = TrainSettings.model_validate({"identity": name})
        assert {settings.identity_for(series) for series in counts} == {name}


def test_the_kernels_are_part_of_the_recipe() -> None:
    assert TrainSettings().recipe()["bits"] == "exact"
    assert TrainSettings.model_validate({"bits": "fast"}).recipe() != TrainSettings().recipe()
    with pytest.raises(ValidationError, match="bits"):
        TrainSettings.model_validate({"bits": "quick"})


@pytest.mark.parametrize(
    ("quantiles", "place"),
    [((0.1, 0.5, 0.9), 1), ((0.1, 0.9), 0), ((0.4, 0.6), 0), ((0.05, 0.3), 1), ((), 0)],
)
def test_the_middle_quantile_is_the_nearest_to_the_median(quantiles: tuple[float, ...], place: int) -> None:
    assert middle_of(quantiles) == place


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"loss": "pinball"}, "quantiles and the pinball loss must be set together"),
        ({"quantiles": [0.1, 0.9]}, "quantiles and the pinball loss must be set together"),
        ({"loss": "pinball", "quantiles": [0.9, 0.1]}, "quantiles must be in strictly ascending order"),
        (
            {"members": 2, "model": "networks.example:two_branches"},
            "members above 1 need the built-in network",
        ),
        ({"model": "networks/example.py"}, "package.module:function"),
        ({"schedule": "plateau", "plateau": 5}, "set plateau to less than patience"),
        ({"lead_weights": {"24h": 1, "1d": 0.5}}, "must name each lead once"),
        ({"lead_weights": {"24": 1}}, "must be a duration"),
        ({"lead_weights": {"24h": -1}}, "greater than or equal to 0"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings: dict[str, Any], rule: str) -> None:
    with pytest.raises(ValidationError, match=rule):
        TrainSettings.model_validate(settings)
