"""conf/ is the truth: params.yaml is what DVC composes from it, and every data set in it is sound."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from hindcast.pipeline.inspect.inspect_files import inspect_files
from hindcast.pipeline.settings.params import check_params
from hindcast.pipeline.settings.split import POLICY_NAMES
from tests.project.own_data_set import DATASET as OWN_DATASET

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


MODELS = tuple(sorted(path.stem for path in ROOT.glob("conf/model/*.yaml")))


def _compose_in(folder: Path, dataset: str, *overrides: str) -> dict[str, Any]:
    """Compose a copy of conf/ with a data set `mine` of this text, as DVC does."""
    from dvc.utils.hydra import compose_and_dump

    if not (folder / "conf").exists():
        shutil.copytree(ROOT / "conf", folder / "conf")
    (folder / "conf/dataset/mine.yaml").write_text(dataset, encoding="utf-8")
    target = folder / "params.yaml"
    compose_and_dump(str(target), str(folder / "conf"), None, "config", str(folder), [*overrides])
    composed = yaml.safe_load(target.read_text(encoding="utf-8"))
    assert isinstance(composed, dict)
    return composed


def _says(path: Path, composed: dict[str, Any]) -> list[str]:
    """The settings of a file of conf/ that the composition has with another value."""
    chosen = yaml.safe_load(path.read_text(encoding="utf-8"))
    chosen.pop("defaults", None)
    return list(_different(chosen, composed))


def _different(chosen: dict[str, Any], composed: dict[str, Any], path: str = "") -> Iterator[str]:
    for key, value in chosen.items():
        if isinstance(value, dict) and isinstance(composed[key], dict):
            yield from _different(value, composed[key], f"{path}{key}.")
        elif composed[key] != value:
            yield f"{path}{key}"


@pytest.mark.parametrize("dataset", [*DATASETS, "mine"])
def test_a_model_and_a_split_of_the_command_line_win_over_every_data_set(
    dataset: str, tmp_path: Path
) -> None:
    stubborn = "\n".join(
        [
            (ROOT / "conf/dataset/gefcom2012.yaml").read_text(encoding="utf-8"),
            "split: {policy: chronological, validation: '2010-01-01', test: '2011-01-01'}",
        ]
    )
    # every pair of data set, model and split over all runs of this test
    models, shift = (None, *MODELS), DATASETS.index(dataset) if dataset in DATASETS else len(DATASETS)
    for place, split in enumerate((None, *POLICY_NAMES)):
        model = models[(place + shift) % len(models)]
        chosen = {"dataset": dataset, "model": model, "split": split}
        overrides = [f"{name}={value}" for name, value in chosen.items() if value]
        composed = _compose_in(tmp_path, stubborn, *overrides)
        check_params(composed, " ".join(overrides))
        if split:
            differing = _says(ROOT / f"conf/split/{split}.yaml", composed)
            assert differing == [] or (model == "per_series" and differing == ["train.mode"]), overrides
        if model:
            assert _says(ROOT / f"conf/model/{model}.yaml", composed) == [], overrides


OWN: dict[str, dict[str, Any]] = {
    "chronological": {"validation": "2010-01-01", "test": "2011-01-01"},
    "rolling_origin": {"folds": 2, "window": "sliding", "fold": 1},
    "blocked": {"block": "14d", "distance": "3d"},
    "by_series": {"test": 0.3},
    "by_group": {"test": 0.3},
    "random": {"test": 0.3},
}
"""A section `split` of a data set for each policy, with keys that only this policy has."""


@pytest.mark.parametrize("policy", POLICY_NAMES)
def test_a_split_of_the_command_line_replaces_the_section_of_every_data_set(
    policy: str, tmp_path: Path
) -> None:
    of_data: dict[str, dict[str, Any]] = {
        "split": {"policy": policy, **OWN[policy]},
        "train": {"mode": "windows", "members": 3},
    }
    raw = yaml.safe_load((ROOT / "conf/dataset/gefcom2012.yaml").read_text(encoding="utf-8"))
    text = "# @package _global_\n" + yaml.safe_dump({**raw, **of_data})
    alone = _compose_in(tmp_path, text, "dataset=mine")
    assert alone["split"].items() >= of_data["split"].items()
    check_params(alone, policy)
    for chosen in POLICY_NAMES:
        composed = _compose_in(tmp_path, text, "dataset=mine", f"split={chosen}")
        assert composed["split"] == yaml.safe_load((ROOT / f"conf/split/{chosen}.yaml").read_text())["split"]
        check_params(composed, chosen)
    for model in MODELS:
        check_params(_compose_in(tmp_path, text, "dataset=mine", f"model={model}"), model)


def _inspected(folder: Path) -> str:
    """The proposal for twenty days of hourly values of five series, as text."""
    folder.mkdir()
    lines = [
        f"2024-01-{day:02}T{hour:02}:00Z,{name},{hour + 1.5}"
        for day in range(1, 21)
        for hour in range(24)
        for name in "abcde"
    ]
    (folder / "load.csv").write_text("\n".join(["time,zone,load_mw", *lines, ""]), encoding="utf-8")
    return inspect_files([folder]).require_proposal().text


def test_a_split_of_the_command_line_wins_over_a_data_set_that_inspect_wrote(tmp_path: Path) -> None:
    text = _inspected(tmp_path / "data")
    assert yaml.safe_load(text).keys() == {"raw", "align"}
    for policy in POLICY_NAMES:
        composed = _compose_in(tmp_path, text, "dataset=mine", f"split={policy}")
        assert check_params(composed, policy).split.policy == policy


def test_the_base_says_what_a_data_set_has_without_it(tmp_path: Path) -> None:
    text = _inspected(tmp_path / "data")
    alone = check_params(yaml.safe_load(text), "alone")
    composed = check_params(_compose_in(tmp_path, text, "dataset=mine"), "composed")
    assert (composed.raw, composed.align) == (alone.raw, alone.align)


def test_a_data_set_that_inspect_wrote_leaves_to_the_base_what_it_does_not_know(tmp_path: Path) -> None:
    text = _inspected(tmp_path / "data")
    (tmp_path / "conf").mkdir()
    base = yaml.safe_load((ROOT / "conf/config.yaml").read_text(encoding="utf-8"))
    shutil.copytree(ROOT / "conf", tmp_path / "conf", dirs_exist_ok=True)
    base["align"] |= {
        "gaps": {"fill": "5h", "longer": "indicator"},
        "vintage": {"max_age": "2d"},
        "until": "2030-01-01",
    }
    base["align"]["features"] |= {"ahead": 2, "recent": {}}
    base["raw"]["max_bad_fraction"] = 0.2
    (tmp_path / "conf/config.yaml").write_text(yaml.safe_dump(base, sort_keys=False), encoding="utf-8")
    composed = _compose_in(tmp_path, text, "dataset=mine", "align.from=2024-01-02", "align.groups=[data]")
    assert composed["raw"]["max_bad_fraction"] == 0.2
    for key in ("gaps", "vintage", "until"):
        assert composed["align"][key] == base["align"][key]
    assert composed["align"]["features"]["ahead"] == 2
    assert composed["align"]["groups"] == ["data"]


def test_every_setting_that_dvc_yaml_names_has_a_value_for_a_data_set_that_says_little(
    tmp_path: Path,
) -> None:
    """DVC fails for a parameter that params.yaml lacks, whatever its default."""
    composed = _compose_in(tmp_path, OWN_DATASET, "dataset=mine")
    check_params(composed, "mine")
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    declared = {name for stage in stages.values() for name in stage.get("params", [])}
    assert "raw.zone" in declared
    for name in sorted(declared):
        section: Any = composed
        for key in name.split("."):
            assert key in section, f"{name} has no value: add its default to conf/config.yaml"
            section = section[key]
