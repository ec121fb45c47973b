"""`hindcast init` makes a project, shows what was found in the files, and says what to do next."""

from __future__ import annotations

from pathlib import Path

import pytest

from hindcast.pipeline.settings.params import check_params, read_params
from hindcast.stages import init
from tests.project.exported_files import write_exports
from tests.project.test_new_project import author  # noqa: F401  # used by every test


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, empty."""
    made = tmp_path / "here"
    made.mkdir()
    monkeypatch.chdir(made)
    return made


def test_its_help_shows_an_example_and_the_three_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    assert init.main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert "hindcast init load --from" in shown
    assert "FILES..." in shown
    assert "--remote" in shown


@pytest.mark.parametrize("argv", [[], ["load", "a.csv"], ["load", "--from"]])
def test_wrong_usage_exits_2_and_makes_nothing(argv: list[str], folder: Path) -> None:
    assert init.main(argv) == 2
    assert list(folder.iterdir()) == []


def test_several_files_become_the_data_set_and_the_open_questions_are_named(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = write_exports(folder.parent / "exports")
    assert init.main(["load", "--from", str(first), str(second)]) == 0
    shown = capsys.readouterr().out
    project = folder / "load"
    params = check_params(read_params(project / "params.yaml"), "params.yaml")
    assert (params.raw.path, params.raw.data_set) == ("data/raw/load", "load")
    description = (project / "conf/dataset/load.yaml").read_text(encoding="utf-8")
    assert str(folder.parent) not in description
    assert "# ?" in description
    assert "2 files copied to data/raw/load, which DVC tracks" in shown
    assert sorted(path.name for path in (project / "data/raw/load").iterdir()) == [
        "AT_60min.csv",
        "FR_60min.csv",
    ]
    answers = next(line for line in shown.splitlines() if "answer the questions" in line)
    assert "conf/dataset/load.yaml" in answers
    assert "hindcast use load" in answers
    assert shown.splitlines()[-1].endswith("dvc repro")


def test_without_files_the_simulated_data_set_runs_at_once(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert init.main(["load"]) == 0
    shown = capsys.readouterr().out
    assert "data set is simulated" in shown
    assert "answer" not in shown
    assert (folder / "load/conf/dataset/simulated.yaml").is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a/b"], "NAME must"),
        (["load", "--from", "absent.csv"], "absent.csv: no such file or folder"),
        (["load", "--from", "."], "There are no CSV or Parquet files"),
        (["load", "--from", "poem.csv"], "None of these files can be read"),
    ],
)
def test_a_fault_is_named_before_anything_is_made(
    words: list[str], message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if "poem.csv" in words:
        (folder / "poem.csv").write_text("roses are red\nviolets are blue\n", encoding="utf-8")
    before = list(folder.iterdir())
    assert init.main(words) == 1
    assert message in capsys.readouterr().err
    assert list(folder.iterdir()) == before


def test_a_remote_that_needs_a_package_names_it() -> None:
    steps = list(init._next_steps("load", [], "s3://bucket/path", ""))
    assert "python -m pip install dvc-s3, which DVC needs for this remote" in steps
    assert not any("dvc-" in step for step in init._next_steps("load", [], "/mnt/s3", ""))
