"""The parts of running a sweep: how many at a time, what a run inherits, and that nothing is left running."""

from __future__ import annotations

import errno
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from hindcast.pipeline.errors import HindcastError
from hindcast.pipeline.experiments.committed_state import read_baseline
from hindcast.pipeline.experiments.recorded_experiments import record_experiment
from hindcast.pipeline.experiments.run_sweep import Sweep, _environment, _stop, default_jobs
from hindcast.pipeline.experiments.sweep_command import begin_sweep
from hindcast.pipeline.experiments.sweep_journal import Journal
from hindcast.pipeline.experiments.worktrees import SharedCache, Worktree, Worktrees
from tests.experiments.small_project import make_small_project

GIB = 1 << 30


@pytest.mark.parametrize(
    ("combinations", "processors", "memory", "jobs"),
    [
        (8, 16, 64 * GIB, 8),
        (8, 8, 64 * GIB, 4),
        (8, 16, 10 * GIB, 3),
        (8, 1, 64 * GIB, 1),
        (8, 16, 0, 1),
        (1, 16, 64 * GIB, 1),
        (0, 16, 64 * GIB, 1),
    ],
)
def test_runs_at_a_time_by_processors_and_memory(
    combinations: int, processors: int, memory: int, jobs: int
) -> None:
    assert default_jobs(combinations, processors, memory) == jobs


def test_a_run_has_its_share_of_threads_unless_the_user_says_otherwise(tmp_path: Path) -> None:
    tree = Worktree(tmp_path, tmp_path / "tree", is_new=True)
    made = _environment({"DASK_NUM_WORKERS": "7", "DVC_ROOT": "/x", "PATH": "/p"}, tree, "c", "e", 0)
    assert (made["DASK_NUM_WORKERS"], made["TF_NUM_INTRAOP_THREADS"], made["OMP_NUM_THREADS"]) == (
        "7",
        "1",
        "1",
    )
    assert "DVC_ROOT" not in made
    assert made["PATH"] == f"{Path(sys.executable).parent}:/p"


def test_stopping_ends_programs_that_ignore_it_and_what_they_started(tmp_path: Path) -> None:
    inner = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True); time.sleep(60)"
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])"
    program = subprocess.Popen([sys.executable, "-c", outer], stdout=subprocess.PIPE)
    assert program.stdout is not None
    assert program.stdout.readline() == b"on\n"
    (child,) = psutil.Process(program.pid).children()
    started = time.monotonic()
    _stop([program], patience=0.2)
    assert time.monotonic() - started < 10
    assert program.poll() is not None
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
    program.stdout.close()


def sweep_of(project: Path, *words: str) -> tuple[Sweep, list[str]]:
    """A sweep named `s` of a small project, and the lines that it reports."""
    begun = begin_sweep(project, words, "s", lambda _: None)
    journal = Journal.open(project, "s", begun.baseline.revision)
    journal.add(list(begun.combinations))
    trees = Worktrees(begun.baseline, journal.folder / "trees", SharedCache(project / ".dvc/cache", "copy"))
    lines: list[str] = []
    return Sweep(begun.baseline, begun.combinations, journal, trees, 2, lines.append, -1), lines


def test_a_name_that_another_experiment_has_is_an_error_before_anything_runs(
    tmp_path: Path, root: Path
) -> None:
    project = make_small_project(tmp_path / "project", root)
    (project / "dvc.lock").touch()
    record_experiment(read_baseline(project), project, "s-units_2", "of somebody else")
    sweep, lines = sweep_of(project, "train.units=[1],[2],[3]")
    with pytest.raises(HindcastError, match="nothing was started") as caught:
        sweep.run()
    assert len(caught.value.faults) == 1
    assert caught.value.faults[0].startswith(
        "s-units_2 for train.units=[2]: an experiment of this name has other settings"
    )
    assert not lines


def test_a_full_disk_fails_what_it_hits_and_is_named_in_the_log(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> Worktree:
        raise OSError(errno.ENOSPC, "No space left on device", "somewhere")

    project = make_small_project(tmp_path / "project", root)
    sweep, lines = sweep_of(project, "raw.max_bad_fraction=0.1,0.2", "train.units=[1],[2]")
    monkeypatch.setattr(Worktrees, "open", full)
    assert not sweep.run()
    failed = [line.rpartition(" ")[2] for line in lines if line.startswith("failed")]
    assert len(failed) == 2  # once for each half, whose other stages are not tried
    assert all("No space left on device" in (project / log).read_text(encoding="utf-8") for log in failed)
    states = Journal.open(project, "s", sweep.baseline.revision).entries.values()
    assert [(each.state, each.log) for each in states] == [
        ("failed", log) for log in failed for _ in range(2)
    ]


def test_a_recorded_experiment_that_was_removed_is_run_again(tmp_path: Path, root: Path) -> None:
    project = make_small_project(tmp_path / "project", root)
    sweep, _ = sweep_of(project, "train.units=[1]")
    sweep.journal.set_states([sweep.combinations[0].digest], "recorded")
    assert sweep._find_todo() == {sweep.combinations[0].digest}
    assert sweep.journal.entries[sweep.combinations[0].digest].state == "waiting"
