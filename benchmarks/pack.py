"""Pack from finished tables: align, features and shards, in MB of float32 X per second, with the memory of a worker.

    make bench-pack                                        # 40 million steps x 17 features; 6 GB of temporary files
    make bench-pack ARGS="--groups 10 --workers 1"         # a tenth of it

The tables are generated from a seed and are not timed: a group has 200 series of 2,000 hourly steps. X has 8 weather
forecasts of the group (issued daily for two days), each series' own published forecast (issued daily for the next
day), the realized value 48 hours and seven local days before with a mask feature each, and hour and weekday as sine
and cosine; origins are daily gates at 10:00.  Everything else in a shard is written too.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

import numpy as np

from benchmarks.floors import check, stop_if_missed
from hindcast.pipeline.files import digest_of_file, write_json

HOUR = 3600 * 10**9
DAY = 24 * HOUR
START = int(np.datetime64("2024-01-01", "ns").astype(np.int64))
WEATHER = ("temperature", "wind_speed", "gust", "cloud_cover", "humidity", "pressure", "radiation", "rain")
FLOOR = 150  # MB of X per second on two cores


def main() -> None:
    parser = argparse.ArgumentParser(description="Benchmark of pack.")
    parser.add_argument("--groups", type=int, default=100)
    parser.add_argument("--series", type=int, default=200, help="series per group")
    parser.add_argument("--steps", type=int, default=2000, help="steps per series")
    parser.add_argument("--codec", default="zstd", choices=["none", "gzip", "zstd"])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "--folder", type=Path, help="folder for the tables, which are kept (default: a temporary folder)"
    )
    parser.add_argument("--only", choices=["prepare", "measure", "work"], help="one part (with --folder)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-pack-") as temporary:
        folder = options.folder or Path(temporary)
        if options.only in {None, "prepare"}:
            prepare(folder, options)
        if options.only in {None, "measure"}:
            measure(folder, options)
        if options.only == "work":
            work(folder, options)


def prepare(folder: Path, options: argparse.Namespace) -> None:
    """Write the tables of all groups and their manifest."""
    tables = folder / "data/tables"
    manifest: dict[str, Any] = {"format": "hindcast-tables/1", "sources": {}}
    for source, role in (("weather", "forecast"), ("operator", "forecast"), ("meters", "realized")):
        values = list(settings(options)["raw"]["sources"][source]["values"])
        manifest["sources"][source] = {"role": role, "values": values, "groups": {}}
    for number in range(options.groups):
        for source, columns in group_tables(number, options).items():
            name = f"game_{number:03}"
            path = f"{source}/{name}.parquet"
            write_table(tables / path, columns)
            entry = {
                "file": path,
                "rows": len(columns["valid_time"]),
                "digest": digest_of_file(tables / path),
            }
            manifest["sources"][source]["groups"][name] = entry
    write_json(tables / "tables.json", manifest)


def group_tables(number: int, options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    random = np.random.default_rng(number)
    hours = np.arange(options.steps)
    valid = START + hours * HOUR
    issued = np.arange(START - DAY, START + options.steps * HOUR, DAY)
    weather_valid = (issued[:, None] + np.arange(48) * HOUR).ravel()
    weather_issue = np.repeat(issued, 48)
    order = np.lexsort((weather_issue, weather_valid))
    weather = {
        "series": np.array([""] * len(order), object),
        "issue_time": weather_issue[order],
        "valid_time": weather_valid[order],
        "known_time": weather_issue[order] + 2 * HOUR,
    }
    for name in WEATHER:
        weather[name] = (10 + random.normal(0, 1, len(order)).cumsum() / 5).round(1)
    names = np.repeat([f"customer_{place:03}" for place in range(options.series)], options.steps).astype(
        object
    )
    shape = 2 + np.sin(2 * np.pi * hours / 24)
    usage = np.exp(random.normal(1, 0.5, (options.series, 1))) * shape
    usage = (usage * random.uniform(0.7, 1.3, usage.shape)).round(3)
    forecast = (usage * random.uniform(0.9, 1.1, usage.shape)).round(2)
    everywhere = np.tile(valid, options.series)
    issue = everywhere // DAY * DAY - DAY + 8 * HOUR
    operator = {"series": names, "issue_time": issue, "valid_time": everywhere, "known_time": issue}
    meters = {"series": names, "valid_time": everywhere, "known_time": everywhere + 2 * HOUR}
    return {
        "weather": weather,
        "operator": {**operator, "usage_forecast": forecast.ravel()},
        "meters": {**meters, "usage": usage.ravel()},
    }


def write_table(path: Path, columns: dict[str, Any]) -> None:
    import pyarrow as pa

    from hindcast.pipeline.tables import STAMP, TIMES, TableWriter

    kinds = {name: STAMP if name in TIMES else pa.float64() for name in columns} | {"series": pa.string()}
    made = {name: pa.array(values).cast(kinds[name]) for name, values in columns.items()}
    schema = pa.schema([pa.field(name, kind, nullable=kind == pa.float64()) for name, kind in kinds.items()])
    with closing(TableWriter(path, schema)) as writer:
        writer.write(pa.table(made, schema=schema))


def settings(options: argparse.Namespace) -> dict[str, Any]:
    stamps = {"issue_time": {"column": "issued"}, "valid_time": {"column": "valid"}}
    common = {"files": "*.csv", "group": {"column": "game"}}
    return {
        "raw": {
            "path": "none",
            "frequency": "1h",
            "zone": "Europe/Berlin",
            "sources": {
                "weather": {
                    "role": "forecast", "known": {"at_issue_plus": "2h"}, **common, **stamps,
                    "values": {name: {"column": name} for name in WEATHER},
                },
                "operator": {
                    "role": "forecast", "known": {"at_issue_plus": "0h"}, "series": {"column": "customer"},
                    **common, **stamps, "values": {"usage_forecast": {"column": "kwh", "unit": "kWh"}},
                },
                "meters": {
                    "role": "realized", "known": {"after_step": "1h"}, "series": {"column": "customer"},
                    "valid_time": {"column": "hour"}, **common,
                    "values": {"usage": {"column": "kwh", "unit": "kWh"}},
                },
            },
        },
        "align": {
            "target": ["usage"],
            "groups": [f"game_{number:03}" for number in range(options.groups)],
            "published": {"usage": "operator.usage_forecast"},
            "origin": {"at": "10:00", "zone": "group", "covers": "next_day"},
            "gaps": {"fill": "2h"},
            "features": {"lags": {"usage": ["48h", "7d"]}, "calendar": ["hour", "weekday"]},
        },
        "pack": {"codec": options.codec},
    }  # fmt: skip


def measure(folder: Path, options: argparse.Namespace) -> None:
    command = [sys.executable, __file__, *sys.argv[1:], "--folder", str(folder), "--only", "work"]
    environment = os.environ | {"DASK_NUM_WORKERS": str(options.workers)}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    size = found["steps"] * found["features"] * 4 / 1e6
    rate = size / found["seconds"]
    print(f"{os.cpu_count()} cores, {options.workers} workers, codec {options.codec}")
    print(
        f"{found['steps']:,} steps x {found['features']} features = {size:,.0f} MB of X in {found['seconds']:.1f} s"
    )
    print(
        f"{found['cpu']:.1f} s of processor time, {found['idle']:.1f} s of which nobody computed or others did"
    )
    print(f"{rate:.0f} MB/s of X {check('pack, X on two cores', rate, FLOOR, unit='MB/s')}")
    print(f"{found['written'] / 1e6:,.0f} MB of shards; peak memory {found['peak'] / 1e3:,.0f} MB per worker")
    stop_if_missed()


def work(folder: Path, options: argparse.Namespace) -> None:
    import resource

    from hindcast.pipeline.settings.params import check_params
    from hindcast.pipeline.store.pack import pack

    params = check_params(settings(options), "benchmark")
    shutil.rmtree(folder / ".hindcast", ignore_errors=True)  # everything is packed again
    before = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    begin = time.perf_counter()
    report = pack(params, folder)
    seconds = time.perf_counter() - begin
    mine, theirs = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    cpu = sum(who.ru_utime + who.ru_stime for who in (mine, theirs)) - before
    shards = list((folder / "data/packed").glob("*.h5"))
    whose = resource.RUSAGE_CHILDREN if options.workers > 1 else resource.RUSAGE_SELF
    features = (
        sum(line.startswith("| ") for line in (folder / "reports/features.md").read_text().splitlines()) - 2
    )
    print(
        json.dumps(
            {
                "steps": report["steps"],
                "features": features,
                "seconds": seconds,
                "cpu": cpu,
                "idle": min(os.cpu_count() or 1, options.workers) * seconds - cpu,
                "written": sum(shard.stat().st_size for shard in shards),
                "peak": resource.getrusage(whose).ru_maxrss,
            }
        )
    )


if __name__ == "__main__":
    main()
