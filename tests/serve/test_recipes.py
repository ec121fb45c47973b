"""The recipes for schedules run every day of a simulated month: each day is forecast and looked at."""

from __future__ import annotations

import json
import os
import shutil
import socketserver
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from hindcast.stages import cli
from tests.serve.conftest import ROOT, settings_of

RECIPES = ROOT / "examples/service"
FIRST = pd.Timestamp("2024-10-14T00:00Z")
DAYS = 30

_FORWARD = """
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as link:
    link.connect({address!r})
    link.sendall((json.dumps([os.getcwd(), sys.argv[1:]]) + "\\n").encode())
    answer = json.loads(link.makefile().readline())
sys.exit(answer)
"""


@contextmanager
def hindcast_program(folder: Path) -> Iterator[Path]:
    """A program `hindcast` that runs in this process, so that TensorFlow starts once in a month, not each day."""
    address = str(folder / "hindcast.socket")

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            place, words = json.loads(self.rfile.readline())
            before = Path.cwd()
            os.chdir(place)
            try:
                code = cli.main([*words, *settings_of("stateful"), "--set", "monitor.window=8d"])
            finally:
                os.chdir(before)
            self.wfile.write(f"{code}\n".encode())

    program = folder / "hindcast"
    program.write_text(f"#!{sys.executable}\n{_FORWARD.format(address=address)}", encoding="utf-8")
    program.chmod(0o755)
    with socketserver.UnixStreamServer(address, Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield program
        server.shutdown()
        thread.join()


def set_date(folder: Path, now: pd.Timestamp) -> None:
    """Write a program `date` that shows a simulated time."""
    real = shutil.which("date", path="/usr/bin:/bin")
    program = folder / "date"
    program.write_text(f'#!/bin/sh\nexec {real} --date "{now.isoformat()}" "$@"\n', encoding="utf-8")
    program.chmod(0o755)


def cut_files(source: Path, into: Path, now: pd.Timestamp, stopped: pd.Timestamp) -> None:
    """Write the raw files as they are at a moment; that of the weather stops growing at another one."""
    for path in sorted(source.glob("*/*.csv")):
        table = pd.read_csv(path)
        if "issued" in table:
            until = min(now, stopped) if "weather" in path.name else now
            table = table[pd.to_datetime(table["issued"], utc=True) <= until]
        else:
            local = pd.to_datetime(table["hour"]).dt.tz_localize("UTC")
            table = table[
                local <= now
            ]  # an hour or two before the measured values are known: local time is ahead
        target = into / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        table.to_csv(target, index=False)


def cron(project: Path, environment: dict[str, str], _: pd.Timestamp) -> list[int]:
    """Run the commands of the crontab that are due in a day, as cron does."""
    codes = []
    for line in (RECIPES / "crontab").read_text(encoding="utf-8").splitlines():
        if line and line[0].isdigit():
            command = line.split(None, 5)[5].replace("\\%", "%")
            values = environment | {"PROJECT": str(project), "HINDCAST": "hindcast"}
            codes.append(subprocess.run(["sh", "-c", command], env=values, check=False).returncode)
    return codes


def workflow(project: Path, environment: dict[str, str], _: pd.Timestamp) -> list[int]:
    """Run the steps of the workflow, but those that fetch what is there."""
    steps = yaml.safe_load((RECIPES / "workflow.yml").read_text(encoding="utf-8"))["jobs"]["day"]["steps"]
    codes: list[int] = []
    for step in steps:
        if "run" not in step or step["name"].startswith(("Install", "Fetch")):
            continue
        if any(codes) and step.get("if") != "always()":
            continue
        codes.append(
            subprocess.run(
                ["bash", "-e", "-c", step["run"]], cwd=project, env=environment, check=False
            ).returncode
        )
    return codes


def make(project: Path, environment: dict[str, str], _: pd.Timestamp) -> list[int]:
    """Call make twice: the second call has nothing to do."""
    command = ["make", "--silent", "-f", str(RECIPES / "service.mk")]
    return [subprocess.run(command, cwd=project, env=environment, check=False).returncode for _ in range(2)]


Recipe = Callable[[Path, dict[str, str], pd.Timestamp], list[int]]


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("recipe", [cron, workflow, make])
def test_a_month_of_days(
    recipe: Recipe, stateful: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Path(shutil.copytree(stateful, tmp_path / "project"))
    programs = tmp_path / "programs"
    programs.mkdir()
    raw = project / "data/simulated"
    whole = raw.rename(tmp_path / "whole")
    _repository(project, tmp_path)
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    monkeypatch.chdir(project)
    codes: list[list[int]] = []
    with hindcast_program(programs):
        for day in range(DAYS):
            now = FIRST + pd.Timedelta(days=day, hours=8, minutes=5)
            set_date(programs, now)
            cut_files(whole, raw, now, stopped=FIRST + pd.Timedelta(days=99))
            codes.append(recipe(project, environment, now))
    assert not any(code for day in codes for code in day), codes
    forecasts = sorted(project.glob("forecasts/*Z.parquet"))
    assert len({path.name[:8] for path in forecasts}) >= DAYS - 1
    report: dict[str, Any] = json.loads((project / "reports/monitor.json").read_text(encoding="utf-8"))
    assert report["as_of"].startswith(str((FIRST + pd.Timedelta(days=DAYS - 1)).date()))
    assert report["forecasts"]["files"] >= 7


def _repository(project: Path, folder: Path) -> None:
    """Make the project a clone with a remote that it can push to."""
    for words in (
        ["init", "--quiet", "--bare", str(folder / "remote.git")],
        ["-C", str(project), "init", "--quiet", "--initial-branch=service"],
        ["-C", str(project), "remote", "add", "origin", str(folder / "remote.git")],
        ["-C", str(project), "config", "push.autoSetupRemote", "true"],
    ):
        subprocess.run(["git", *words], check=True)
