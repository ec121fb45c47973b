"""Ingest compared with other readers of CSV and Parquet on the same files: speed, bad cells, memory, and the time for one changed file.

    make bench-ingest                              # everything; about ten minutes, 15 GB of temporary files
    make bench-ingest ARGS="speed --megabytes 100 --repeat 3"

Inputs are generated from a seed in a temporary folder. Every measurement runs in a separate process and starts after
the imports; contenders take turns, and ratios are medians over the turns. Figures are printed with their floors; the
exit code is 1 if one is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
from benchmarks import csv_files
from benchmarks.floors import check, check_same, record, stop_if_missed

PARQUET_FLOORS = {
    "parquet_tables": 0.6,
    "parquet_pandas": 0.6,
}  # of the peers that write the same tables, processor time
CONTENDERS = ("pyarrow", "pandas", "dask", "polars", "duckdb", "ingest")
FLOORS = {"pyarrow": 0.5, "pandas": 3.0}  # of ingest's speed relative to theirs


def main() -> None:
    parser = argparse.ArgumentParser(description="Benchmarks of ingest.")
    parts: dict[str, Callable[[argparse.Namespace, Path], None]] = {
        "speed": speed, "parquet": parquet, "bad": bad_cells, "memory": memory, "large": large, "changed": changed,
    }  # fmt: skip
    parser.add_argument("parts", nargs="*", choices=[*parts, []], help="which parts (all of them)")
    parser.add_argument("--megabytes", type=float, default=300, help="of CSV for speed, bad and changed")
    parser.add_argument("--repeat", type=int, default=5, help="repetitions of each contender")
    parser.add_argument("--digits", type=int, default=3, help="decimals of the values")
    parser.add_argument(
        "--sizes", type=float, nargs="+", default=[300, 1000, 3000], help="megabytes for memory"
    )
    parser.add_argument("--large", type=float, default=6000, help="megabytes of the large unsorted file")
    parser.add_argument("--folder", help="where temporary files go")
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {sys.version.split()[0]}")
    for name in options.parts or parts:
        with tempfile.TemporaryDirectory(dir=options.folder, prefix="bench-ingest-") as folder:
            parts[name](options, Path(folder))
    stop_if_missed()


def speed(options: argparse.Namespace, folder: Path) -> None:
    size = csv_files.write_long(folder / "raw/clean.csv", options.megabytes, digits=options.digits)
    print(
        f"\nSpeed: {size:.0f} MB of clean long CSV, 18 values of {options.digits} decimals, 200 series interleaved"
    )
    present = [name for name in CONTENDERS if name == "ingest" or find_spec(name)]
    for name in sorted(set(CONTENDERS) - set(present)):
        print(f"  {name:14} left out: not installed")
    what = "ingest, speed relative to {}"
    compare(present, folder, "seconds", (size, options.repeat), (what, FLOORS))


def parquet(options: argparse.Namespace, folder: Path) -> None:
    """Compare processor time: that of decoding is so short that seconds depend on what else the machine does."""
    size = csv_files.write_parquet(
        folder / "raw/clean.parquet", min(options.megabytes, 100), digits=options.digits
    )
    print(
        f"\nParquet: a file of {size:.0f} MB, 18 values of {options.digits} decimals, 200 series interleaved; processor time"
    )
    libraries = {"parquet_polars": "polars", "parquet_duckdb": "duckdb"}
    names = ["parquet_read", "parquet_tables", "parquet_pandas", "parquet_polars", "parquet_duckdb", "ingest"]
    present = [name for name in names if find_spec(libraries.get(name, "pyarrow"))]
    what = "ingest of Parquet, processor time relative to {}"
    compare(present, folder, "cpu", (size, options.repeat), (what, PARQUET_FLOORS))


def compare(
    names: list[str], folder: Path, unit: str, run: tuple[float, int], figure: tuple[str, dict[str, float]]
) -> None:
    """Measure contenders in turns and print a line for each: `unit` (s), megabytes (of `run`) per second, and ingest's ratio.

    `run` is the size and the number of turns; `figure` the name of the ratio, and its floors by contender.
    """
    (size, repeat), (what, floors) = run, figure
    turns = [{name: measured(name, folder) for name in names} for _ in range(repeat)]
    for name in names:
        spent = statistics.median(turn[name][unit] for turn in turns)
        ratio = statistics.median(turn[name][unit] / turn["ingest"][unit] for turn in turns)
        compared = (
            ""
            if name == "ingest"
            else f"   ingest is {ratio:.2f} x {_verdict(what.format(name), ratio, floors.get(name))}"
        )
        peak = max(turn[name]["peak"] for turn in turns) / 1e6
        print(f"  {name:14} {spent:6.2f} s {size / spent:6.0f} MB/s  peak {peak:5.2f} GB{compared}")


def _verdict(what: str, ratio: float, floor: float | None) -> str:
    """Return the verdict on a ratio, if it has a floor; keep the figure either way."""
    if floor is not None:
        return check(what, ratio, floor)
    record(what, ratio)
    return ""


def bad_cells(options: argparse.Namespace, folder: Path) -> None:
    clean, bad = folder / "clean", folder / "bad"
    size = csv_files.write_long(clean / "raw/a.csv", options.megabytes, digits=options.digits)
    csv_files.write_long(bad / "raw/a.csv", options.megabytes, digits=options.digits, bad_every=1000)
    pairs = [(measured("ingest", clean), measured("ingest", bad)) for _ in range(options.repeat)]
    ratio = statistics.median(good["seconds"] / other["seconds"] for good, other in pairs)
    seconds = statistics.median(other["seconds"] for _, other in pairs)
    print(f"\nOne bad cell in 0.1 % of the lines of {size:.0f} MB")
    print(
        f"  ingest   {seconds:6.2f} s {size / seconds:6.0f} MB/s   {ratio:.2f} x its clean speed {check('ingest, speed with bad cells relative to clean', ratio, 0.5)}"
    )


def memory(options: argparse.Namespace, folder: Path) -> None:
    print("\nPeak memory of ingest (resident set of a separate process)")
    peaks = []
    for megabytes in options.sizes:
        size = csv_files.write_long(folder / "raw/a.csv", megabytes, digits=options.digits)
        found = measured("ingest", folder)
        peaks.append(found["peak"] / 1e6)
        print(f"  {size:6.0f} MB: {peaks[-1]:.3f} GB, {size / found['seconds']:.0f} MB/s")
    spread = max(peaks) / min(peaks) - 1
    print(
        f"  flat within {spread:.0%} {check('ingest, spread of peak memory over sizes', spread, 0.15, above=False)}"
    )


def large(options: argparse.Namespace, folder: Path) -> None:
    size = csv_files.write_long(
        folder / "raw/a.csv", options.large, digits=options.digits, series=1000, shuffled=True
    )
    found = measured("ingest", folder)
    peak = found["peak"] / 1e6
    print(f"\nOne file of {size:.0f} MB, 1,000 series interleaved, not in the order of time")
    print(
        f"  peak {peak:.2f} GB {check('ingest, peak memory, one unsorted file', peak, 1.5, above=False, unit='GB')}, {size / found['seconds']:.0f} MB/s"
    )


def changed(options: argparse.Namespace, folder: Path) -> None:
    """Measure 100 files, one per group, and again after a change of one line in one file."""
    files = [folder / f"raw/{number}.csv" for number in range(100)]
    for number, file in enumerate(files):
        csv_files.write_long(file, options.megabytes / 100, digits=options.digits, seed=number)
    time.sleep(3)  # digests of files just written are not trusted
    full, shares = [], []
    for turn in range(options.repeat):
        full.append(measured("ingest", folder, by="file")["seconds"])
        lines = files[50].read_text().splitlines(keepends=True)
        lines[7] = f"{lines[7].rpartition(',')[0]},{turn}\n"
        files[50].write_text("".join(lines))
        shares.append(measured("ingest", folder, by="file", keep=True)["seconds"] / full[-1])
    share = statistics.median(shares)
    incremental = csv_files.tree_digest(folder / "work/data")
    measured("ingest", folder, by="file")
    same = incremental == csv_files.tree_digest(folder / "work/data")
    print(f"\n100 files, one per group, {options.megabytes:.0f} MB; one line of one file changed")
    print(
        f"  all {statistics.median(full):.2f} s, one changed {share:.1%} of it {check('ingest, one of 100 files changed', share, 0.05, above=False)}"
    )
    print(
        f"  the same bytes as a clean build: {'yes' if same else 'no'} {check_same('ingest, bytes of an incremental and a clean build', same=same)}"
    )


def measured(name: str, folder: Path, *, by: str = "column", keep: bool = False) -> dict[str, float]:
    """Measure seconds and peak memory (kB) of one contender in a separate process; `keep` leaves outputs and cache."""
    work = folder / "work"
    if not keep:
        shutil.rmtree(work, ignore_errors=True)
    work.mkdir(exist_ok=True)
    program = Path(__file__).with_name("contenders.py")
    command = [sys.executable, str(program), name, str(folder / "raw"), str(work), by]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    main()
