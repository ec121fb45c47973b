"""What a proof rests on: how the known times of each source came about, and which sources hold final revisions only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hindcast.pipeline.serve.archive import FIRST_SEEN, first_seen
from hindcast.pipeline.serve.archive_parts import part_paths
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.tables import read_table
from hindcast.pipeline.wording import listed


def source_moments(
    root: Path, tables: Path, params: Params, groups: Sequence[str], origins: Sequence[int]
) -> dict[str, dict[str, Any]]:
    """Return, for each source, how the known times of its rows came about, and how many versions of a value it has.

    - `known`: `stamped` in the data, `declared` by the settings, or declared and `observed`: of all rows that became known from the first
      to the last of the `origins` the archive has the arrival, and none came later than declared.
    - `arrivals`: of declared sources, the rows in the archive whose arrival it saw, and how many of them came `later` than declared.
    - `most_versions`: the largest number of rows that the tables of these groups have for one value of one step: revisions of a
      measurement, vintages of a forecast. None for a source without rows, or whose values hold for all time.
    """
    found: dict[str, dict[str, Any]] = {}
    for name, source in params.raw.table_sources.items():
        arrivals = None if source.known.stamped or source.is_static else _arrivals(root, name, groups)
        known = "stamped" if source.known.stamped else "declared"
        if arrivals is not None and not arrivals["later"] and _covers(root, tables, name, groups, origins):
            known = "observed"
        found[name] = {
            "known": known,
            "rule": source.known.model_dump(mode="json"),
            "role": source.role,
            "arrivals": arrivals,
            "most_versions": None if source.is_static else _most_versions(tables, name, groups),
        }
    return found


def assumption_lines(sources: dict[str, dict[str, Any]], origins: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield a line on each thing that the proof takes for granted."""
    declared = [name for name, source in sources.items() if source["known"] == "declared"]
    if declared:
        yield f"known times of {listed(declared)} are declared in the settings, not stamped in the files"
    for name, source in sources.items():
        if source["arrivals"] is not None:
            rows, later = source["arrivals"]["rows"], source["arrivals"]["later"]
            yield f"the archive saw {rows:,} rows of {name} arrive, {later:,} of them later than declared"
    final = [name for name, source in sources.items() if source["most_versions"] == 1]
    if final:
        yield (
            f"files of {listed(final)} hold final revisions only, one version of each value: what was published first, if it was another "
            "value, cannot be proven"
        )
    cut = [each["files"] for each in origins if each["files"] is not None]
    mixed = max((files["mixed"] for files in cut), default=0)
    if mixed:
        yield (
            f"up to {mixed:,} lines of raw files stay at an origin although some of their values became known later: these are removed "
            "from the tables"
        )
    whole = max((files["whole"] for files in cut), default=0)
    if whole:
        yield f"{whole:,} compressed or packed raw files are not cut, but the tables made from them are"
    if len(cut) < len(origins):
        yield f"the raw files are large: they are cut at {len(cut)} origins, the tables made from them at the other {len(origins) - len(cut)}"


def _seen(root: Path, source: str, group: str) -> Any:
    """Return the rows of a group in the archive whose arrival it saw, with `after`, a time at which they were not there yet.

    What the first part of the source has may have been there for long. None without an archive.
    """
    paths = part_paths(root, source)
    if not paths:
        return None
    rows = first_seen(root, source, group)
    times = np.unique(rows[FIRST_SEEN].to_numpy())
    seen = rows[FIRST_SEEN].to_numpy()
    rows["after"] = times[np.maximum(np.searchsorted(times, seen) - 1, 0)]
    return rows[seen > times.min(initial=seen.max(initial=0))]


def _arrivals(root: Path, source: str, groups: Sequence[str]) -> dict[str, int] | None:
    found = [rows for group in groups if (rows := _seen(root, source, group)) is not None]
    if not sum(map(len, found)):
        return None
    later = sum(int((rows["after"].to_numpy() > rows["known_time"].to_numpy()).sum()) for rows in found)
    return {"rows": sum(map(len, found)), "later": later}


def _covers(root: Path, tables: Path, source: str, groups: Sequence[str], origins: Sequence[int]) -> bool:
    """Return whether the archive saw the arrival of all rows that became known between the first and the last origin."""
    for group in groups:
        frame, seen = read_table(tables, source, group), _seen(root, source, group)
        if frame is None:
            continue
        due = sum(_inside(frame, origins))
        if seen is None or sum(_inside(seen, origins)) < due:
            return False
    return True


def _inside(frame: Any, origins: Sequence[int]) -> Any:
    known = frame["known_time"].to_numpy()
    return (known >= min(origins)) & (known <= max(origins))


def _most_versions(tables: Path, source: str, groups: Sequence[str]) -> int | None:
    found = [frame for group in groups if (frame := read_table(tables, source, group)) is not None]
    return max((_longest_repeat(frame) for frame in found if len(frame)), default=None)


def _longest_repeat(frame: Any) -> int:
    """Return the largest number of rows with the same series, member and valid time; tables are sorted by them."""
    begins = np.ones(len(frame), bool)
    keys = [frame["valid_time"].to_numpy(), frame["series"].cat.codes.to_numpy()]
    keys += [frame["member"].cat.codes.to_numpy()] if "member" in frame else []
    begins[1:] = np.logical_or.reduce([key[1:] != key[:-1] for key in keys])
    starts = np.flatnonzero(begins)
    return int(np.diff(np.append(starts, len(frame))).max())
