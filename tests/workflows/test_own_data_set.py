"""The project's own data set under DVC: no other one runs by accident, and faults are ours, before anything runs."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from tests.project.own_data_set import DATASET
from tests.project_copy import ProjectCopy, git, run_in

pytestmark = pytest.mark.workflow


@pytest.fixture
def folder(tmp_path: Path, root: Path) -> Path:
    """A project whose own data set is `mine`, described and chosen as the README says."""
    made = ProjectCopy(tmp_path / "one", root).folder
    (made / "data/raw/mine").mkdir(parents=True)
    rows = [f"2024-01-{day:02}T{hour:02}:00Z,{day + hour}" for day in range(1, 30) for hour in range(24)]
    (made / "data/raw/mine/a.csv").write_text("\n".join(["time,mw", *rows, ""]), encoding="utf-8")
    (made / "conf/dataset/mine.yaml").write_text(DATASET, encoding="utf-8")
    assert run_in(made, "hindcast.stages.cli", "use", "mine").returncode == 0
    git(made, "add", "--all")
    git(made, "commit", "--quiet", "--message", "Our data set")
    return made


def ran(text: str) -> list[str]:
    """The stages that DVC ran, in order."""
    return re.findall(r"Running stage '([\w@]+)'", text)


def test_every_run_uses_the_own_data_set_and_simulate_is_not_in_its_graph(folder: Path) -> None:
    done = run_in(folder, "dvc", "exp", "run", "ingest")
    assert done.returncode == 0, done.stdout + done.stderr
    assert ran(done.stdout) == ["check", "ingest"]
    assert done.stdout.count("data set mine, raw.path data/raw/mine") == 2  # either stage names it
    other = run_in(folder, "dvc", "exp", "run", "-S", "train.epochs=3", "ingest")
    assert other.returncode == 0, other.stdout + other.stderr
    assert ran(other.stdout) == ["check"]
    assert "data set mine" in other.stdout
    again = run_in(folder, "dvc", "repro", "ingest")
    assert ran(again.stdout) == ["check"], again.stdout + again.stderr
    assert "train.epochs: 3 in params.yaml, 20 in conf/" in again.stdout
    assert "simulate" not in run_in(folder, "dvc", "stage", "list").stdout
    assert not (folder / "data/simulated").exists()
    small = ("-S", "simulate.games=1", "-S", "simulate.days=20")
    simulated = run_in(folder, "dvc", "exp", "run", "-S", "dataset=simulated", *small, "simulate@games")
    assert ran(simulated.stdout) == ["check", "simulate@games"], simulated.stdout + simulated.stderr


def test_an_absent_folder_of_raw_files_is_our_error_before_anything_runs(folder: Path) -> None:
    shutil.rmtree(folder / "data/raw/mine")
    for words in (("dvc", "repro"), ("dvc", "exp", "run")):
        done = run_in(folder, *words)
        assert done.returncode != 0
        shown = done.stdout + done.stderr
        assert (
            "check: raw.path: data/raw/mine does not exist; put the raw files there or change raw.path."
            in shown
        )
        assert "Errno" not in shown
        assert ran(done.stdout) == ["check"]


@pytest.mark.parametrize("way", ["--temp", "--queue"])
def test_an_experiment_elsewhere_says_what_it_lacks_or_works(way: str, folder: Path) -> None:
    absolute = f"raw.path={folder}/data/raw/mine"
    done = run_in(folder, "dvc", "exp", "run", way, "ingest")
    other = run_in(folder, "dvc", "exp", "run", way, "-S", absolute, "ingest")
    if way == "--queue":
        started = run_in(folder, "dvc", "exp", "run", "--run-all")
        shown = started.stdout + started.stderr
    else:
        assert other.returncode == 0, other.stdout + other.stderr
        assert done.returncode != 0
        shown = done.stdout + done.stderr + other.stdout
    assert "copy only what git or DVC tracks" in shown, shown
    assert f"-S {absolute}" in shown
    assert "Errno" not in shown
    assert "load: 696 rows" in shown
    if way == "--queue":
        readme = (folder / "README.md").read_text(encoding="utf-8")
        (line,) = re.findall(r"^(dvc exp show .*?)\s+#", readme, re.MULTILINE)
        table = run_in(folder, *shlex.split(line)).stdout
        assert "State" in table, table
        assert "Failed" in table, table
