"""Everything that was known at a moment: the rows of the tables whose known time is not later."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hindcast.pipeline.errors import MissingInputError
from hindcast.pipeline.tables import TIMES, read_manifest, read_table
from hindcast.pipeline.wording import listed


def moment_of(time: object) -> int:
    """Return a moment as ns UTC, from text, datetime, Timestamp, datetime64 or integer ns; without a zone it is UTC.

    Raises ValueError if it is no moment.
    """
    try:
        stamp = pd.Timestamp(time)  # type: ignore[arg-type]
    except (ValueError, TypeError) as fault:
        raise ValueError(
            f"origin must be a moment, as in '2024-03-01T10:00Z', found {time!r}: {fault}"
        ) from None
    if pd.isna(stamp):
        raise ValueError(f"origin must be a moment, as in '2024-03-01T10:00Z', found {time!r}")
    stamp = stamp.tz_localize("UTC") if stamp.tz is None else stamp.tz_convert("UTC")
    return int(stamp.as_unit("ns").value)


def known_rows(
    tables: Path,
    origin: int,
    sources: Iterable[str] | None = None,
    groups: Iterable[str] | None = None,
    *,
    newest: bool = False,
) -> dict[str, pd.DataFrame]:
    """Return, for each source, its rows with `known_time <= origin` (ns UTC), ordered by group, series and time.

    See `Workspace.as_known`. Raises MissingInputError for a source or group that no table has, or a missing table.
    """
    listing = read_manifest(tables)["sources"]
    chosen = list(listing) if sources is None else list(sources)
    every = {group for entry in listing.values() for group in entry["groups"]}
    wanted = every if groups is None else set(groups)
    unknown = [f"source {name!r}" for name in chosen if name not in listing]
    unknown += [f"group {name!r}" for name in sorted(wanted - every)]
    if unknown:
        raise MissingInputError(
            f"{tables} has no {', no '.join(unknown)}; its sources: {listed(list(listing))}; "
            f"its groups: {listed(sorted(every))}."
        )
    found = {name: list(_by_group(tables, name, origin, sorted(wanted), newest=newest)) for name in chosen}
    return {
        name: pd.concat(frames or [_no_rows(listing[name])], ignore_index=True)
        for name, frames in found.items()
    }


def _by_group(
    tables: Path, source: str, origin: int, groups: list[str], *, newest: bool
) -> Iterator[pd.DataFrame]:
    for group in groups:
        rows = read_table(tables, source, group)
        if rows is None:
            continue
        rows = rows[rows["known_time"].to_numpy(np.int64) <= origin]
        if newest:
            # tables are sorted by these keys, then by issue and known time: the last row of a key is the newest
            keys = [name for name in ("series", "member", "valid_time") if name in rows]
            rows = rows[~rows.duplicated(keys, keep="last")]
        names = {name: rows[name].astype(object) for name in ("series", "member") if name in rows}
        frame = _with_times(rows.assign(**names))
        frame.insert(0, "group", group)
        yield frame


def _no_rows(entry: Mapping[str, Any]) -> pd.DataFrame:
    times = TIMES if entry["role"] == "forecast" else TIMES[1:]
    return _with_times(pd.DataFrame(columns=["group", "series", *times, *entry["values"]]))


def _with_times(frame: pd.DataFrame) -> pd.DataFrame:
    times = {
        name: pd.to_datetime(frame[name].to_numpy(np.int64), utc=True) for name in TIMES if name in frame
    }
    return frame.assign(**times)
