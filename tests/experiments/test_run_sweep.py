"""The parts of running a sweep: how many at a time, what a run inherits, and that nothing is left running."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from hindcast.pipeline.experiments.run_sweep import _environment, _stop, default_jobs
from hindcast.pipeline.experiments.worktrees import Worktree

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
