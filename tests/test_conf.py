"""conf/ is the truth: params.yaml is what DVC composes from it, and every data set in it is sound."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.settings.params import check_params

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


def test_an_override_reaches_the_composed_settings(compose: Callable[..., dict[str, Any]]) -> None:
    assert compose("train.units=[32,16]")["train"]["units"] == [32, 16]
