"""A real Dask scheduler and real workers, as processes on the loopback device."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import dask

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 60.0  # seconds for a process to start on a busy machine


class Cluster:
    """A scheduler and its workers, each a process with a folder of its own as its current folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []
        info = folder / "scheduler.json"
        self.scheduler = self.start(
            "dask_scheduler",
            "--host",
            "127.0.0.1",
            "--port",
            "0",
            "--no-dashboard",
            f"--scheduler-file={info}",
        )
        wait_until(lambda: info.is_file() and "address" in info.read_text())
        self.address = str(json.loads(info.read_text())["address"])

    def start(
        self, program: str, *arguments: str, code: Path = ROOT, before: Sequence[str] = ()
    ) -> subprocess.Popen[bytes]:
        elsewhere = self.folder / f"elsewhere-{len(self.processes)}"
        elsewhere.mkdir(exist_ok=True)
        process = subprocess.Popen(
            [*before, sys.executable, "-m", f"distributed.cli.{program}", *arguments],
            cwd=elsewhere,
            env={**os.environ, "PYTHONPATH": str(code)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.processes.append(process)
        return process

    def add_worker(self, code: Path = ROOT, before: Sequence[str] = ()) -> subprocess.Popen[bytes]:
        arguments = (self.address, "--nthreads=1", "--no-nanny", "--no-dashboard")
        return self.start("dask_worker", *arguments, code=code, before=before)

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()


def wait_until(holds: Callable[[], bool], seconds: float = PATIENCE) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "the process did not start in time"
        time.sleep(0.05)


@contextmanager
def cluster_in(folder: Path) -> Iterator[Cluster]:
    cluster = Cluster(folder)
    try:
        with dask.config.set({"scheduler-address": cluster.address}):
            yield cluster
    finally:
        cluster.close()
