"""A sweep is restartable after a real kill, runs equal work once, and leaves DVC experiments and nothing else."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.experiments.small_project import make_small_project
from tests.project_copy import ProjectCopy, git, run_in

pytestmark = pytest.mark.workflow

ROOT = Path(__file__).resolve().parents[2]
EIGHT = ("train.units=[1],[2],[3],[4]", "split.validation=0.1,0.2", "--jobs", "2", "--name", "eight")
TWO = ("train.units=[1],[2]", "--jobs", "2", "--name", "two")


def begin(project: Path, *words: str, **variables: str) -> subprocess.Popen[str]:
    """Start a sweep in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "hindcast.stages.sweep", *words],
        cwd=project,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "SWEEP_TEST_NOTES": str(project.parent / "notes"),
            **variables,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def sweep(project: Path, *words: str, **variables: str) -> tuple[int, str]:
    program = begin(project, *words, **variables)
    out, err = program.communicate(timeout=300)
    return program.returncode, out + err


def notes(project: Path, event: str) -> Counter[str]:
    """How often each stage of each combination began or ended."""
    path = project.parent / "notes"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return Counter(line.removeprefix(f"{event} ") for line in lines if line.startswith(f"{event} "))


def experiments(project: Path) -> set[str]:
    return {
        line.rpartition("/")[2]
        for line in git(project, "for-each-ref", "--format=%(refname)", "refs/exps").split()
    }


def wait_for(condition: object, seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_sweep_of_eight_killed_in_the_middle_has_eight_results_and_none_ran_twice(tmp_path: Path) -> None:
    project = make_small_project(tmp_path / "a project", ROOT)
    killed = begin(project, *EIGHT, SWEEP_TEST_BLOCKS="3")
    wait_for(
        lambda: (
            {"train 3 0.1", "train 3 0.2"} <= set(notes(project, "begin")) and len(experiments(project)) == 5
        )
    )
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    finished, recorded = notes(project, "end"), experiments(project)
    assert len(recorded) == 5  # of three, two were in the middle of their training
    code, shown = sweep(project, *EIGHT)
    assert code == 0, shown
    assert "8 combinations, 5 recorded, 3 to run, 2 at a time" in shown
    names = {f"eight-units_{units}-validation_{share}" for units in (1, 2, 3, 4) for share in (0.1, 0.2)}
    assert experiments(project) == names
    ended = notes(project, "end")
    work = {what for what in ended if not what.startswith("check")}
    assert work == {
        "ingest - -",
        *(f"split - {share}" for share in (0.1, 0.2)),
        *(
            f"{stage} {units} {share}"
            for stage in ("train", "evaluate")
            for units in (1, 2, 3, 4)
            for share in (0.1, 0.2)
        ),
    }
    assert all(ended[what] == 1 for what in work), ended
    assert all(notes(project, "begin")[what] == 1 for what in finished if not what.startswith("check"))
    assert git(project, "worktree", "list", "--porcelain").count("worktree ") == 1
    assert not list((project / ".hindcast/sweeps/eight/trees").iterdir())
    table = [line.split() for line in shown.splitlines() if line.startswith("train.units=")]
    assert [row[2] for row in table] == [
        f"{units + share:g}" for units in (1, 2, 3, 4) for share in (0.1, 0.2)
    ]
    assert f"hindcast compare {table[0][-1]}" in shown
    visible = json.loads(run_in(project, "dvc", "exp", "show", "--json").stdout)
    assert {each["name"] for each in visible[1]["experiments"]} == names
    code, shown = sweep(project, *EIGHT)
    assert (code, notes(project, "end")) == (0, ended)
    assert "8 recorded, 0 to run" in shown


def test_a_failed_combination_alone_runs_again(tmp_path: Path) -> None:
    project = make_small_project(tmp_path / "project", ROOT, "../raw/mine")
    words = ("train.units=[1],[2],[3]", "--jobs", "1", "--name", "some")
    code, shown = sweep(project, *words, SWEEP_TEST_FAILS="2")
    assert code == 1
    assert experiments(project) == {"some-units_1", "some-units_3"}
    (log,) = {
        line.rpartition(" ")[2] for line in shown.splitlines() if line.startswith("failed: train.units=[2];")
    }
    assert "train: failed as the test wants it" in (project / log).read_text(encoding="utf-8")
    before = notes(project, "end")
    code, shown = sweep(project, *words)
    assert code == 0, shown
    more = notes(project, "end") - before
    assert {what.split()[0] for what in more} == {"check", "train", "evaluate"}
    assert experiments(project) == {"some-units_1", "some-units_2", "some-units_3"}
    code, shown = sweep(
        project, "train.units=[1],[2]", "--name", "other"
    )  # equal to recorded experiments: nothing runs again
    assert code == 0, shown
    assert {what.split()[0] for what in notes(project, "end") - before - more} == {"check"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_sweep_leaves_nothing_running_and_says_how_to_continue(number: int, tmp_path: Path) -> None:
    project = make_small_project(tmp_path / "project", ROOT)
    program = begin(project, *TWO, SWEEP_TEST_BLOCKS="1,2")
    wait_for(lambda: len([what for what in notes(project, "begin") if what.startswith("train")]) == 2)
    code, shown = sweep(project, *TWO)
    assert code == 1
    assert "The sweep two is running" in shown
    os.kill(program.pid, number)
    out, err = program.communicate(timeout=60)
    assert program.returncode == 128 + number, out + err
    assert "stopped: 0 of 2 combinations recorded. The same command continues" in out
    assert "Traceback" not in out + err
    with pytest.raises(ProcessLookupError):
        os.killpg(program.pid, 0)  # no process of the group is left
    code, shown = sweep(project, *TWO)
    assert code == 0, shown
    assert shown.count("where it was stopped") == 2
    assert experiments(project) == {"two-units_1", "two-units_2"}
    assert notes(project, "end")["ingest - -"] == 1


def test_changes_that_git_does_not_have_are_refused_and_a_dry_run_runs_nothing(tmp_path: Path) -> None:
    project = make_small_project(tmp_path / "project", ROOT)
    code, shown = sweep(project, "train.units=[1],[2]", "--dry-run", "--name", "x")
    assert code == 0, shown
    assert "train.units=[1]  ->  x-units_1\n" in shown
    assert "once for 2 combinations: check, ingest, split" in shown
    assert not (project / ".hindcast").exists()
    (project / "conf/new.yaml").touch()
    code, shown = sweep(project, "train.units=[1],[2]")
    assert code == 1
    assert "conf/new.yaml: new" in shown
    assert not notes(project, "begin")


def test_raw_data_of_dvc_come_from_its_cache_and_changed_ones_are_refused(tmp_path: Path) -> None:
    project = make_small_project(tmp_path / "project", ROOT)
    assert run_in(project, "dvc", "add", "--quiet", "data/raw/mine").returncode == 0
    git(project, "add", "data/raw/mine.dvc")
    git(project, "commit", "--quiet", "--message", "Raw data of DVC")
    code, shown = sweep(project, *TWO)
    assert code == 0, shown
    assert experiments(project) == {"two-units_1", "two-units_2"}
    assert (project / "data/raw/mine/a.csv").is_file()
    (project / "data/raw/mine/a.csv").write_text("time,mw\n2024-01-01T00:00Z,2\n", encoding="utf-8")
    code, shown = sweep(project, "train.units=[1],[3]")
    assert code == 1
    assert "dvc add data/raw/mine, then commit" in shown


def test_a_network_is_swept_in_the_real_pipeline(tmp_path: Path) -> None:
    project = ProjectCopy(tmp_path / "project", ROOT).folder
    small = (
        "simulate.games=1",
        "simulate.customers=2",
        "simulate.days=40",
        "train.epochs=1",
        "evaluate.baselines=[persistence]",
    )
    words = ("train.units=[2],[3]", *small, "--name", "real", "--jobs", "2")
    done = run_in(project, "hindcast.stages.cli", "sweep", *words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "once for 2: check, simulate, ingest, pack, split, scale, certify" in done.stdout
    assert experiments(project) == {"real-units_2", "real-units_3"}
    assert not (project / "data/packed").exists()  # the workspace is as it was
    applied = run_in(project, "dvc", "exp", "apply", "real-units_3")
    assert applied.returncode == 0, applied.stderr
    again = run_in(project, "dvc", "repro")
    assert re.findall(r"Running stage '(\S+)'", again.stdout) == ["check"], again.stdout
    assert (project / "models/model.keras").is_file()
