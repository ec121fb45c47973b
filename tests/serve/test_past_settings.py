"""The settings of a training at a moment hold nothing out for a test, and keep the length of validation."""

from __future__ import annotations

from pathlib import Path

import pytest

from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.serve.past_settings import refit_settings, settings_at
from hindcast.pipeline.settings.base import DAY
from hindcast.pipeline.settings.moments import to_moment
from hindcast.pipeline.settings.params import load_params
from hindcast.pipeline.settings.split import Chronological
from hindcast.pipeline.settings.train import TrainSettings

ROOT = Path(__file__).parents[2]
MOMENT = 20_000 * DAY


def settings(*changes: str) -> Chronological:
    split = settings_at(load_params(ROOT / "params.yaml", list(changes)), MOMENT).split
    assert isinstance(split, Chronological)
    assert split.test == 0
    return split


@pytest.mark.parametrize(
    ("split", "share"),
    [
        ("{policy: chronological, validation: 0.1, test: 0.2}", 0.125),
        ("{policy: chronological, validation: 0.1, test: 2024-10-01}", 0.1),
        ("{policy: chronological, validation: 0.0, test: 0.2}", 0.0),
        ("{policy: rolling_origin, folds: 4, validation: 0.1, test: 0.1}", 1 / 6),
    ],
)
def test_shares_are_those_of_what_is_left(split: str, share: float) -> None:
    assert settings(f"split={split}").validation == pytest.approx(share)


def test_dates_keep_their_distance() -> None:
    found = settings("split={policy: chronological, validation: 2024-10-01, test: 2024-10-11}")
    assert found.validation == MOMENT - 10 * DAY


@pytest.mark.parametrize(
    "split",
    ["{policy: chronological, validation: 2024-10-01, test: 0.2}", "{policy: by_series, test: 0.2}"],
)
def test_what_says_no_length_is_an_error(split: str) -> None:
    with pytest.raises(SettingsError, match=r"split\.(validation|policy)"):
        settings(f"split={split}")


def test_a_window_moves_the_begin_but_not_before_the_own_one() -> None:
    params = load_params(ROOT / "params.yaml")
    assert settings_at(params, MOMENT + 5, 365 * DAY).align.from_ == MOMENT - 365 * DAY
    later = load_params(ROOT / "params.yaml", ["align.from=2024-09-20"])
    assert settings_at(later, MOMENT, 365 * DAY).align.from_ == to_moment("2024-09-20")
    assert settings_at(params, MOMENT).align.from_ is None


def test_a_refit_follows_the_recipe_in_the_card() -> None:
    params = load_params(ROOT / "params.yaml", ["train.units=[8]", "train.checkpoint_every=7"])
    recipe = TrainSettings(units=(32,), learning_rate=0.01).recipe() | {"identity": "one_hot"}
    own = refit_settings(params, {"seed": 3, "train": recipe})
    assert (own.seed, own.train.units, own.train.learning_rate, own.train.identity) == (
        3,
        (32,),
        0.01,
        "one_hot",
    )
    assert own.train.checkpoint_every == 7
    assert own.split == Chronological(validation=0.0, test=0.0)
    assert "trees" not in own.evaluate.baselines
    assert own.evaluate.intervals == ()
