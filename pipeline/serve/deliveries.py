"""Forecasts as files: one per origin, never changed once it is there, with a record of what it was made from."""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from hindcast.pipeline.files import canonical_json, replace_file
from hindcast.pipeline.judge.interval_columns import interval_names
from hindcast.pipeline.serve.forecast_rows import ForecastRows
from hindcast.pipeline.serve.worse_revision import count_worse
from hindcast.pipeline.settings.base import HOUR

FOLDER = Path("forecasts")
FORMAT = "hindcast-forecast/1"
FileType = Literal["parquet", "csv"]

_STAMP = pa.timestamp("ns", tz="UTC")


@dataclass(frozen=True)
class Delivery:
    """The file of a forecast: `is_new` is False if an equal one was there already, `revision` counts from 1.

    `worse` is the number of values that would have fallen back where the delivered file, which stays, has a better method.
    """

    path: Path
    is_new: bool
    revision: int
    rows: int
    methods: dict[str, int]
    worse: int = 0
    late: int = 0  # ns after the deadline of `align.origin.gate`


def forecast_table(
    parts: Sequence[ForecastRows], origin: int, levels: Sequence[float], coverages: Sequence[float] = ()
) -> pa.Table:
    """Join the rows of one origin: sorted by group, series, target, valid_time, track; `levels` are those of the quantiles,
    `coverages` those of the intervals.

    `lead` is the time from the origin to the start of the step, in hours.
    """
    columns: dict[str, list[pa.Array]] = {}
    for part in parts:
        count = len(part.times)
        given: dict[str, Any] = {
            "group": pa.repeat(pa.scalar(part.group, pa.string()), count),
            "series": pa.array(part.series, pa.string()),
            "target": pa.repeat(pa.scalar(part.target, pa.string()), count),
            "origin": pa.repeat(pa.scalar(origin, pa.int64()), count).cast(_STAMP),
            "valid_time": pa.array(part.times).cast(_STAMP),
            "track": pa.array(np.full(count, part.track, np.int32)),
            "lead": pa.array((part.begins - origin) / HOUR),
            "value": pa.array(part.value, from_pandas=True),
            **{f"q{level:g}": pa.array(column, from_pandas=True) for level, column in zip(levels, part.quantiles.T, strict=True)},
            **_interval_columns(part, coverages),
            "published": pa.array(part.published, from_pandas=True),
            **{name: pa.array(column, from_pandas=True) for name, column in part.members.items() if name != "published"},
            "method": pa.array(part.method, pa.string()),
            "note": pa.array(part.note, pa.string()),
        }  # fmt: skip
        for name, column in given.items():
            columns.setdefault(name, []).append(column)
    table = pa.table({name: pa.chunked_array(chunks) for name, chunks in columns.items()})
    keys = ("group", "series", "target", "valid_time", "track")
    return table.sort_by([(name, "ascending") for name in keys]).combine_chunks()


def _interval_columns(part: ForecastRows, coverages: Sequence[float]) -> dict[str, pa.Array]:
    if part.bounds is None:
        return {}
    ends = part.bounds.reshape(len(part.times), -1).T
    return {
        name: pa.array(column, from_pandas=True)
        for name, column in zip(interval_names(coverages), ends, strict=True)
    }


def deliver(  # noqa: PLR0917 - the file, and what it says
    root: Path,
    table: pa.Table,
    origin: int,
    record: dict[str, Any],
    kind: FileType = "parquet",
    fallbacks: Sequence[str] | None = None,
) -> Delivery:
    """Write the forecast of an origin and its record to `root`/forecasts; a file that is there is never changed.

    If the newest file of the origin has the same bytes, nothing is written. Otherwise the new one is a revision with a number.
    With `fallbacks`, in their order, nothing is written either if a value would fall back where the newest file has a better method.
    """
    content = content_of(table, kind)
    methods = dict(sorted(Counter(table["method"].to_pylist()).items()))
    stem, revision, newest = name_of_origin(origin), 1, None
    while (path := _path(root, stem, revision, kind)).exists():
        newest, revision = path, revision + 1
    if newest is not None and newest.read_bytes() == content:
        return Delivery(newest, is_new=False, revision=revision - 1, rows=table.num_rows, methods=methods)
    if newest is not None and fallbacks is not None and (worse := count_worse(newest, table, fallbacks)):
        return Delivery(
            newest, is_new=False, revision=revision - 1, rows=table.num_rows, methods=methods, worse=worse
        )
    about = {
        "format": FORMAT,
        "file": path.name,
        "digest": hashlib.sha256(content).hexdigest(),
        "rows": table.num_rows,
        "methods": methods,
    }
    # the record first: a call that is killed in between leaves no forecast without one
    with replace_file(path.with_name(f"{path.name}.json")) as temporary:
        temporary.write_text(canonical_json({**about, **record}), encoding="utf-8")
    with replace_file(path) as temporary:
        temporary.write_bytes(content)
    return Delivery(path, is_new=True, revision=revision, rows=table.num_rows, methods=methods)


def name_of_origin(origin: int) -> str:
    """Return the name of an origin's file: 20261129T1800Z, with seconds only where there are some."""
    moment = np.datetime64(origin, "ns").astype("datetime64[s]").item()
    return str(moment.strftime("%Y%m%dT%H%MZ" if moment.second == 0 else "%Y%m%dT%H%M%SZ"))


def delivered_origins(root: Path) -> list[int]:
    """Return the origins (ns UTC) that have a forecast in `root`/forecasts, ascending."""
    paths = (path for kind in get_args(FileType) for path in (root / FOLDER).glob(f"*.{kind}"))
    return sorted({origin for path in paths if (origin := origin_of_file(path)) is not None})


def origin_of_file(path: Path) -> int | None:
    """Return the origin (ns UTC) that the name of a forecast's file has; None if it has none."""
    stem = path.name.partition(".")[0]
    layout = "%Y%m%dT%H%MZ" if len(stem) == len("20261129T1800Z") else "%Y%m%dT%H%M%SZ"
    try:
        moment = datetime.strptime(stem, layout)  # noqa: DTZ007 - numpy takes UTC without a zone
    except ValueError:
        return None
    return int(np.datetime64(moment, "ns").astype(np.int64))


def content_of(table: pa.Table, kind: FileType) -> bytes:
    """Return the bytes of the file of a forecast."""
    out = io.BytesIO()
    if kind == "csv":
        pa_csv.write_csv(table, out)
    else:
        pq.write_table(table, out, compression="zstd")
    return out.getvalue()


def _path(root: Path, stem: str, revision: int, kind: FileType) -> Path:
    return root / FOLDER / f"{stem}{f'.r{revision}' if revision > 1 else ''}.{kind}"
