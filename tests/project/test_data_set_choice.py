"""`hindcast use`: conf/config.yaml names another data set and keeps all else, params.yaml is what DVC would compose."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from hindcast.pipeline.errors import MissingInputError, SettingsError
from hindcast.pipeline.project.data_set_choice import choose_data_set, chosen_data_set
from hindcast.stages import use
from tests.project.own_data_set import DATASET


def test_the_chosen_data_set_is_named_and_composed_and_every_other_line_stays(
    project: Path, compose_text: Callable[..., str]
) -> None:
    before = (project / "conf/config.yaml").read_text(encoding="utf-8")
    choice = choose_data_set(project, "opsd")
    assert (choice.before, choice.now) == ("simulated", "opsd")
    after = (project / "conf/config.yaml").read_text(encoding="utf-8")
    assert after == before.replace("- dataset: simulated", "- dataset: opsd")
    assert (project / "params.yaml").read_text(encoding="utf-8") == compose_text("dataset=opsd")
    assert chosen_data_set(project) == "opsd"
    choose_data_set(project, "simulated")
    assert (project / "conf/config.yaml").read_text(encoding="utf-8") == before


@pytest.mark.parametrize("entry", ["'simulated'  # why", '"simulated"', "simulated # x", "simulated\r"])
def test_quotes_comments_and_line_ends_stay(project: Path, entry: str) -> None:
    path = project / "conf/config.yaml"
    before = path.read_bytes().decode()
    path.write_bytes(before.replace("- dataset: simulated", f"- dataset: {entry}").encode())
    choose_data_set(project, "ercot")
    kept = entry.strip("'\"").removeprefix("simulated").lstrip("'\"")
    assert path.read_bytes().decode() == before.replace("- dataset: simulated", f"- dataset: ercot{kept}")


@pytest.mark.parametrize("name", ["2012", "no", "my-set", "läst"])
def test_a_name_that_yaml_reads_as_something_else_is_quoted(project: Path, name: str) -> None:
    (project / f"conf/dataset/{name}.yaml").write_text(DATASET, encoding="utf-8")
    choose_data_set(project, name)
    assert chosen_data_set(project) == name
    from hindcast.pipeline.project.composition import compose_text

    assert compose_text(project) == (project / "params.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "name", "fault", "message"),
    [
        (lambda _: None, "mine", MissingInputError, "conf/dataset/mine.yaml was not found"),
        (lambda _: None, "erkot", MissingInputError, "Did you mean ercot?"),
        (lambda _: None, "../dataset/ercot", MissingInputError, "There is no data set"),
        (lambda path: (path / "conf/config.yaml").unlink(), "ercot", MissingInputError, "project's folder"),
        (
            lambda path: (path / "conf/config.yaml").write_text("defaults: [_self_]\n"),
            "ercot",
            SettingsError,
            "`- dataset: NAME`, found 0",
        ),
        (
            lambda path: (path / "conf/dataset/ercot.yaml").write_text("raw: {a\n"),
            "ercot",
            SettingsError,
            "cannot be composed",
        ),
    ],
)
def test_a_fault_is_named_and_changes_nothing(
    project: Path, spoil: Callable[[Path], object], name: str, fault: type[Exception], message: str
) -> None:
    spoil(project)
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    with pytest.raises(fault, match=message):
        choose_data_set(project, name)
    assert {path: path.read_bytes() for path in project.rglob("*") if path.is_file()} == before


def test_the_command_lists_and_chooses(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project)
    assert use.main(["opsd"]) == 0
    shown = capsys.readouterr().out
    assert "The data set is now opsd" in shown
    assert "Warning" not in shown
    assert use.main([]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "  entsoe",
        "  ercot",
        "  gefcom2012",
        "* opsd",
        "  simulated",
    ]
    assert use.main(["nothing"]) == 1
    assert "entsoe, ercot, gefcom2012, opsd, simulated" in capsys.readouterr().err
    shutil.rmtree("conf")
    assert use.main([]) == 1
    assert "conf/config.yaml was not found" in capsys.readouterr().err


def test_faults_of_the_settings_are_named_and_the_choice_is_made(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = project / "conf/dataset/ercot.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(f"{text}\nmonitor: {{window: 3d}}\npredict: {{archive: perhaps}}\n", encoding="utf-8")
    monkeypatch.chdir(project)
    assert use.main(["ercot"]) == 0
    shown = capsys.readouterr().out
    assert "The data set is now ercot" in shown
    assert "Warning: 2 faults in its settings" in shown
    assert "monitor: window must be whole days" in shown
    assert "predict.archive" in shown
    assert shown.rstrip().splitlines()[1].endswith("hindcast use ercot")
