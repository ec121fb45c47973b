"""`examples/service/refit.yaml` makes a refit a stage of DVC: it runs when its inputs change, and a refused refit is no failure."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.serve.conftest import ROOT, settings_of

RECIPE = ROOT / "examples/service/refit.yaml"


def program(folder: Path, code: str) -> Path:
    """A program `hindcast` that notes each call."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "hindcast"
    path.write_text(f'#!/bin/sh\necho "$@" >> {folder}/calls\n{code}\n', encoding="utf-8")
    path.chmod(0o755)
    return path


def project(folder: Path) -> Path:
    """A repository with the recipe, and inputs of the stage."""
    for name in ("models/model.keras", "data/tables/tables.json", "data/dataset.h5", "params.yaml"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("a: 1\n", encoding="utf-8")
    with_recipe(folder)
    return folder


def with_recipe(folder: Path) -> None:
    shutil.copy(ROOT / ".gitignore", folder)
    (folder / "service").mkdir()
    shutil.copy(RECIPE, folder / "service/dvc.yaml")
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    dvc(folder, folder, "init", "--quiet")


def dvc(folder: Path, programs: Path, *words: str) -> str:
    """Run DVC in a folder, with the programs in another one first on the PATH; return what it printed."""
    path = os.pathsep.join([str(programs), str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *words],
        cwd=folder,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_it_runs_when_an_input_changes_and_keeps_what_serves_if_the_refit_is_refused(tmp_path: Path) -> None:
    folder, programs = project(tmp_path / "project"), tmp_path / "programs"
    calls = programs / "calls"
    refused = 'mkdir -p reports; echo "{\\"worse\\": [\\"load\\"]}" > reports/refit.json; exit 3'
    program(programs, refused)
    dvc(folder, programs, "repro", "--all-pipelines")
    assert calls.read_text(encoding="utf-8") == "refit\n"
    assert json.loads((folder / "reports/refit.json").read_text())["worse"] == ["load"]
    assert not list((folder / "serving").iterdir())
    assert "didn't change" in dvc(folder, programs, "repro", "--all-pipelines")
    program(programs, "echo {} > reports/refit.json; mkdir serving/new; echo new > serving/new/model.keras")
    (folder / "models/model.keras").write_text("b", encoding="utf-8")
    dvc(folder, programs, "repro", "--all-pipelines")
    assert calls.read_text(encoding="utf-8") == "refit\nrefit\n"
    (folder / "params.yaml").write_text("a: 2\n", encoding="utf-8")
    program(programs, refused)
    dvc(folder, programs, "repro", "--all-pipelines")
    assert (folder / "serving/new/model.keras").read_text(encoding="utf-8") == "new\n", "what serves stays"
    program(programs, "exit 1")
    (folder / "params.yaml").write_text("a: 3\n", encoding="utf-8")
    with pytest.raises(AssertionError, match="failed to reproduce"):
        dvc(folder, programs, "repro", "--all-pipelines")
    ignored = subprocess.run(
        ["git", "status", "--short", "--untracked-files=all"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "serving" not in ignored
    assert "?? service/dvc.lock" in ignored


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_team_runs_it_with_the_network_of_a_project(stateful: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(stateful, tmp_path / "project"))
    with_recipe(folder)
    words = " ".join(f"'{word}'" for word in [*settings_of("stateful"), "--set", "refit.holdout=9d"])
    program(
        tmp_path / "programs", f"PYTHONPATH={ROOT} exec {sys.executable} -m hindcast.stages.refit {words}"
    )
    dvc(folder, tmp_path / "programs", "repro", "--all-pipelines")
    report = json.loads((folder / "reports/refit.json").read_text(encoding="utf-8"))
    assert (folder / report["serves"] / "model.keras").is_file()
    lock = yaml.safe_load((folder / "service/dvc.lock").read_text(encoding="utf-8"))
    assert {each["path"] for each in lock["stages"]["refit"]["outs"]} == {"serving", "reports/refit.json"}
    assert "didn't change" in dvc(folder, tmp_path / "programs", "repro", "--all-pipelines")
