"""What a run does not take from conf/ is said, with the command that changes it."""

from __future__ import annotations

from pathlib import Path

from hindcast.pipeline.project.composition import compose_text
from hindcast.pipeline.project.conf_state import conf_notes
from hindcast.pipeline.project.data_set_choice import choose_data_set
from hindcast.pipeline.settings.params import read_params
from tests.project.own_data_set import DATASET, write_mine
from tests.project_copy import git


def notes(project: Path, **variables: str) -> list[str]:
    return conf_notes(project, read_params(project / "params.yaml"), variables)


def test_nothing_is_said_where_params_yaml_is_the_composition(project: Path, tmp_path: Path) -> None:
    assert notes(project) == []
    assert conf_notes(tmp_path, {}, {}) == []  # no conf/ here


def test_an_edit_of_conf_is_named_until_it_is_composed(project: Path) -> None:
    path = project / "conf/config.yaml"
    text = path.read_text(encoding="utf-8")
    assert "epochs: 20\n" in text
    path.write_text(text.replace("epochs: 20\n", "epochs: 21\n"), encoding="utf-8")
    (said,) = notes(project)
    assert "differs from conf/ in 1 setting;" in said
    assert "train.epochs: 20 in params.yaml, 21 in conf/" in said
    assert "hindcast use simulated" in said
    choose_data_set(project, "simulated")
    assert notes(project) == []


def test_another_data_set_in_params_yaml_is_named_and_compared_with_its_own_file(project: Path) -> None:
    text = compose_text(project, ["dataset=opsd", "train.epochs=3"])
    (project / "params.yaml").write_text(text, encoding="utf-8")
    first, second = notes(project)
    assert "hindcast use opsd" in first
    assert "hindcast use simulated" in first
    assert second.splitlines()[1:-1] == ["    train.epochs: 3 in params.yaml, 40 in conf/"]


def test_many_differences_are_counted(project: Path) -> None:
    write_mine(project)
    text = compose_text(project, ["dataset=mine"])
    (project / "params.yaml").write_text(text, encoding="utf-8")  # without a name: it may be any data set
    (said,) = notes(project)
    assert "more" in said.splitlines()[-2]
    assert len(said.splitlines()) == 13


def test_a_name_copied_from_another_data_set_is_named(project: Path) -> None:
    copied = DATASET.replace("raw:\n", "raw:\n  name: ercot\n", 1)
    (project / "conf/dataset/mine.yaml").write_text(copied, encoding="utf-8")
    choose_data_set(project, "mine")
    assert "conf/dataset/mine.yaml has `name: ercot`" in notes(project)[0]


def test_a_broken_conf_is_a_warning_since_the_run_does_not_read_it(project: Path) -> None:
    (project / "conf/dataset/simulated.yaml").write_text("raw: [\n", encoding="utf-8")
    assert "cannot be composed" in notes(project)[0]


def test_an_experiment_names_files_that_git_does_not_have(project: Path) -> None:
    git(project, "init", "--quiet")
    git(project, "add", "--all")
    assert notes(project, DVC_EXP_BASELINE_REV="x") == []
    write_mine(project)
    (project / "networks").mkdir()
    (project / "networks/own.py").write_text("")
    (said,) = notes(project, DVC_EXP_BASELINE_REV="x")
    assert "git add conf/dataset/mine.yaml networks/own.py" in said
    assert notes(project) == []  # `dvc repro` records no experiment
