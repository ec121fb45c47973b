"""Every benchmark in one run, and docs/benchmarks.md with what they measured: ratios and floors first, then the full output.

    make bench                          # everything: about an hour and 20 GB of temporary files
    make bench-quick                    # less data and fewer repetitions: two minutes, printed only
    make bench ARGS="--parts ingest pack"   # the other parts keep what they measured last in this folder

Every part runs as a process of its own, one after the other. A part that fails is named in the summary with its last line,
and the others still run. The exit code is 1 if a floor is missed or a part failed. Results are kept in .hindcast/benchmarks/.

The floors hold for the sizes of `make bench`. On the little data of `make bench-quick` start-up takes most of the time, so it judges
nothing: it shows that every benchmark runs, and its exit code is 1 only if a part failed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PARTS = {
    "ingest": ["ingest.py", "--repeat", "3", "--sizes", "300", "1000", "--large", "2000"],
    "pack": ["pack.py"],
    "stream": ["stream.py"],
    "train": ["train.py"],
    "scale": ["scale.py", "--quick"],  # all axes take two hours: `make bench-scale`
}
QUIET = {"PYTHONWARNINGS": "ignore", "TF_CPP_MIN_LOG_LEVEL": "3"}  # notes of libraries are no measurements
KEPT = ROOT / ".hindcast" / "benchmarks"
QUICK = {
    "ingest": ["ingest.py", "speed", "--megabytes", "30", "--repeat", "1"],
    "pack": ["pack.py", "--groups", "3"],
    "stream": ["stream.py", "windows", "--steps", "400000", "--repeat", "1", "--seconds", "1"],
    "train": ["train.py", "--only", "limit", "--series", "40", "--rounds", "1"],
    "scale": ["scale.py", "--axes", "groups", "--sizes", "10", "100", "--stages", "ingest", "pack", "split"],
}
HEAD = """# Benchmarks

`make bench` wrote this file. Every figure is a median, ratios are medians of pairs measured in turns, and hindcast comes
first: 2 x a peer is twice the peer's speed. Each module in `benchmarks/` states what its part measures and how.
"""


@dataclass(frozen=True)
class Result:
    """What a part printed, the figures that it kept, and its exit code."""

    part: str
    output: str
    figures: list[dict[str, Any]]
    code: int


def main() -> int:
    parser = argparse.ArgumentParser(description="All benchmarks in one run.")
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--quick", action="store_true", help="less data; nothing is written")
    parser.add_argument("--write", type=Path, default=ROOT / "docs/benchmarks.md", help="the summary's file")
    options = parser.parse_args()
    commands = QUICK if options.quick else PARTS
    results = []
    for part in options.parts:
        results.append(run_part(part, commands[part]))
        if not options.quick:  # after each part, so that an interrupted run keeps what it measured
            keep(results[-1])
            options.write.write_text(summary(kept_results()), encoding="utf-8")
    if options.quick:
        results = [without_floors(result) for result in results]
        print("\n".join(figures_table(results)))
        return int(any(map(failed, results)))
    print(f"\nWritten: {options.write}")
    return int(any(result.code for result in results))


def without_floors(result: Result) -> Result:
    """Return the result with figures that no floor judges; a part that missed one of its floors has not failed."""
    code = 0 if any(map(missed, result.figures)) else result.code
    return replace(result, figures=[figure | {"floor": None} for figure in result.figures], code=code)


def failed(result: Result) -> bool:
    """Return whether a part ended with an error other than a missed floor."""
    return bool(result.code) and not any(map(missed, result.figures))


def keep(result: Result) -> None:
    """Store what a part measured, in place of what it measured before."""
    KEPT.mkdir(parents=True, exist_ok=True)
    (KEPT / f"{result.part}.json").write_text(json.dumps(asdict(result)), encoding="utf-8")


def kept_results() -> list[Result]:
    """Return the newest result of each part that was ever measured in this folder."""
    paths = [KEPT / f"{part}.json" for part in PARTS]
    return [Result(**json.loads(path.read_text(encoding="utf-8"))) for path in paths if path.is_file()]


def summary(results: list[Result]) -> str:
    """Return the text of docs/benchmarks.md for the parts that ran."""
    return "\n".join([HEAD, machine(), "", *figures_table(results), "", *outputs(results)]) + "\n"


def run_part(part: str, command: list[str]) -> Result:
    """Run a part, print its output as it comes, and collect its figures."""
    print(f"\n== {part}", flush=True)
    with tempfile.TemporaryDirectory(prefix="bench-figures-") as folder:
        figures = Path(folder) / "figures.jsonl"
        figures.touch()
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "benchmarks" / command[0]), *command[1:]],
            env=os.environ | {"BENCH_FIGURES": str(figures), "PYTHONUNBUFFERED": "1"} | QUIET,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        lines = []
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line.replace(f"{ROOT}/", ""))
        code = process.wait()
        kept = [json.loads(line) for line in figures.read_text(encoding="utf-8").splitlines()]
    return Result(part, "".join(lines), kept, code)


def machine() -> str:
    """Describe the machine in a sentence: processor, cores, memory, system, Python."""
    cpuinfo = Path("/proc/cpuinfo")
    names = [
        line.partition(":")[2].strip()
        for line in (cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else [])
        if line.startswith("model name")
    ]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    processor = names[0] if names else platform.processor() or platform.machine()
    return (
        f"Machine: {processor}, {os.cpu_count()} cores, {memory:.0f} GiB of memory, {platform.system()}, "
        f"Python {platform.python_version()}."
    )


def figures_table(results: list[Result]) -> list[str]:
    """Return one row per figure: floors that are missed first, then those that are met, then figures without a floor."""
    figures = [figure for result in results for figure in result.figures]
    rows = [(verdict(figure), figure) for figure in figures]
    order = ("MISSED", "met", "")
    rows.sort(key=lambda row: order.index(row[0]))  # a stable sort keeps the order of measurement
    table = ["| figure | measured | floor | |", "| --- | --- | --- | --- |"]
    for found, figure in rows:
        limit = "" if figure["floor"] is None else f"{'≥' if figure['above'] else '≤'} {figure['floor']:g}"
        table.append(f"| {figure['what']} | {figure['value']:.3g} {figure['unit']} | {limit} | {found} |")
    for result in filter(failed, results):
        last = (result.output.strip().splitlines() or [f"exit code {result.code}"])[-1]
        table.append(f"| {result.part} | failed: {last} | | |")
    return table


def verdict(figure: dict[str, Any]) -> str:
    return "" if figure["floor"] is None else "MISSED" if missed(figure) else "met"


def missed(figure: dict[str, Any]) -> bool:
    """Return whether a figure has a floor that it does not meet."""
    value, floor = figure["value"], figure["floor"]
    return floor is not None and (value < floor if figure["above"] else value > floor)


def outputs(results: list[Result]) -> list[str]:
    """Return the full output of each part as a section."""
    return [f"## {result.part}\n\n```text\n{result.output.strip()}\n```\n" for result in results]


if __name__ == "__main__":
    sys.exit(main())
