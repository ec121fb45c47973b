"""`hindcast doctor` in a clone: nothing is wrong in a fresh one, a dvc that was killed is found, and its remedy helps."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.project_copy import ProjectCopy, run_in

pytestmark = pytest.mark.workflow

KILLED = """
import json, os, signal
import dvc.rwlock
from dvc.cli import main

def dump(lock, file):
    file.write(json.dumps(lock)[:9])
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)

dvc.rwlock.json.dump = dump
main(["repro", "check"])
"""


def findings(folder: Path) -> dict[str, dict[str, Any]]:
    """What doctor found in a folder, by check."""
    done = run_in(folder, "hindcast.stages.doctor", "--json")
    told = json.loads(done.stdout)
    assert done.returncode == (1 if told["wrong"] else 0), done.stderr
    return {each["check"]: each for each in told["checks"]}


def wrong(folder: Path) -> set[str]:
    return {name for name, each in findings(folder).items() if each["state"] == "wrong"}


def test_a_killed_dvc_and_a_silent_git_are_found_and_remedied(tmp_path: Path, root: Path) -> None:
    copy = ProjectCopy(tmp_path / "a project", root)
    folder = copy.folder
    assert wrong(folder) == set()

    (folder / "killed.py").write_text(KILLED, encoding="utf-8")
    assert run_in(folder, "killed").returncode == -signal.SIGKILL
    assert copy.run("dvc", "repro", "check").returncode != 0
    found = findings(folder)["locks of DVC"]
    assert found["state"] == "wrong"
    (remedy,) = found["remedies"]
    subprocess.run(remedy, shell=True, cwd=folder, check=True)
    assert copy.run("dvc", "repro", "check").returncode == 0

    (folder / ".git/index.lock").touch()
    assert wrong(folder) == {"locks of git"}
    (remedy,) = findings(folder)["locks of git"]["remedies"]
    subprocess.run(remedy, shell=True, cwd=folder, check=True)
    assert wrong(folder) == set()


def test_a_dvc_that_runs_is_told_from_one_that_was_killed(tmp_path: Path, root: Path) -> None:
    folder = ProjectCopy(tmp_path / "one", root).folder
    (folder / "wait.py").write_text("import time\nopen('begun', 'w')\ntime.sleep(500)\n", encoding="utf-8")
    graph = "stages: {wait: {cmd: python wait.py, deps: [wait.py], outs: [made]}}\n"
    (folder / "dvc.yaml").write_text(graph, encoding="utf-8")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    command = [sys.executable, "-m", "dvc", "repro"]
    with subprocess.Popen(
        command, cwd=folder, env={**os.environ, "PATH": path}, start_new_session=True
    ) as process:
        try:
            while not (folder / "begun").exists():
                assert process.poll() is None
                time.sleep(0.05)
            found = findings(folder)["locks of DVC"]
        finally:
            os.killpg(process.pid, signal.SIGKILL)
    assert found["state"] == "note"
    assert found["faults"][0].startswith(f"process {process.pid}: ")
    assert findings(folder)["locks of DVC"]["state"] == "ok"


def test_nothing_is_wrong_in_a_project_that_was_just_made(tmp_path: Path, root: Path) -> None:
    source = ProjectCopy(tmp_path / "source", root).folder
    python, path = str(source), os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    person = {
        f"GIT_{role}_{part}": "a@example.invalid"
        for role in ("AUTHOR", "COMMITTER")
        for part in ("NAME", "EMAIL")
    }
    environment = {**os.environ, **person, "PYTHONPATH": python, "PATH": path}
    command = [sys.executable, "-m", "hindcast.stages.cli"]
    subprocess.run([*command, "init", "load"], cwd=tmp_path, env=environment, check=True, capture_output=True)
    done = subprocess.run(
        [*command, "doctor"],
        cwd=tmp_path / "load",
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "code.yaml has the keys of the installed code" in done.stdout
    (tmp_path / "load/code.yaml").write_text("pack: other-code\n", encoding="utf-8")
    graph = tmp_path / "load/dvc.yaml"
    graph.write_text(graph.read_text(encoding="utf-8").replace("      - data/packed\n", ""), encoding="utf-8")
    done = subprocess.run(
        [*command, "doctor", "--json"],
        cwd=tmp_path / "load",
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    found = {each["check"] for each in json.loads(done.stdout)["checks"] if each["state"] == "wrong"}
    assert (done.returncode, found) == (1, {"dvc.yaml", "code.yaml"})
