"""Time and memory of `hindcast export` and `hindcast certify --table` on large data made from a seed.

    python benchmarks/elsewhere.py export --groups 40           # 40 million rows of 17 features; 6 GB of temporary files
    python benchmarks/elsewhere.py table --series 20000         # 10 million rows of a foreign table; 3 GB

Each command runs as a process of its own; the peak is its largest resident set, with all of its threads. The exit code is 1 if a
peak is above its floor.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from benchmarks import floors
from benchmarks.scale import MEASURE
from benchmarks.scale_data import Shape, settings
from benchmarks.stream_data import HOUR, START, STEPS, _group, _params
from hindcast.pipeline.certify.covered_files import covered_digests, digests_of_files
from hindcast.pipeline.digests import FileDigests
from hindcast.pipeline.files import digest_of_file, write_json
from hindcast.pipeline.settings.params import Params, check_params
from hindcast.pipeline.store.index_types import Split
from hindcast.pipeline.store.join_shards import write_dataset
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.store.writer import write_shard
from hindcast.pipeline.tables import FORMAT, MANIFEST, STAMP, TableWriter, table_path, table_schema

ROOT = Path(__file__).resolve().parents[1]
MOST_MB = 600
TABLE_STEPS, VINTAGES = 500, 8


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["export", "table"])
    parser.add_argument("--groups", type=int, default=40, help="export: of a million rows")
    parser.add_argument("--series", type=int, default=20_000, help="table: of 500 rows, in 20 groups")
    parser.add_argument("--formats", nargs="*", default=["parquet", "zarr", "csv"])
    parser.add_argument("--shuffled", action="store_true", help="table: rows in no order")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hindcast-elsewhere-") as name:
        folder = Path(name)
        if given.what == "export":
            _make_dataset(folder, given.groups)
            for kind in given.formats:
                _measure(folder, f"export of {given.groups} million rows as {kind}", "export", "--to", kind)
        else:
            _make_tables(folder, given.series)
            rows = _make_foreign(folder, given.series, shuffled=given.shuffled)
            options = [
                "--known",
                "temp=published",
                "--source",
                "temp=weather.weather_000",
                "--source",
                "old=meters.usage@48h",
            ]
            _measure(
                folder,
                f"certify --table of {rows:,} rows",
                "certify",
                "--table",
                "features.parquet",
                *options,
            )
    floors.stop_if_missed()


def _measure(folder: Path, what: str, stage: str, *words: str) -> None:
    command = [sys.executable, "-m", f"hindcast.stages.{stage}", *words]
    script = [sys.executable, "-c", MEASURE, *command]
    done = subprocess.run(
        script,
        cwd=folder,
        env={**_environment(), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    if found["code"]:
        raise SystemExit((folder / "stage.log").read_text(encoding="utf-8"))
    verdict = floors.check(f"peak of {what}", found["peak"], MOST_MB, above=False, unit="MB")
    print(
        f"{what}: {found['wall']:.0f} s, {found['cpu']:.0f} s of CPU, {found['peak']:.0f} MB {verdict}",
        flush=True,
    )


def _environment() -> dict[str, str]:
    import os

    return dict(os.environ)


def _write_params(folder: Path, params: Params) -> None:
    text = yaml.safe_dump(params.model_dump(mode="json", by_alias=True, exclude_none=True))
    (folder / "params.yaml").write_text(text, encoding="utf-8")


def _make_dataset(folder: Path, groups: int) -> None:
    """Write shards of 500 series and a million steps, a data set over them, and a certificate of these files."""
    params, data = _params("zstd"), folder / "data"
    _write_params(folder, params)
    group, shards = _group(500, 0), []
    for number in range(groups):
        name = f"bench_{number:04}"
        shards.append(data / f"packed/{name}.h5")
        write_shard(shards[-1], replace(group, group=name), params, name)
    ends = [START + share * STEPS * HOUR // 10 for share in (0, 7, 8, 10)]

    def split(joined: Any) -> list[Split]:
        samples = np.arange(joined.sample_count)
        time = joined.sequences.start_time.min() + samples % (STEPS // 25) * 25 * HOUR
        return [
            Split(
                name, samples[(time >= ends[place]) & (time < ends[place + 1])], ends[place], ends[place + 1]
            )
            for place, name in enumerate(("train", "validation", "test"))
        ]

    identity = {"seed": params.seed, "split": params.split.model_dump(mode="json")}
    write_dataset(data / "dataset.h5", shards, split, identity)
    write_json(data / "scaler.json", {})
    with Dataset(data / "dataset.h5", check_shards=False) as dataset:
        found = digests_of_files(data, FileDigests(), from_bytes=True)
        certificate = {"passed": True, "fingerprint": dataset.fingerprint, **covered_digests(data, found)}
    write_json(folder / "reports/leaks.json", certificate)


def _make_tables(folder: Path, series: int) -> None:
    """Write tables of 20 groups: measurements of each series, vintages of a forecast for all series of a group."""
    params = check_params(settings(Shape(groups=20, series=series // 20, features=8)), "benchmark")
    _write_params(folder, params)
    tables, sources = folder / "data/tables", {}
    for source, make in (("meters", _meters), ("weather", _weather)):
        schema, groups = table_schema(params.raw.sources[source]), {}
        for number in range(20):
            group = f"group_{number:05}"
            path = tables / table_path(source, group)
            with closing(TableWriter(path, schema)) as writer:
                for columns in make(number, series // 20):
                    arrays = [
                        pa.array(columns[name]).cast(kind)
                        for name, kind in zip(schema.names, schema.types, strict=True)
                    ]
                    writer.write(pa.Table.from_arrays(arrays, schema=schema))
            groups[group] = {
                "file": table_path(source, group),
                "rows": writer.rows,
                "digest": digest_of_file(path),
            }
        role = params.raw.sources[source].role
        sources[source] = {"role": role, "values": schema.names[-1:], "groups": groups}
    write_json(tables / MANIFEST, {"format": FORMAT, "sources": sources})


def _valid() -> Any:
    return START + np.arange(TABLE_STEPS) * HOUR


def _usage(number: int, series: int) -> Any:
    return np.random.default_rng([number, series]).normal(5, 1, TABLE_STEPS).round(3)


def _temperatures(number: int) -> Any:
    """The vintages of each hour (hour, vintage), the oldest first."""
    return np.random.default_rng(number).normal(15, 3, (TABLE_STEPS, VINTAGES)).round(1)


def _meters(number: int, count: int) -> Any:
    valid = _valid()
    for series in range(count):
        names = pa.DictionaryArray.from_arrays(
            pa.array(np.zeros(TABLE_STEPS, np.int32)), pa.array([_name(series)])
        )
        yield {
            "series": names,
            "valid_time": valid,
            "known_time": valid + 2 * HOUR,
            "usage": _usage(number, series),
        }


def _weather(number: int, _: int) -> Any:
    valid = np.repeat(_valid(), VINTAGES)
    issue = valid - np.tile(np.arange(VINTAGES)[::-1], TABLE_STEPS) * 6 * HOUR
    names = pa.array([""] * len(valid))
    yield {
        "series": names, "issue_time": issue, "valid_time": valid, "known_time": issue + 2 * HOUR,
        "weather_000": _temperatures(number).reshape(-1),
    }  # fmt: skip


def _name(series: int) -> str:
    return f"customer_{series:05}"


def _make_foreign(folder: Path, series: int, *, shuffled: bool) -> int:
    """Write a table of features as known at 24 hours before each step: the newest vintage, and the usage of 48 hours before."""
    valid, written, count = _valid(), 0, series // 20
    origin = valid - 24 * HOUR
    for number in range(20):
        names = np.repeat([_name(place) for place in range(count)], TABLE_STEPS)
        old = np.stack(
            [np.concatenate([np.full(48, np.nan), _usage(number, place)[:-48]]) for place in range(count)]
        )
        newest = _temperatures(number)[
            :, VINTAGES - 1 - 5
        ]  # issued 30 hours before the hour, known 28 before
        order = np.random.default_rng(1).permutation(len(names)) if shuffled else np.arange(len(names))
        table = pa.table({
            "group": pa.array(np.full(len(names), f"group_{number:05}")), "series": pa.array(names[order]),
            "origin": pa.array(np.tile(origin, count)[order]).cast(STAMP), "valid_time": pa.array(np.tile(valid, count)[order]).cast(STAMP),
            "temp": np.tile(newest, count)[order], "published": pa.array(np.tile(origin - 4 * HOUR, count)[order]).cast(STAMP),
            "old": old.reshape(-1)[order],
        })  # fmt: skip
        if not number:
            writer = pq.ParquetWriter(folder / "features.parquet", table.schema, compression="lz4")
        writer.write_table(table, row_group_size=1 << 17)
        written += len(table)
    writer.close()
    return written


if __name__ == "__main__":
    main()
