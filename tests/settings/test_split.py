"""The split section: what each policy takes, what it refuses, and what it cannot go together with."""

from __future__ import annotations

from typing import Any

import pytest

from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.settings.params import Params, check_params
from hindcast.pipeline.settings.split import Blocked, Chronological, HeldOut, RandomSamples, RollingOrigin
from tests.align.mock import SOURCES


def checked(split: dict[str, Any], *, mode: str = "windows", **features: Any) -> Params:
    meter = {"group": {"constant": "here"}, **SOURCES["meter"]}  # a column says when its values are known
    if not features.pop("column", False):
        meter["known"] = {"after_step": "1h"}
    return check_params(
        {
            "raw": {"path": "none", "frequency": "1h", "sources": {"meter": meter}},
            "align": {
                "target": ["usage"],
                "origin": {"before": "24h"},
                "gaps": {"fill": "2h"},
                "features": features,
            },
            "split": split,
            "train": {"mode": mode},
        },
        "mock",
    )


def faults(split: dict[str, Any], **more: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        checked(split, **more)
    return str(caught.value)


@pytest.mark.parametrize(
    ("policy", "form"),
    [
        ("chronological", Chronological),
        ("rolling_origin", RollingOrigin),
        ("blocked", Blocked),
        ("by_series", HeldOut),
        ("by_group", HeldOut),
        ("random", RandomSamples),
    ],
)
def test_each_policy_has_its_form_and_works_with_the_same_shares(policy: str, form: type) -> None:
    split = checked({"policy": policy, "validation": 0.1, "test": 0.2}).split
    assert isinstance(split, form)
    assert (split.validation, split.test) == (0.1, 0.2)
    assert checked(split.model_dump(mode="json")).split == split


def test_without_a_policy_it_is_chronological() -> None:
    assert isinstance(checked({"test": 0.3}).split, Chronological)


@pytest.mark.parametrize("policy", ["random", "blocked"])
def test_scattered_training_is_refused_with_carried_state_and_a_remedy_named(policy: str) -> None:
    message = faults({"policy": policy}, mode="stateful")
    assert f"split.policy: {policy} puts held-out time between" in message
    assert (
        "set train.mode=windows, or split.policy to chronological, rolling_origin, by_series or by_group"
        in message
    )


@pytest.mark.parametrize("policy", ["chronological", "rolling_origin", "by_series", "by_group"])
def test_the_other_policies_go_with_carried_state(policy: str) -> None:
    assert checked({"policy": policy}, mode="stateful").split.policy == policy


@pytest.mark.parametrize(
    ("split", "words"),
    [
        (
            {"policy": "shuffled"},
            "split must be a section whose policy is one of chronological, rolling_origin",
        ),
        ({"policy": ["random"]}, "split must be a section whose policy is one of"),
        (
            {"policy": "random", "folds": 3},
            "split.folds: a key of split.policy rolling_origin only: remove it",
        ),
        ({"folds": 3}, "split.folds: a key of split.policy rolling_origin only: remove it"),
        ({"policy": "by_group", "block": "7d"}, "split.block: a key of split.policy blocked only: remove it"),
        ({"fold_count": 3}, "split.fold_count: unknown key"),
        ({"policy": "random", "test": 1}, "split.test: must be a share in [0, 1)"),
        (
            {"policy": "by_group", "test": "2024-01-01"},
            "split.test: must be a share in [0, 1) (only chronological",
        ),
        (
            {"policy": "blocked", "validation": 0.5, "test": 0.5},
            "leave nothing to train on: their sum must be below 1, found 1",
        ),
        (
            {"policy": "rolling_origin", "folds": 0},
            "split.folds: must be greater than or equal to 1, found 0",
        ),
        ({"policy": "rolling_origin", "test": 0}, "test: must be above 0, because each fold"),
        ({"policy": "rolling_origin", "window": "moving"}, "split.window: "),
        (
            {"policy": "blocked", "block": "90min"},
            "split.block: must be a multiple of the frequency 1h, found 90min",
        ),
        (
            {"policy": "blocked", "distance": "90min"},
            "split.distance: must be a multiple of the frequency 1h",
        ),
        ({"policy": "blocked", "block": 28}, "split.block: must be a duration such as"),
    ],
    ids=str,
)
def test_what_means_nothing_is_refused_with_its_path(split: dict[str, Any], words: str) -> None:
    assert words in faults(split)


def test_all_faults_of_a_policy_are_reported_together() -> None:
    message = faults({"policy": "rolling_origin", "folds": 9, "fold": 9})
    assert (
        "9 tests of 0.2 of the span, one per fold, and a validation of 0.1 leave nothing to train on: their sum must be below 1, found 1.9"
        in message
    )
    assert "fold: must be in 0 to 8, found 9" in message
    both = faults({"policy": "blocked", "block": "90min", "distance": "30min"}, mode="stateful")
    assert all(words in both for words in ("split.policy: ", "split.block: ", "split.distance: "))


def test_where_a_column_says_when_values_are_known_a_distance_must_be_given() -> None:
    message = faults({"policy": "blocked"}, column=True, recent={"usage": 2})
    assert (
        "split.distance: cannot be computed, because a column gives the known times of source meter"
        in message
    )
    checked({"policy": "blocked", "distance": "30d"}, column=True, recent={"usage": 2})
    checked({"policy": "blocked"}, column=True, lags={"usage": ["48h"]})  # a lag is as long as it says
