"""The composition of conf/, and what differs from it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hindcast.pipeline.errors import MissingInputError, SettingsError
from hindcast.pipeline.project.composition import compose_text, data_sets, differences
from hindcast.pipeline.settings.params import read_params


def test_the_composition_is_that_of_dvc(project: Path, root: Path, compose_text: Callable[..., str]) -> None:
    from hindcast.pipeline.project import composition

    assert composition.compose_text(project) == (root / "params.yaml").read_text(encoding="utf-8")
    assert composition.compose_text(project, ["dataset=ercot", "seed=3"]) == compose_text(
        "dataset=ercot", "seed=3"
    )
    assert data_sets(project) == ["entsoe", "ercot", "gefcom2012", "opsd", "simulated"]


def test_each_setting_that_differs_is_named_with_both_values(project: Path) -> None:
    params = read_params(project / "params.yaml")
    assert differences(project, params) == []
    params["train"]["units"] = [32]
    del params["scale"]
    params["pack"]["extra"] = 1
    assert sorted(differences(project, params)) == [
        "pack.extra: 1 in params.yaml, absent in conf/",
        "scale: absent in params.yaml, a section in conf/",
        "train.units: [32] in params.yaml, [64] in conf/",
    ]


def test_a_folder_without_conf_and_a_broken_conf_are_named(project: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="run the command in the project's folder"):
        compose_text(tmp_path)
    with pytest.raises(SettingsError, match="cannot be composed"):
        compose_text(project, ["dataset=nothing"])


@pytest.mark.parametrize(
    ("word", "said"),
    [
        (
            "train.unitz=[8]",
            "no setting train.unitz. Did you mean train.units? One that conf/ does not name is added with a +: +train.unitz=VALUE",
        ),
        ("splitt=by_series", "conf/ has no setting splitt. Did you mean split?"),
        ("zzzzzz=1", "conf/ has no setting zzzzzz. One that"),
        (
            "split=by_serie",
            "conf/split/by_serie.yaml was not found. Did you mean by_series? In conf/split: blocked, by_group",
        ),
        ("~train.nothing", "'train.nothing' does not exist"),
    ],
)
def test_what_an_override_names_wrongly_is_told_with_a_near_name(project: Path, word: str, said: str) -> None:
    with pytest.raises(SettingsError) as found:
        compose_text(project, ["seed=8", word])
    (fault,) = found.value.faults
    assert said in fault
    assert "provider=" not in fault
