"""The tables of a group, each read and hashed once, in parts of series, so that memory does not grow with their number."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hindcast.pipeline.certify.findings import CheckResult
from hindcast.pipeline.certify.step_clock import StepClock, step_clock
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.tables import TableReader, read_manifest

TABLES = "the bytes of the tables are the bytes that tables.json records"

_MOST_NUMBERS = 1 << 23  # of X, or of all tables, of the series of one part

SHARED = ""
"""The series name of rows that are shared by every series of their group."""


@dataclass(frozen=True)
class SeriesPart:
    """The rows of some series of a group.

    `frames` has, by source, the rows of these series and the shared rows; `own` those that no earlier part had. `names` is
    None if the part is the whole group. `is_aligned`: at least one of the series has steps, or the group has no names.
    """

    frames: Mapping[str, Any]
    own: Mapping[str, Any]
    names: frozenset[str] | None = None
    is_aligned: bool = True


def open_tables(
    result: CheckResult, tables: Path, params: Params, group: str
) -> dict[str, TableReader] | None:
    """Return a reader of each table of a group; None, and violations, if the bytes of one are not those of the manifest."""
    readers: dict[str, TableReader] = {}
    for source, entry in sorted(read_manifest(tables)["sources"].items()):
        content = _read(result, tables, entry["groups"][group]) if group in entry["groups"] else None
        if content is not None and source in params.raw.sources:
            readers[source] = TableReader(content)
    return readers if result.passed else None


def check_other_tables(result: CheckResult, tables: Path, groups: Collection[str]) -> None:
    """Compare the bytes of the tables of all groups but `groups` with the manifest."""
    for _, entry in sorted(read_manifest(tables)["sources"].items()):
        for group, of_group in sorted(entry["groups"].items()):
            if group not in groups:
                _read(result, tables, of_group)


def _read(result: CheckResult, tables: Path, entry: Mapping[str, Any]) -> bytes | None:
    """Return the bytes of a table; None, and a violation, if they are not those of the manifest."""
    result.count_checked(int(entry["rows"]))
    path = tables / entry["file"]
    content = path.read_bytes() if path.is_file() else None
    if content is None:
        result.add_violation(f"{entry['file']} is missing: run the stage `ingest` again")
    elif hashlib.sha256(content).hexdigest() != entry["digest"]:
        result.add_violation(
            f"{entry['file']} is damaged or was edited since ingest wrote it: run the stage `ingest` again"
        )
        return None
    return content


def iter_parts(
    readers: Mapping[str, TableReader], params: Params, group: str, numbers: int
) -> Iterator[SeriesPart]:
    """Yield all rows of a group in parts of series, in the order of their names; `numbers` is the size of its X."""
    sizes = [reader.rows * len(params.raw.sources[source].values) for source, reader in readers.items()]
    count = -(-max(numbers, sum(sizes)) // _MOST_NUMBERS)
    of_source = {source: _names(reader) for source, reader in readers.items()} if count > 1 else {}
    names = sorted({name for each in of_source.values() for name in each} - {SHARED})
    if count < 2 or not names:
        frames = {source: reader.read() for source, reader in readers.items()}
        yield SeriesPart(frames, frames)
        return
    with_steps = _names_with_steps(readers, of_source, params, group)
    for start in range(0, len(names), size := -(-len(names) // count)):
        chosen = names[start : start + size]
        frames = {source: reader.read_series(chosen, shared=True) for source, reader in readers.items()}
        own = frames if not start else {source: _without_shared(frame) for source, frame in frames.items()}
        is_aligned = not with_steps.isdisjoint(chosen) or (not start and not with_steps)
        yield SeriesPart(frames, own, frozenset(chosen), is_aligned)


def _names_with_steps(
    readers: Mapping[str, TableReader], of_source: Mapping[str, set[str]], params: Params, group: str
) -> set[str]:
    """Return the series with measured or forecast rows of their own before `align.until`: only these have steps."""
    found, until = set[str](), params.align.until
    for source, reader in readers.items():
        if params.raw.sources[source].role != "known":
            clock = step_clock(params, group, source)
            found |= of_source[source] if until is None else _names(reader, until, clock)
    return found - {SHARED}


def _names(reader: TableReader, until: int | None = None, clock: StepClock | None = None) -> set[str]:
    frame = reader.read(["series"] if until is None else ["series", "valid_time"])
    series = frame["series"].cat
    codes = series.codes.to_numpy()
    if until is not None and clock is not None:
        due = clock.due(frame["valid_time"].to_numpy(np.int64))
        codes = codes[(clock.begins(due) if clock.zone else due) < until]
    return {str(series.categories[code]) for code in np.flatnonzero(np.bincount(codes)).tolist()}


def _without_shared(frame: Any) -> Any:
    series = frame["series"].cat
    own = (series.categories != SHARED)[series.codes.to_numpy()]
    return frame if own.all() else frame[own]
