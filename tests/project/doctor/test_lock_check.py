"""Locks that a killed program left are told from those that a running one holds."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from pathlib import Path

import pytest
from filelock import FileLock

from hindcast.pipeline.project.doctor.lock_check import check_dvc_locks, check_git_locks, check_own_locks
from tests.project_copy import git


def gone() -> int:
    """The number of a process that ran and no longer does."""
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def write_rwlock(project: Path, text: str) -> None:
    path = project / ".dvc/tmp/rwlock"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "half-written"),
        ('{"write": {"a": {"pid": 1', "half-written"),
        ("[]", "format"),
        ('{"write": {"a": 7}}', "format"),
    ],
)
def test_an_rwlock_that_dvc_cannot_read_is_removed(text: str, said: str, sound: Path) -> None:
    assert check_dvc_locks(sound).state == "ok"
    write_rwlock(sound, text)
    found = check_dvc_locks(sound)
    assert found.state == "wrong"
    assert said in found.text
    subprocess.run(found.remedies[0], shell=True, cwd=sound, check=True)
    assert check_dvc_locks(sound).state == "ok"


def test_entries_of_killed_processes_block_nobody_and_those_of_running_ones_are_named(sound: Path) -> None:
    write_rwlock(sound, json.dumps({"read": {"a": [{"pid": gone(), "cmd": "dvc repro"}]}, "write": {}}))
    assert check_dvc_locks(sound).state == "ok"
    write_rwlock(sound, json.dumps({"write": {"a": {"pid": os.getpid(), "cmd": "dvc repro"}}}))
    found = check_dvc_locks(sound)
    assert (found.state, found.faults) == ("note", (f"process {os.getpid()}: dvc repro",))


def test_a_lock_that_dvc_holds_is_a_note_and_one_that_is_free_is_not(sound: Path) -> None:
    path = sound / ".dvc/tmp/lock"
    path.parent.mkdir()
    with FileLock(path):  # the same call of the system as DVC's
        assert check_dvc_locks(sound).state == "note"
    path.touch()
    assert check_dvc_locks(sound).state == "ok"


def test_a_hardlink_lock_of_a_killed_process_is_removed(sound: Path) -> None:
    with (sound / ".dvc/config").open("a") as config:
        config.write("[core]\n    hardlink_lock = true\n".replace("[core]\n", ""))
    text = (sound / ".dvc/config").read_text(encoding="utf-8")
    (sound / ".dvc/config").write_text(
        text.replace("    hardlink_lock = true\n", "").replace(
            "[core]\n", "[core]\n    hardlink_lock = true\n"
        )
    )
    assert check_dvc_locks(sound).state == "ok"
    (sound / ".dvc/tmp").mkdir()
    lock = sound / ".dvc/tmp/lock"
    assert check_dvc_locks(sound).state == "ok"
    for pid, state in ((os.getpid(), "note"), (gone(), "wrong")):
        lock.write_text(f"/a/b|{socket.gethostname()}|{pid}|123", encoding="utf-8")
        assert check_dvc_locks(sound).state == state
    lock.write_text("", encoding="utf-8")
    assert check_dvc_locks(sound).remedies[0].startswith("rm .dvc/tmp/lock")


def test_a_lock_of_git_is_named_in_a_worktree_too(sound: Path, tmp_path: Path) -> None:
    assert check_git_locks(sound).state == "ok"
    git(sound, "worktree", "add", "--quiet", str(tmp_path / "beside"))
    for folder, lock in (
        (sound, sound / ".git/index.lock"),
        (tmp_path / "beside", sound / ".git/worktrees/beside/index.lock"),
    ):
        lock.touch()
        found = check_git_locks(folder)
        assert (found.state, found.faults) == ("wrong", (str(lock),))
        subprocess.run(found.remedies[0], shell=True, check=True)
        assert check_git_locks(folder).state == "ok"


def test_a_stage_that_runs_is_named_and_a_free_lock_is_not(sound: Path) -> None:
    (sound / ".hindcast").mkdir()
    lock = FileLock(sound / ".hindcast/pack.lock")
    with lock:
        found = check_own_locks(sound)
        assert (found.state, "pack" in found.text) == ("note", True)
    (sound / ".hindcast/pack.lock").touch()
    assert check_own_locks(sound).state == "ok"
