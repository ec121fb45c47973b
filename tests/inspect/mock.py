"""Files of unknown layout, and what ingest reads from them with the proposed settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from hindcast.pipeline.inspect.inspect_files import Inspection, inspect_files
from hindcast.pipeline.raw.ingest import ingest
from hindcast.pipeline.settings.params import check_params
from hindcast.pipeline.tables import read_manifest, read_table

HOUR = 3600 * 10**9


def hours(start: str = "2022-01-01", count: int = 24 * 30, zone: str = "UTC") -> pd.DatetimeIndex:
    """Consecutive hours, as a clock in `zone` shows them."""
    return pd.date_range(start, periods=count, freq="h", tz="UTC").tz_convert(zone)


def values(count: int, level: float = 50.0) -> np.ndarray:
    """A daily wave with noise, rounded to two places, the same at every call."""
    noise = np.random.default_rng(7).normal(0, 1, count)
    wave: np.ndarray = np.round(level + 10 * np.sin(np.arange(count) * 2 * np.pi / 24) + noise, 2)
    return wave


def lines(header: str, *rows: Sequence[Any], separator: str = ",", decimal: str = ".") -> str:
    """A CSV text; floats get the decimal sign."""

    def cell(value: Any) -> str:
        return str(value).replace(".", decimal) if isinstance(value, float) else str(value)

    return "\n".join([header, *(separator.join(map(cell, row)) for row in rows)]) + "\n"


def wall_hours(start: str, days: int, zone: str, form: str = "%d.%m.%Y %H:%M") -> str:
    """Hours as a clock shows them, a value each."""
    first = pd.Timestamp(start, tz=zone)
    times = pd.date_range(first, first + pd.DateOffset(days=days), freq="h", inclusive="left")
    body = zip(times.strftime(form), values(len(times)).tolist(), strict=True)
    return lines("time;load", *body, separator=";")


def seen(folder: Path, **files: str | bytes) -> Inspection:
    """Write files below `folder`/raw (`__` in a name stands for a folder's slash, `_csv` for its suffix) and inspect them."""
    for name, content in files.items():
        path = folder / "raw" / (name.replace("__", "/").replace("_csv", ".csv"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return inspect_files([folder / "raw"])


def questions(inspection: Inspection) -> list[str]:
    """All that a proposal asks."""
    return [asked.question for asked in inspection.require_proposal().questions]


def settings(inspection: Inspection) -> dict[str, Any]:
    """The proposed settings as values."""
    proposed: dict[str, Any] = yaml.safe_load(inspection.require_proposal().text)
    return proposed


def only_source(inspection: Inspection) -> dict[str, Any]:
    """The one source of a proposal."""
    ((_, source),) = settings(inspection)["raw"]["sources"].items()
    assert isinstance(source, dict)
    return source


def read_back(inspection: Inspection, workspace: Path) -> dict[str, pd.DataFrame]:
    """What ingest stores by the proposal, a frame a source, groups as a column; fails if a row is quarantined."""
    params = check_params(settings(inspection), "proposed")
    report = ingest(params, workspace)
    assert [name for name, one in report["sources"].items() if one["rows_quarantined"]] == []
    tables = workspace / "data" / "tables"
    found = {}
    for source, entry in read_manifest(tables)["sources"].items():
        frames = [
            table.assign(group=group)
            for group in entry["groups"]
            if (table := _table(tables, source, group)) is not None
        ]
        found[source] = pd.concat(frames, ignore_index=True)
    return found


_table: Callable[[Path, str, str], pd.DataFrame | None] = read_table


def tables(workspace: Path) -> dict[tuple[str, str], pd.DataFrame]:
    """What ingest stored, a frame a source and group."""
    folder = workspace / "data" / "tables"
    found = {}
    for source, entry in read_manifest(folder)["sources"].items():
        for group in entry["groups"]:
            table = _table(folder, source, group)
            assert table is not None
            found[source, group] = table.astype({"series": str})
    return found
