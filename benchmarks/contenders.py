"""One contender reads the CSV or Parquet files of a folder once; prints seconds, processor time and peak memory (kB) as JSON.

    python benchmarks/contenders.py NAME RAW WORK column|file

Each is written as its own documentation advises: only the typed table for pyarrow; for the others one Parquet file per
group (https://docs.pola.rs/user-guide/lazy/sources_sinks, https://docs.dask.org/en/stable/dataframe-parquet.html,
https://duckdb.org/docs/stable/data/partitioning/partitioned_writes, https://duckdb.org/docs/stable/data/csv/reading_faulty_csv_files).
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
from benchmarks.csv_files import VALUES
from benchmarks.peak_memory import peak_kilobytes


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


def parquet_read(raw: Path, _work: Path) -> Callable[[], object]:
    """Only the table in memory: nothing is checked, sorted, divided into groups or written."""
    import pyarrow.dataset  # noqa: F401 (pyarrow imports it at its first use)
    import pyarrow.parquet as pq

    columns = ["group", "series", "time", *VALUES]
    return lambda: [pq.read_table(file, columns=columns) for file in raw.glob("*.parquet")]


def parquet_tables(raw: Path, work: Path) -> Callable[[], object]:
    """The table sorted, and one file per group: the outputs of ingest, without its checks, digests and quality report."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.dataset
    import pyarrow.parquet as pq

    def run() -> None:
        table = pa.concat_tables([pq.read_table(file) for file in raw.glob("*.parquet")])
        table = table.sort_by([(name, "ascending") for name in ("group", "series", "time")])
        for group in pc.unique(table["group"]).to_pylist():
            pq.write_table(table.filter(pc.equal(table["group"], group)), work / f"{group}.parquet")

    return run


def parquet_pandas(raw: Path, work: Path) -> Callable[[], object]:
    import pandas as pd
    import pyarrow.parquet  # noqa: F401 (pandas imports it at its first use)

    def run() -> None:
        table = pd.concat([pd.read_parquet(file) for file in raw.glob("*.parquet")])
        for group, rows in table.groupby("group"):
            rows.sort_values(["series", "time"]).to_parquet(work / f"{group}.parquet")

    return run


def parquet_polars(raw: Path, work: Path) -> Callable[[], object]:
    import polars as pl

    def run() -> None:
        table = pl.scan_parquet(raw / "*.parquet").sort("group", "series", "time")
        table.sink_parquet(pl.PartitionBy(work / "tables", key="group"), mkdir=True)

    return run


def parquet_duckdb(raw: Path, work: Path) -> Callable[[], object]:
    import duckdb

    written = f"""COPY (FROM '{raw}/*.parquet' ORDER BY "group", series, time)
        TO '{work}/tables' (FORMAT parquet, PARTITION_BY ("group"))"""

    def run() -> None:
        with duckdb.connect() as connection:
            connection.execute(written)

    return run


PEERS = {each.__name__: each for each in (
    pyarrow, pandas, dask, polars, duckdb, parquet_read, parquet_tables, parquet_pandas, parquet_polars, parquet_duckdb,
)}  # fmt: skip


def ingest(raw: Path, work: Path, by: str) -> Callable[[], object]:
    import pyarrow.vendored.version  # noqa: F401 (pyarrow imports it at its first use)

    from hindcast.pipeline.raw.ingest import ingest
    from hindcast.pipeline.settings.params import check_params

    group = {"column": "group"} if by == "column" else {"path": r"([^/]+)\.csv$"}
    source = {
        "role": "realized",
        "files": ["*.csv", "*.parquet"],
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
    run = ingest(*folders, by) if name == "ingest" else PEERS[name](*folders)
    start, spent = time.perf_counter(), time.process_time()
    result = run()
    seconds, spent = time.perf_counter() - start, time.process_time() - spent
    del result
    print(json.dumps({"seconds": seconds, "cpu": spent, "peak": peak_kilobytes()}))


if __name__ == "__main__":
    main()
