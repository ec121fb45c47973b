"""Locks: what a killed program left, which keeps the next one from running, and what a program that runs holds."""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hindcast.pipeline.errors import HindcastError
from hindcast.pipeline.files import is_running
from hindcast.pipeline.project.doctor.found import Found
from hindcast.pipeline.project.doctor.repository_check import git_answer
from hindcast.pipeline.project.dvc_config import DVC, read_dvc_config
from hindcast.pipeline.wording import counted

_OWN = Path(".hindcast")
_TMP = DVC / "tmp"


def check_dvc_locks(root: Path) -> Found:
    """Check `rwlock`, in which DVC lists what is being read and written, and `lock`, which one dvc at a time holds."""
    if not (root / _TMP).is_dir():
        return Found.ok("none")
    rwlock = _TMP / "rwlock"
    if (fault := _rwlock_fault(root / rwlock)) is not None:
        return Found.wrong(
            f"{rwlock} {fault}: a killed dvc left it, and dvc refuses to run with it; no output is lost",
            remedies=[f"rm {rwlock}   # if no other dvc runs in this folder"],
        )
    lock = _TMP / "lock"
    if _hardlink_locks(root):
        return _hardlink_lock(root / lock, lock)
    busy = [*_holders(root / rwlock), *([f"another dvc holds {lock}"] if _is_held(root / lock) else [])]
    if busy:
        return Found.note("a dvc runs in this folder: wait until it ends", busy)
    return Found.ok("none held")


def check_git_locks(root: Path) -> Found:
    """Look for lock files of git, which a killed git leaves and which keep the next one from writing."""
    places = [
        (root / answer.stdout.strip()).resolve()
        for word in ("--absolute-git-dir", "--git-common-dir")
        if (answer := git_answer(root, "rev-parse", word)) and not answer.returncode
    ] or [(root / ".git").resolve()]
    found = sorted({path for place in places if place.is_dir() for path in place.glob("*.lock")})
    if not found:
        return Found.ok("none")
    names = shlex.join(str(path) for path in found)
    return Found.wrong(
        f"{counted(len(found), 'lock')}: a git command runs, or was killed and left it; until it is gone, git and dvc cannot commit",
        [str(path) for path in found],
        [f"rm {names}   # if no git command runs in this folder"],
    )


def check_own_locks(root: Path) -> Found:
    """Look for stages that run in this folder; the lock of a killed stage is free."""
    held = [path.stem for path in sorted((root / _OWN).glob("*.lock")) if _is_held(path)]
    if held:
        return Found.note(f"a stage runs in this folder: {', '.join(held)}")
    return Found.ok("none held")


def _rwlock_fault(path: Path) -> str | None:
    """Return what is wrong with the text of an rwlock; None if nothing is, or if there is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError:
        return "is empty or half-written" if path.is_file() else "is not a file"
    except IsADirectoryError:
        return "is not a file"
    try:
        list(_entries(content))
    except (AttributeError, KeyError, TypeError, ValueError):
        return "does not have the format of DVC"
    return None


def _entries(content: Any) -> Iterator[tuple[str, int, str]]:
    """Yield of an rwlock each path with the number and the command of the process that reads or writes it."""
    for path, entry in content.get("write", {}).items():
        yield str(path), int(entry["pid"]), str(entry["cmd"])
    for path, entries in content.get("read", {}).items():
        for entry in entries:
            yield str(path), int(entry["pid"]), str(entry["cmd"])


def _holders(path: Path) -> list[str]:
    """Name the processes of an rwlock that still run; DVC itself drops those that do not."""
    if not path.is_file():
        return []
    entries = _entries(json.loads(path.read_text(encoding="utf-8")))
    running = {(pid, command) for _, pid, command in entries if is_running(pid)}
    return [f"process {pid}: {command}" for pid, command in sorted(running)]


def _hardlink_locks(root: Path) -> bool:
    try:
        return read_dvc_config(root).hardlink_lock
    except HindcastError:  # another check says so
        return False


def _hardlink_lock(path: Path, shown: Path) -> Found:
    """Check a lock of `core.hardlink_lock`, which names the process that made it and remains if that is killed."""
    try:
        claim = path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return Found.ok("none held")
    parts = claim.split("|")
    host, pid = (parts[-3], parts[-2]) if len(parts) >= 3 else ("", "")
    if pid.isdigit() and host == socket.gethostname() and is_running(int(pid)):
        return Found.note(f"a dvc runs in this folder (process {pid}): wait until it ends")
    who = f"process {pid} on {host} made it" if pid else "it does not name its process"
    return Found.wrong(
        f"{shown} remains ({who}): a killed dvc leaves it, and dvc refuses to run with it",
        remedies=[f"rm {shown}   # if no other dvc runs in this folder"],
    )


def _is_held(path: Path) -> bool:
    """Return whether a process holds the lock of a file. A lock that is free is taken for a moment; nothing is written."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:  # absent, or of another user
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # a file system without locks
        return False
    finally:
        os.close(file)
    return False
