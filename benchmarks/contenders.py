"""One contender reads the CSV files of a folder once; prints seconds and peak memory (kB) as JSON.

    python benchmarks/contenders.py NAME RAW WORK column|file

Each is written as its own documentation advises: only the typed table for pyarrow; for the others one Parquet file per
group (https://docs.pola.rs/user-guide/lazy/sources_sinks, https://docs.dask.org/en/stable/dataframe-parquet.html,
https://duckdb.org/docs/stable/data/partitioning/partitioned_writes, https://duckdb.org/docs/stable/data/csv/reading_faulty_csv_files).
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
from benchmarks.csv_files import VALUES


def pyarrow(raw: Path, _work: Path) -> Callable[[], object]:
    import pyarrow as pa
    from pyarrow import csv

    types = {"group": pa.string(), "series": pa.string(), "time": pa.timestamp("s", "UTC")}
    options = csv.ConvertOptions(column_types=types | dict.fromkeys(VALUES, pa.float64()))
    return lambda: [csv.read_csv(file, convert_options=options) for file in files_of(raw)]


def pandas(raw: Path, work: Path) -> Callable[[], object]:
    import pandas as pd
    import pyarrow.parquet  # noqa: F401 (pandas imports it at its first use)

    def run() -> None:
        table = pd.concat([pd.read_csv(file, parse_dates=["time"]) for file in files_of(raw)])
        for group, rows in table.groupby("group"):
            rows.sort_values(["series", "time"]).to_parquet(work / f"{group}.parquet")

    return run


def dask(raw: Path, work: Path) -> Callable[[], object]:
    import dask.dataframe as dd

    def run() -> None:
        table = dd.read_csv(f"{raw}/*.csv", parse_dates=["time"])
        table.to_parquet(work / "tables", partition_on=["group"])

    return run


def polars(raw: Path, work: Path) -> Callable[[], object]:
    import polars as pl

    def run() -> None:
        table = pl.scan_csv(files_of(raw), try_parse_dates=True).sort("group", "series", "time")
        table.sink_parquet(pl.PartitionBy(work / "tables", key="group"), mkdir=True)

    return run


def duckdb(raw: Path, work: Path) -> Callable[[], object]:
    """Lines that cannot be read go to its table of rejected lines, as ingest's go to quarantine."""
    import duckdb

    lines = f"read_csv('{raw}/*.csv', store_rejects = true)"
    written = f"""COPY (FROM {lines} ORDER BY "group", series, time)
        TO '{work}/tables' (FORMAT parquet, PARTITION_BY ("group"))"""

    def run() -> None:
        with duckdb.connect() as connection:
            connection.execute(written)
            connection.execute("FROM reject_errors").fetchall()

    return run


def ingest(raw: Path, work: Path, by: str) -> Callable[[], object]:
    import pyarrow.vendored.version  # noqa: F401 (pyarrow imports it at its first use)

    from hindcast.pipeline.raw.ingest import ingest
    from hindcast.pipeline.settings.params import check_params

    group = {"column": "group"} if by == "column" else {"path": r"([^/]+)\.csv$"}
    source = {
        "role": "realized",
        "files": "*.csv",
        "group": group,
        "series": {"column": "series"},
        "valid_time": {"column": "time"},
        "known": {"after_step": "1h"},
        "values": {name: {"column": name} for name in VALUES},
    }
    params = check_params(
        {
            "raw": {"path": str(raw), "frequency": "1h", "sources": {"meter": source}},
            "align": {"target": ["v0"], "origin": {"before": "48h"}, "gaps": {"fill": "2h"}, "features": {}},
        },
        "benchmark",
    )
    return lambda: ingest(params, work)


def files_of(raw: Path) -> list[Path]:
    return sorted(raw.glob("*.csv"))


def main() -> None:
    name, raw, work, by = sys.argv[1:]
    folders = (Path(raw), Path(work))
    run = ingest(*folders, by) if name == "ingest" else {"pyarrow": pyarrow, "pandas": pandas, "dask": dask, "polars": polars, "duckdb": duckdb}[name](*folders)  # fmt: skip
    start = time.perf_counter()
    result = run()
    seconds = time.perf_counter() - start
    del result
    print(json.dumps({"seconds": seconds, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))


if __name__ == "__main__":
    main()
