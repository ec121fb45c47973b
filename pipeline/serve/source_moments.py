"""What a proof rests on: how the known times of each source came about, and which sources hold final revisions only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.tables import read_table
from hindcast.pipeline.wording import listed


def source_moments(tables: Path, params: Params, groups: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return, for each source, whether its known times are `stamped` in the data or `declared` by the settings, and its versions.

    `most_versions` is the largest number of rows that the tables of these groups have for one value of one step: revisions of a
    measurement, vintages of a forecast. None for a source without rows, or whose values hold for all time.
    """
    return {
        name: {
            "known": "stamped" if source.known.stamped else "declared",
            "rule": source.known.model_dump(mode="json"),
            "role": source.role,
            "most_versions": None if source.is_static else _most_versions(tables, name, groups),
        }
        for name, source in params.raw.table_sources.items()
    }


def assumption_lines(sources: dict[str, dict[str, Any]], origins: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield a line on each thing that the proof takes for granted."""
    declared = [name for name, source in sources.items() if source["known"] == "declared"]
    if declared:
        yield f"known times of {listed(declared)} are declared in the settings, not stamped in the files"
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
            f"up to {mixed:,} lines of raw files hold values that became known at several moments: they stay whole, and the later values "
            "are removed from the tables"
        )
    whole = max((files["whole"] for files in cut), default=0)
    if whole:
        yield f"{whole:,} compressed or packed raw files are not cut, but the tables made from them are"
    if len(cut) < len(origins):
        yield f"the raw files are large: they are cut at {len(cut)} origins, the tables made from them at the other {len(origins) - len(cut)}"


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
