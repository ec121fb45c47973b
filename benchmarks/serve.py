"""What a forecast in service takes: seconds and memory, from the shell and in a running process.

    make bench-serve                              # 200 series, then 20,000; ten minutes and 5 GB of temporary files
    make bench-serve ARGS="--customers 2"         # 200 series only
    make bench-serve ARGS="--folder F --keep"     # leaves the projects there, and uses those that are there
    make bench-serve ARGS="--folder F --keep --shell"  # of projects that have been measured before, the second call from the shell only

Simulated games: `simulate.games=100` with 2 and with 200 customers each, hourly, 200 days. The network is that of the default
settings after one pass over a month of the 200 series: what a forecast takes does not depend on what was learned. Measured are `hindcast predict` as a
process of its own, without an origin (it looks for the newest) and with one; and `hindcast.Forecaster.predict` in a running process:
the first call, and the second one, when nothing has changed. CPU is user and system time of all threads, since others may use the
machine; peak is the largest resident set.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks import floors
from tests.serve.conftest import write_settings

ROOT = Path(__file__).resolve().parents[1]
GAMES = 100
SHORT = ["--set", "align.until=2024-11-01", "--set", "pack.min_coverage=0"]
STAGES = ("simulate", "ingest", "pack", "split", "scale", "certify", "train")
LIMITS = {  # customers of a game -> measurement -> seconds or MB
    2: {"running process, one origin": 2.0, "shell, newest origin": 8.0},
    200: {"shell, newest origin": 60.0, "peak of the shell": 2000.0},
}
# a process of its own, because a process counts the memory of the one that started it as its own peak
MEASURE = """
import json, os, subprocess, sys, time
begin = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=open("bench.log", "w"), stderr=subprocess.STDOUT)
_, status, used = os.wait4(process.pid, 0)
wall = time.perf_counter() - begin
print(json.dumps([os.waitstatus_to_exitcode(status), wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))
"""
RUNNING = """
import json, time, hindcast
def timed(call):
    wall, cpu = time.perf_counter(), time.process_time()
    rows = call()
    return len(rows), time.perf_counter() - wall, time.process_time() - cpu
forecaster = hindcast.Forecaster()
first = timed(forecaster.predict)
newest = str(forecaster.predict()["origin"].max())
again = timed(lambda: forecaster.predict(origin=newest))
search = timed(forecaster.predict)
print(json.dumps([first, again, search, newest]))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description="Benchmark of forecasts in service.")
    parser.add_argument(
        "--customers", nargs="+", type=int, default=[2, 200], help="series of each of the games"
    )
    parser.add_argument("--games", type=int, default=GAMES)
    parser.add_argument("--folder", type=Path, help="where the projects are made")
    parser.add_argument("--keep", action="store_true", help="leave the projects there")
    parser.add_argument("--shell", action="store_true", help="measure the second call from the shell only")
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="bench-serve-"))
    trained: Path | None = None
    try:
        for customers in options.customers:
            project = folder / f"{options.games}x{customers}"
            if not (project / "models/model.keras").is_file():
                make_project(project, options.games, customers, trained)
            trained = trained or project / "models"
            measure(project, options.games, customers, shell=options.shell)
    finally:
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    floors.stop_if_missed()


def make_project(project: Path, games: int, customers: int, trained: Path | None) -> None:
    """Simulate the raw files, and train a network on a month; or take one that was trained on fewer customers."""
    project.mkdir(parents=True, exist_ok=True)
    changes = [
        f"simulate.games={games}",
        f"simulate.customers={customers}",
        "train.epochs=1",
        "evaluate.baselines=[published]",
    ]
    write_settings(project / "params.yaml", changes)
    for stage in STAGES[:1] if trained else STAGES:
        short = SHORT if STAGES.index(stage) >= STAGES.index("pack") else []
        run(project, [sys.executable, "-m", f"hindcast.stages.{stage}", *short])
    if trained:
        shutil.copytree(trained, project / "models")


def measure(project: Path, games: int, customers: int, *, shell: bool) -> None:
    limits = LIMITS.get(customers, {}) if games == GAMES else {}
    print(f"\n{games * customers:,} series in {games} groups", flush=True)
    if not shell:
        shutil.rmtree(project / ".hindcast/service", ignore_errors=True)
        shutil.rmtree(project / "archive", ignore_errors=True)
    command = [sys.executable, "-m", "hindcast.stages.predict"]
    rows = {}
    for name in ("shell, first call: files that changed are read", "shell, newest origin"):
        shutil.rmtree(project / "forecasts", ignore_errors=True)
        code, wall, cpu, peak = json.loads(run(project, [sys.executable, "-S", "-c", MEASURE, *command]))
        if code:
            raise SystemExit((project / "bench.log").read_text())
        rows[name] = wall, cpu, peak
    if not shell:
        first, again, search, newest = json.loads(
            run(project, [sys.executable, "-c", RUNNING]).splitlines()[-1]
        )
        rows["running process, first call"] = (*first[1:], None)
        rows["running process, newest origin"] = (*search[1:], None)
        rows["running process, one origin"] = (*again[1:], None)
    for name, (wall, cpu, peak) in rows.items():
        limit, size = limits.get(name), "" if peak is None else f" {peak:8,.0f} MB"
        verdict = "" if limit is None else floors.check(name, cpu, limit, above=False, unit="s")
        print(f"  {name:40}{wall:8.2f} s {cpu:8.2f} s of CPU{size} {verdict}", flush=True)
    peak = rows["shell, newest origin"][2]
    if (most := limits.get("peak of the shell")) is not None and peak is not None:
        print(f"  peak {floors.check('peak of the shell', peak, most, above=False, unit='MB')}")
    if not shell:
        print(f"  {again[0]:,} values of the origin {newest}")


def run(project: Path, command: list[str]) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, cwd=project, env=environment, stdout=subprocess.PIPE, text=True, check=True
    ).stdout


if __name__ == "__main__":
    main()
