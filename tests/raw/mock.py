"""Raw files and settings for tests of the room, and one call that ingests them and reads everything back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from hindcast.pipeline.raw.context import Sizes
from hindcast.pipeline.raw.ingest import ingest
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.tables import read_manifest, read_table
from tests import mock_data

HOUR = 3600 * 10**9

LONG: dict[str, Any] = {
    "role": "realized",
    "files": "*.csv",
    "group": {"constant": "here"},
    "series": {"column": "name"},
    "valid_time": {"column": "time"},
    "known": {"after_step": "1h"},
    "values": {"load": {"column": "load"}},
}


@dataclass(frozen=True)
class Outcome:
    """The outputs of ingest: its report, every table by (source, group), every quarantine by source."""

    report: dict[str, Any]
    tables: dict[tuple[str, str], pd.DataFrame]
    quarantine: dict[str, pd.DataFrame]

    def table(self) -> pd.DataFrame:
        """The only table."""
        ((_, table),) = self.tables.items()
        return table


def mock_params(sources: Mapping[str, Any], path: str = "raw", **raw: Any) -> Params:
    """Settings of a data set with these sources; their alignment does not matter."""
    sources = {name: dict(source) for name, source in sources.items()}
    target = {
        "role": "realized",
        "files": "absent.csv",
        **{key: LONG[key] for key in ("group", "valid_time", "known")},
    }
    realized = [
        name for source in sources.values() if source["role"] == "realized" for name in source["values"]
    ]
    if not realized:
        sources["unused"] = {**target, "values": {"load": {"column": "load"}}}
    params = mock_data.mock_params(
        raw={"path": path, "max_bad_fraction": 1.0, **raw, "sources": sources},
        align={"target": [*realized, "load"][:1], "origin": {"before": "48h"}},
    )
    if realized:
        return params
    kept = {name: source for name, source in params.raw.sources.items() if name != "unused"}
    return params.model_copy(update={"raw": params.raw.model_copy(update={"sources": kept})})


def write_files(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """Write raw files below `folder`/raw."""
    for name, content in files.items():
        path = folder / "raw" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def ingested(
    folder: Path,
    files: Mapping[str, str | bytes],
    sources: Mapping[str, Any] | None = None,
    *,
    sizes: Sizes | None = None,
    **raw: Any,
) -> Outcome:
    """Write the files, ingest them, read the outputs back; default source: LONG."""
    write_files(folder, files)
    params = mock_params({"meter": LONG} if sources is None else sources, **raw)
    return outcome(folder, ingest(params, folder, sizes))


def outcome(folder: Path, report: dict[str, Any]) -> Outcome:
    """Read the outputs of ingest below `folder`."""
    tables = {}
    for source, entry in read_manifest(folder / "data/tables")["sources"].items():
        for group in entry["groups"]:
            table = read_table(folder / "data/tables", source, group)
            assert table is not None
            tables[source, group] = table.astype({"series": str})
    quarantine = {
        name: pq.read_table(folder / f"data/quarantine/{name}.parquet").to_pandas()
        for name in report["sources"]
    }
    return Outcome(report, tables, quarantine)


def bytes_below(*folders: Path) -> dict[str, bytes]:
    """Every file below the folders with its bytes."""
    return {
        path.relative_to(folder.parent).as_posix(): path.read_bytes()
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def moment(text: str) -> int:
    """A UTC stamp as nanoseconds."""
    return int(pd.Timestamp(text, tz="UTC").value)
