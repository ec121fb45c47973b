"""conf/ is the truth: params.yaml is what DVC composes from it, and every data set in it is sound."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hindcast.pipeline.settings.params import check_params
from hindcast.pipeline.settings.split import POLICY_NAMES

ROOT = Path(__file__).resolve().parents[1]
DATASETS = ("simulated", "gefcom2012", "ercot", "opsd", "entsoe")


def test_params_yaml_is_the_composition_of_conf(compose_text: Callable[..., str]) -> None:
    params = ROOT / "params.yaml"
    assert params.is_file(), "params.yaml is absent"
    same = params.read_text(encoding="utf-8") == compose_text()
    assert same, "params.yaml differs from what conf/ composes to: edit conf/, then `make params`"


def test_the_known_data_sets_are_all_there() -> None:
    assert {path.stem for path in ROOT.glob("conf/dataset/*.yaml")} >= set(DATASETS)  # a team adds its own


@pytest.mark.parametrize("name", DATASETS)
def test_a_data_set_composes_to_settings_without_a_fault(
    name: str, compose: Callable[..., dict[str, Any]]
) -> None:
    check_params(compose(f"dataset={name}"), name)


@pytest.mark.parametrize("path", sorted(ROOT.glob("conf/split/*.yaml")), ids=lambda path: path.stem)
def test_a_split_policy_composes_to_settings_without_a_fault(
    path: Path, compose: Callable[..., dict[str, Any]]
) -> None:
    params = check_params(compose(f"split={path.stem}"), path.stem)
    assert params.split.policy == path.stem
    assert params.split.model_dump(mode="json").keys() == compose(f"split={path.stem}")["split"].keys()


def test_every_policy_has_its_file() -> None:
    assert {path.stem for path in ROOT.glob("conf/split/*.yaml")} == set(POLICY_NAMES)


def test_a_fold_is_chosen_by_an_override(compose: Callable[..., dict[str, Any]]) -> None:
    assert compose("split=rolling_origin", "split.fold=1")["split"]["fold"] == 1


def test_an_override_reaches_the_composed_settings(compose: Callable[..., dict[str, Any]]) -> None:
    assert compose("train.units=[32,16]")["train"]["units"] == [32, 16]
