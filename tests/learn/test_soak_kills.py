"""Thirty kills under `dvc repro`: minutes of work, run by `make soak`."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from hindcast.pipeline.files import digest_of_file
from tests.learn.workplace import workplace

ROOT = Path(__file__).resolve().parents[2]
KILLS = 15  # in each mode


def project(folder: Path, mode: str) -> Path:
    """A repository whose only stage is `train`, on data that are there already."""
    folder.mkdir()
    # no early end: it must outlast all kills, each of which lets it go on for up to half a second
    workplace(folder, mode=mode, checkpoint_every=1, epochs=600, patience=None)
    stage = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]["train"]
    kept = {"cmd": f"{sys.executable} -m stages.train", "params": stage["params"], "outs": stage["outs"]}
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"train": kept}}), encoding="utf-8")
    for words in (("git", "init", "-q"), (sys.executable, "-m", "dvc", "init", "-q")):
        subprocess.run(words, cwd=folder, check=True)
    return folder


def begin(folder: Path) -> subprocess.Popen[str]:
    """`dvc repro` in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "dvc", "repro"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "DVC_NO_ANALYTICS": "1"},
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def newest(folder: Path) -> str:
    return max((path.name for path in (folder / ".hindcast/checkpoints").glob("*.npz")), default="")


def kill_after_progress(folder: Path, pause: float) -> None:
    """Wait until training has gone beyond its last checkpoint, a moment more, and kill the whole group."""
    before, running = newest(folder), begin(folder)
    while newest(folder) <= before:
        assert running.poll() is None, f"ended too early: {running.communicate()[0]}"
        time.sleep(0.005)
    time.sleep(pause)
    os.killpg(running.pid, signal.SIGKILL)
    running.communicate()
    assert running.returncode == -signal.SIGKILL


def finish(folder: Path) -> dict[str, str]:
    running = begin(folder)
    output = running.communicate()[0]
    assert running.returncode == 0, output
    files = [
        path for name in ("models", "reports/train") for path in (folder / name).rglob("*") if path.is_file()
    ]
    return {path.relative_to(folder).as_posix(): digest_of_file(path) for path in sorted(files)}


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("mode", ["stateful", "windows"])
def test_fifteen_kills_at_random_moments_change_no_byte(mode: str, tmp_path: Path) -> None:
    draw = random.Random(mode)
    wanted = finish(project(tmp_path / "whole", mode))
    folder = project(tmp_path / "killed", mode)
    for _ in range(KILLS):
        kill_after_progress(folder, draw.random() * 0.2)
    assert finish(folder) == wanted
    assert not (folder / ".hindcast" / "checkpoints").exists()
