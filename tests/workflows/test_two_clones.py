"""Two people and a remote: what one ran, the other need not run, and nobody's outputs differ."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.project_copy import ProjectCopy, clone, git, output_digests, run_in

pytestmark = pytest.mark.workflow

SMALL = ("simulate.games=2", "simulate.customers=2", "simulate.days=50", "train.units=[4]", "train.epochs=1")


def succeed(folder: Path, *words: str) -> str:
    """Run a command in a clone; its standard output. An error shows all that it printed."""
    done = run_in(folder, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_second_clone_pulls_what_the_first_pushed_and_runs_the_check_only(
    tmp_path: Path, root: Path, compose_text
) -> None:
    first = ProjectCopy(tmp_path / "one's project", root).folder
    (first / "params.yaml").write_text(compose_text(*SMALL), encoding="utf-8")
    succeed(first, "dvc", "remote", "add", "--default", "team", str(tmp_path / "remote"))
    succeed(first, "dvc", "repro")
    git(first, "add", "--all")
    git(first, "commit", "--quiet", "--message", "A run, with its lock file")
    succeed(first, "dvc", "push")

    second = clone(first, tmp_path / "other's project")
    assert not output_digests(second).keys() & {"data/dataset.h5", "models/model.keras"}
    succeed(second, "dvc", "pull")
    assert output_digests(second) == output_digests(first)
    assert re.findall(r"Running stage '([\w@]+)'", succeed(second, "dvc", "repro")) == ["check"]

    # without the remote: everything is made again, with the same bytes
    for name in (
        "data/simulated",
        "data/tables",
        "data/packed",
        "models",
        "reports",
        ".dvc/cache",
        ".hindcast",
    ):
        shutil.rmtree(second / name, ignore_errors=True)
    (second / "data/dataset.h5").unlink()
    succeed(second, "dvc", "repro", "--force")
    assert output_digests(second) == output_digests(first)
