"""Ctrl-C and SIGTERM while a command is loading: real processes, real signals, no traceback, nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

LINUX = pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="reads /proc")
BEFORE = "stopped before the work began; previous outputs are unchanged.\n"


def start(root: Path, workspace: Path, *command: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(root)}
    return subprocess.Popen(
        [sys.executable, *command],
        cwd=workspace,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for_handler(process: subprocess.Popen[str]) -> None:
    """Wait until the process handles SIGTERM: before that Python itself is starting."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
        caught = int(next(line for line in status.splitlines() if line.startswith("SigCgt")).split()[1], 16)
        if caught >> (signal.SIGTERM - 1) & 1:
            return
        time.sleep(0.001)
    pytest.fail("the command never handled SIGTERM")


@pytest.fixture
def workspace(tmp_path: Path, compose_text: Callable[..., str]) -> Path:
    (tmp_path / "params.yaml").write_text(compose_text("dataset=gefcom2012"), encoding="utf-8")
    return tmp_path


@LINUX
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("command", [("-m", "stages.pack"), ("-m", "hindcast.stages.cli", "ingest")], ids=str)
@pytest.mark.parametrize("delay", [0.0, 0.03, 0.2])
def test_a_signal_while_a_command_is_loading_ends_it_in_one_line(
    root: Path, workspace: Path, number: signal.Signals, code: int, command: tuple[str, ...], delay: float
) -> None:
    process = start(root, workspace, *command)
    wait_for_handler(process)
    time.sleep(delay)
    os.killpg(process.pid, number)
    _, error = process.communicate(timeout=60)
    if not error.startswith(f"{command[-1].rpartition('.')[2]}: "):  # else it had begun, and perhaps failed
        assert (process.returncode, error) == (code, BEFORE)
    assert "Traceback" not in error
    left = {path.name for path in workspace.iterdir()} - {".hindcast"}
    assert left == {"params.yaml"}


def test_another_program_that_imports_a_stage_keeps_its_handlers(root: Path, workspace: Path) -> None:
    code = (
        "import signal; before = signal.getsignal(signal.SIGINT)\n"
        "import hindcast.stages.pack, stages.early_stop\n"
        "assert signal.getsignal(signal.SIGINT) is before, 'a handler was installed'\n"
        "assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL\n"
    )
    process = start(root, workspace, "-c", code)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 0, error


@LINUX
def test_an_ignored_signal_stays_ignored_while_loading(root: Path, workspace: Path) -> None:
    code = (
        "import signal, sys; sys.argv = ['-m']; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "import stages\n"
        "assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN\n"
        "assert callable(signal.getsignal(signal.SIGTERM))\n"
    )
    process = start(root, workspace, "-c", code)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 0, error
