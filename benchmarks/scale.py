"""How the time and memory of every stage grow along one axis of the data at a time: measured sizes and fitted exponents.

    make bench-scale                                       # all axes; two hours and 20 GB of temporary files
    make bench-scale ARGS="--quick"                        # small sizes and two axes; two minutes
    make bench-scale ARGS="--axes groups --stages ingest pack split --output table.md"

For each size, raw files are generated from a seed, and the stages run one after another, each as a process. CPU is that
of a stage with its workers, peak the largest resident set of any of its processes. The exponent is the slope of log(CPU)
over log(size), after what the stage takes on the smallest data set is subtracted: reading libraries is no work. Sizes on
which that leaves less than half a second, or less than a fifth of the start itself, do not count. CPU, not wall time, is
fitted, because others may use the machine. The exit code is 1 if an exponent is above the limit.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import numpy as np

from benchmarks import floors
from benchmarks.scale_data import Shape, write_inputs

ROOT = Path(__file__).resolve().parents[1]
STAGES = ("ingest", "pack", "split", "scale", "certify", "train", "evaluate")
LIMIT = 1.1  # of an exponent
# beyond start-up, in seconds and as a share of it; with less, the fit would show noise
LEAST_CPU, LEAST_SHARE = 0.5, 0.2
SMALLEST = Shape(groups=2, series=2, steps=24 * 40)
ONE_SERIES = Shape(
    series=1,
    frequency="1min",
    extra={"align.features.recent": {"usage": 2}, "align.features.rolling": {"usage": {"windows": ["1h"]}}},
)
# A program of its own, because a process counts the memory of the one that started it as its own peak. The figures are those
# of the stage and all its workers: the sum of their times, the largest of their peaks.
MEASURE = """
import json, os, subprocess, sys, time
log = open("stage.log", "w")
begin = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=log, stderr=log)
_, status, used = os.wait4(process.pid, 0)
wall = time.perf_counter() - begin
code = process.returncode = os.waitstatus_to_exitcode(status)
cpu, peak = used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
print(json.dumps({"code": code, "wall": wall, "cpu": cpu, "peak": peak}))
"""


@dataclass(frozen=True)
class Axis:
    """One quantity that grows: `shape` gives the data of each size."""

    name: str
    sizes: tuple[float, ...]
    quick: tuple[float, ...]  # empty: not measured with --quick

    def shape(self, size: float) -> Shape:
        n = round(size)
        return {
            "series": Shape(series=n, steps=24 * 60),
            "groups": Shape(groups=n, series=5, steps=24 * 40),
            # 47 bytes per step of a series, and the forecast of the group
            "megabytes": Shape(groups=10, series=100, steps=24 * max(20, round(n * 1e6 / (24 * 48_500)))),
            "files": Shape(groups=10, series=10, steps=24 * (n // 10), by_day=True),
            "features": Shape(series=10, steps=24 * 90, features=n),
            "steps": replace(ONE_SERIES, steps=n),
        }[self.name]


AXES = (
    Axis("series", (300, 1000, 3000), (150, 600)),
    Axis("groups", (10, 200, 2000), (10, 100)),
    Axis("megabytes", (60, 200, 600), ()),
    Axis("files", (200, 1500, 11_000), ()),
    Axis("features", (17, 100, 500), ()),
    Axis("steps", (300_000, 1_000_000, 3_000_000), ()),
)


@dataclass(frozen=True)
class Run:
    """What a stage took on one size: seconds of wall and CPU time, and its largest process in MB."""

    stage: str
    wall: float
    cpu: float
    peak: float


def main() -> None:
    parser = argparse.ArgumentParser(description="Benchmark of scale.")
    names = [axis.name for axis in AXES]
    parser.add_argument("--axes", nargs="+", choices=names, default=names)
    parser.add_argument(
        "--stages", nargs="+", choices=STAGES, default=STAGES, help="which to show; those before run as well"
    )
    parser.add_argument("--sizes", nargs="+", type=float, help="other sizes, for a single axis")
    parser.add_argument("--quick", action="store_true", help="small sizes and two axes")
    parser.add_argument("--large", action="store_true", help="ten times the megabytes")
    parser.add_argument("--folder", help="where temporary files go")
    parser.add_argument("--output", type=Path, help="a file for the tables and, with .json, for the figures")
    options = parser.parse_args()
    last = max(map(STAGES.index, options.stages)) + 1
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="bench-scale-") as temporary:
        start = measure(Path(temporary), SMALLEST, last)
        found = {}
        for axis in AXES:
            sizes = sizes_of(axis, options)
            if axis.name in options.axes and sizes:
                runs = {size: measure(Path(temporary), axis.shape(size), last) for size in sizes}
                found[axis.name] = runs
                print(table(axis.name, runs, start, options.stages), flush=True)
    if options.output:
        write_output(options, found, start)
    print("\nExponents of CPU time")
    for name, runs in found.items():
        for stage in options.stages:
            value = exponent(runs, start, stage)
            largest = runs[max(runs)].get(stage)
            if largest is None:
                floors.MISSED.append(f"{stage} by {name}, which failed")
            else:
                floors.record(f"peak of {stage}, {name} {max(runs):,.0f}", largest.peak, "MB")
            if value is not None:
                what = f"exponent of {stage} by {name}"
                print(f"  {what}: {value:.2f} {floors.check(what, value, LIMIT, above=False, unit='')}")
    floors.stop_if_missed()


def sizes_of(axis: Axis, options: argparse.Namespace) -> tuple[float, ...]:
    if options.sizes and options.axes == [axis.name]:
        return tuple(options.sizes)
    if options.quick:
        return axis.quick
    factor = 10 if options.large and axis.name == "megabytes" else 1
    return tuple(size * factor for size in axis.sizes)


def measure(temporary: Path, shape: Shape, last: int) -> dict[str, Run]:
    """Generate the data of a shape and run the first `last` stages on them; stop after a stage that fails."""
    folder = temporary / "work"
    folder.mkdir()
    try:
        megabytes = write_inputs(folder, shape)
        print(f"\n{describe(shape)}, {megabytes:,.0f} MB of CSV", flush=True)
        runs = {}
        for stage in STAGES[:last]:
            run = run_stage(folder, stage)
            if run is None:
                break
            print(f"  {stage:9}{run.wall:8.1f} s {run.cpu:8.1f} s of CPU {run.peak:8,.0f} MB", flush=True)
            runs[stage] = run
        return runs
    finally:
        shutil.rmtree(folder)


def run_stage(folder: Path, stage: str) -> Run | None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-S", "-c", MEASURE, sys.executable, "-m", f"hindcast.stages.{stage}"]
    done = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    if found["code"]:
        print(f"  {stage} failed:\n{(folder / 'stage.log').read_text()}", flush=True)
        return None
    return Run(stage, found["wall"], found["cpu"], found["peak"])


def exponent(runs: dict[float, dict[str, Run]], start: dict[str, Run], stage: str) -> float | None:
    """Return the fitted exponent of a stage's CPU time over the size; None with fewer than two sizes that count."""
    used = {
        size: by_stage[stage].cpu - start[stage].cpu
        for size, by_stage in runs.items()
        if stage in by_stage and stage in start
    }
    if not used:
        return None
    least = max(LEAST_CPU, LEAST_SHARE * start[stage].cpu)
    counted = [(size, cpu) for size, cpu in used.items() if cpu >= least]
    if len(counted) < 2:
        return None
    size, cpu = np.log(np.array(counted)).T
    return float(np.polyfit(size, cpu, 1)[0])


def table(
    name: str, runs: dict[float, dict[str, Run]], start: dict[str, Run], stages: tuple[str, ...]
) -> str:
    """Return a Markdown table: for each stage and size wall s, CPU s and peak MB, and the exponent."""
    head = ["stage", *(f"{name} {size:,.0f}" for size in runs), "exponent"]
    lines = ["", f"By {name}: s of wall time / s of CPU / MB", "", line(head), line(["---"] * len(head))]
    for stage in stages:
        fitted = exponent(runs, start, stage)
        cells = [
            f"{run.wall:.1f} / {run.cpu:.1f} / {run.peak:,.0f}" if (run := by_stage.get(stage)) else "failed"
            for by_stage in runs.values()
        ]
        lines.append(line([stage, *cells, "too little" if fitted is None else f"{fitted:.2f}"]))
    return "\n".join(lines)


def line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def write_output(
    options: argparse.Namespace, found: dict[str, dict[float, dict[str, Run]]], start: dict[str, Run]
) -> None:
    if options.output.suffix == ".json":
        figures = {
            name: {
                f"{size:g}": {stage: asdict(run) for stage, run in by.items()} for size, by in runs.items()
            }
            for name, runs in found.items()
        }
        smallest = {stage: asdict(run) for stage, run in start.items()}
        text = json.dumps({"machine": machine(), "smallest": smallest, "axes": figures}, indent=1)
    else:
        tables = [table(name, runs, start, options.stages) for name, runs in found.items()]
        text = "\n".join([machine(), *tables])
    options.output.write_text(text + "\n", encoding="utf-8")


def machine() -> str:
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, load {load:.1f} at the end"


def describe(shape: Shape) -> str:
    return (
        f"{shape.groups:,} groups x {shape.series:,} series x {shape.steps:,} steps of {shape.frequency}, "
        f"{shape.features} features{', a file per group and day' if shape.by_day else ''}"
    )


if __name__ == "__main__":
    main()
