"""DVC's configuration and its default remote: whether there is one, and whether it answers."""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from hindcast.pipeline.errors import MissingInputError
from hindcast.pipeline.project.doctor.found import Found
from hindcast.pipeline.project.dvc_config import DVC, DvcConfig, contact_remote, read_dvc_config

WAIT = 10.0  # seconds for a remote to answer
_ANSWER = "answer: "
_PORTS = {"http": 80, "https": 443, "webdav": 80, "webdavs": 443, "ssh": 22, "sftp": 22}
_MODULE = "hindcast.pipeline.project.doctor.remote_check"


def check_dvc(root: Path) -> Found:
    """Check that the folder is a DVC project with a valid configuration."""
    try:
        config = read_dvc_config(root)
    except MissingInputError as fault:
        return Found.wrong(fault.summary, remedies=["dvc init"])
    return Found.ok(f"cache in {config.cache}")


def check_remote(root: Path, wait: float = WAIT) -> Found:
    """Check that there is a default remote and that it answers within `wait` seconds."""
    if not (root / DVC).is_dir():
        return Found.note(f"not checked: there is no {DVC} here")
    config = read_dvc_config(root)
    if not config.remotes:
        return Found.note(
            "there is none: data and models are on this machine only",
            remedies=[
                "dvc remote add --default NAME ADDRESS   # a folder, s3://..., ssh://... that your team can reach"
            ],
        )
    if config.default is None:
        names = sorted(config.remotes)
        return Found.wrong(
            f"none of {', '.join(names)} is the default, so `dvc push` and `dvc pull` fail",
            remedies=[f"dvc remote default {shlex.quote(names[0])}"],
        )
    if config.default not in config.remotes:
        return Found.wrong(
            f"the default remote {config.default} is not configured",
            remedies=[f"dvc remote add --default {shlex.quote(config.default)} ADDRESS"],
        )
    return _check_default(root, config, config.default, wait)


def _check_default(root: Path, config: DvcConfig, name: str, wait: float) -> Found:
    address = config.remotes[name]
    shown = f"{name} ({_without_secrets(address)})"
    remedy = f"dvc remote modify {shlex.quote(name)} url ADDRESS   # if the address is wrong; else make it reachable"
    parts = urlsplit(address)
    if fault := _unreachable(parts.scheme, parts.hostname, _port_of(address), wait):
        return Found.wrong(f"{shown} cannot be reached: {fault}", remedies=[remedy])
    # DVC's libraries may wait for minutes, try again or ask for a password: a process can be ended
    command = [sys.executable, "-m", _MODULE, str(root), name]
    try:
        done = subprocess.run(  # noqa: S603  # this module
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=wait, check=False
        )
    except subprocess.TimeoutExpired:
        return Found.wrong(f"{shown} did not answer within {wait:g} s", remedies=[remedy])
    answer = [line.removeprefix(_ANSWER) for line in done.stdout.splitlines() if line.startswith(_ANSWER)]
    if done.returncode or not answer:
        said = [line for line in done.stderr.splitlines() if line.strip()] or ["no answer"]
        return Found.wrong(f"{shown} cannot be used: {said[-1].strip()}", remedies=[remedy])
    if not parts.scheme:
        return _check_folder(shown, Path(address), name)
    return Found.ok(f"{shown} answers{'' if answer[0] == 'True' else '; nothing was pushed to it yet'}")


def _check_folder(shown: str, folder: Path, name: str) -> Found:
    """Check a remote that is a folder of this machine or of a network that is mounted."""
    quoted = shlex.quote(str(folder))
    if folder.is_dir():
        if os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            return Found.ok(f"{shown} can be read and written")
        return Found.wrong(
            f"{shown} cannot be read and written by this user",
            remedies=[f"ls -ld {quoted}   # its owner can permit it"],
        )
    if folder.exists():
        return Found.wrong(
            f"{shown} is not a folder", remedies=[f"dvc remote modify {shlex.quote(name)} url FOLDER"]
        )
    if os.access(folder.parent, os.W_OK | os.X_OK):
        return Found.ok(f"{shown}: the first `dvc push` creates it")
    return Found.wrong(
        f"{shown} does not exist, and cannot be created",
        remedies=[f"mkdir -p {quoted}   # or mount its disk"],
    )


def _port_of(address: str) -> int | None:
    parts = urlsplit(address)
    try:
        return parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None


def _unreachable(scheme: str, host: str | None, port: int | None, wait: float) -> str:
    """Return why no connection can be made to a host; empty if it can, or if the address does not name one."""
    if scheme not in _PORTS or host is None or port is None:
        return ""
    try:
        socket.create_connection((host, port), timeout=wait).close()
    except TimeoutError:
        return f"{host}:{port} did not answer within {wait:g} s"
    except OSError as fault:
        return f"{host}:{port}: {fault.strerror or fault}"
    return ""


def _without_secrets(address: str) -> str:
    return re.sub(r"://[^/@]*@", "://", address)


def main() -> None:
    """Ask the remote that the command line names, and print the answer."""
    try:
        sys.stdout.write(f"{_ANSWER}{contact_remote(Path(sys.argv[1]), sys.argv[2])}\n")
    except Exception as fault:  # noqa: BLE001  # libraries of a remote raise anything
        sys.exit(" ".join(f"{type(fault).__name__}: {fault}".split()))


if __name__ == "__main__":
    main()
