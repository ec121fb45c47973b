"""Raw data of a team, as README says: `dvc add data/raw/mine`, and the small file in git. And DVC's lock after a kill."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.project.own_data_set import DATASET
from tests.project_copy import ProjectCopy, clone, git, run_in

pytestmark = pytest.mark.workflow


def succeed(folder: Path, *words: str) -> str:
    """Run a command in a clone; all that it printed."""
    done = run_in(folder, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def add_raw_data(folder: Path) -> None:
    """Add a folder of raw files and a data set that reads them, as README says, and commit both."""
    (folder / "data/raw/mine").mkdir(parents=True)
    rows = [f"2024-01-{day:02}T{hour:02}:00Z,{day + hour}" for day in range(1, 30) for hour in range(24)]
    (folder / "data/raw/mine/a.csv").write_text("\n".join(["time,mw", *rows, ""]), encoding="utf-8")
    (folder / "conf/dataset/mine.yaml").write_text(DATASET, encoding="utf-8")
    succeed(folder, "dvc", "add", "data/raw/mine")
    git(folder, "add", "--all")
    assert git(folder, "status", "--short").split() == [
        "A",
        "conf/dataset/mine.yaml",
        "A",
        "data/raw/mine.dvc",
    ]
    git(folder, "commit", "--quiet", "--message", "Raw data")


def test_raw_files_go_to_a_second_clone_without_being_named(tmp_path: Path, root: Path) -> None:
    first = ProjectCopy(tmp_path / "one", root).folder
    add_raw_data(first)
    succeed(first, "dvc", "remote", "add", "--default", "team", str(tmp_path / "remote"))
    git(first, "commit", "--quiet", "--all", "--message", "A remote")
    succeed(first, "dvc", "push")
    assert "data/raw/mine" not in git(first, "ls-files", "data/raw/mine")

    second = clone(first, tmp_path / "other")
    run_in(second, "dvc", "pull")  # fails at outputs that nobody made yet, after it has fetched the others
    assert (second / "data/raw/mine/a.csv").read_bytes() == (first / "data/raw/mine/a.csv").read_bytes()
    assert git(second, "status", "--short") == ""

    (second / "data/raw/mine/a.csv").write_text("time,mw\n", encoding="utf-8")
    assert "data/raw/mine" in succeed(second, "dvc", "status")
    shutil.rmtree(second / "data/raw/mine")
    run_in(second, "dvc", "checkout")
    assert (second / "data/raw/mine/a.csv").is_file()

    objects = sorted(path.name for path in (first / ".dvc/cache").rglob("*") if path.is_file())
    succeed(first, "dvc", "gc", "-w", "--force")
    assert sorted(path.name for path in (first / ".dvc/cache").rglob("*") if path.is_file()) == objects


def test_an_experiment_in_a_temporary_folder_finds_the_raw_files(tmp_path: Path, root: Path) -> None:
    folder = ProjectCopy(tmp_path / "one", root).folder
    add_raw_data(folder)
    text = succeed(folder, "dvc", "exp", "run", "--temp", "-S", "dataset=mine", "ingest")
    assert "672 rows" in text or "696 rows" in text, text


def test_an_empty_lock_of_a_killed_dvc_is_removed_as_the_readme_says(tmp_path: Path, root: Path) -> None:
    folder = ProjectCopy(tmp_path / "one", root).folder
    params = yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))
    params["simulate"] |= {"games": 1, "customers": 1, "days": 20}
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    lock = folder / ".dvc/tmp/rwlock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.write_bytes(b"")
    done = run_in(folder, "dvc", "repro", "simulate")
    assert done.returncode != 0
    assert "Unable to read RWLock-file '.dvc/tmp/rwlock'" in done.stdout + done.stderr

    readme = (root / "README.md").read_text(encoding="utf-8")
    assert "Unable to read RWLock-file" in readme
    assert "`rm .dvc/tmp/rwlock`" in readme
    lock.unlink()
    succeed(folder, "dvc", "repro", "simulate")
    assert (folder / "data/simulated").is_dir()


FAKE_PYTHON = """#!/bin/sh
case "$2" in dvc) echo "dvc $3 was called" ;; *) exec "{python}" "$@" ;; esac
"""


@pytest.mark.parametrize(
    ("content", "runs"), [(b"", False), (b'{"/a": {"re', False), (b"{}", True), (None, True)]
)
def test_make_repro_names_the_lock_of_a_killed_dvc_and_the_remedy(
    content: bytes | None, runs: bool, tmp_path: Path, root: Path
) -> None:
    folder = ProjectCopy(tmp_path / "one", root).folder
    shown = make(folder, "--eval", "ready: ; @echo $(LOCKED) $(READY)", "ready").stdout
    python = folder / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(FAKE_PYTHON.format(python=sys.executable), encoding="utf-8")
    python.chmod(0o755)
    for name in shown.split():
        (folder / name).touch()
    lock = folder / ".dvc/tmp/rwlock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    if content is not None:
        lock.write_bytes(content)
    done = make(folder, "repro")
    assert (done.returncode == 0, "dvc repro was called" in done.stdout) == (runs, runs)
    assert ("rm .dvc/tmp/rwlock" in done.stderr) == (not runs)


def make(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run make in a copy; any exit code returns."""
    return subprocess.run(
        ["make", *words], cwd=folder, capture_output=True, text=True, check=False, timeout=300
    )
