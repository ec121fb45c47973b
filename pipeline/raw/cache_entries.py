"""One raw file as read: its counts, what it put aside, and its rows as sorted runs; an entry of the cache.

The rows are needed as long as a table is to be made of them: afterwards they stay only where the file shares a
group with another one, whose change would ask for them again.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from hindcast.pipeline.arrays import BufferPool
from hindcast.pipeline.files import digest_of_file
from hindcast.pipeline.raw.cache import describe, description_of
from hindcast.pipeline.raw.sorted_runs import Run

ASIDE_NAME = "aside.arrow"
_ROWS = "rows.json"
_HASHED_BYTES = 4 << 20


@dataclass
class ParsedFile:
    """A file of a source below its header; `runs` is None where its rows are not at hand."""

    key: str
    folder: Path
    read: int
    rules: dict[int, int]  # rows put aside while reading, by code
    groups: list[str]  # that have rows
    unzoned: list[str]  # groups that raw.zone lacks
    runs: list[Run] | None
    fresh: bool = False  # read by this run
    digests: dict[str, str] = field(default_factory=dict)  # of the rows of each group, where rows are kept

    @property
    def aside(self) -> Path | None:
        """The rows put aside while reading."""
        return self.folder / ASIDE_NAME if self.rules else None

    def move(self, folder: Path) -> None:
        """Follow the entry to where it lies now."""
        self.folder = folder
        self.runs = [replace(run, path=folder / run.path.name) for run in self.runs or []]

    def part(self, group: str) -> str:
        """A digest of the rows of a group: they are the same while it is."""
        return self.digests.get(group, self.key)

    def is_sound(self, groups: set[str]) -> bool:
        """Whether the rows of some groups are at hand, whole."""
        if self.runs is None or self.fresh:
            return self.fresh
        return all(
            self.digests[group] == _digest_of_rows(self.runs, group)
            for group in sorted(groups & self.digests.keys())
        )

    def keep_rows(self) -> None:
        """Make the rows part of the entry."""
        assert self.runs is not None
        if self.digests:
            return
        self.digests = {group: _digest_of_rows(self.runs, group) for group in self.groups}
        for run in self.runs:
            run.save()
        runs = [[run.path.name, run.keys, run.starts, run.times, run.values] for run in self.runs]
        describe(self.folder, {"runs": runs, "digests": self.digests}, _ROWS)

    def drop_rows(self, buffers: BufferPool) -> None:
        """Let go of the rows in memory, and remove those on disk that are not part of the entry."""
        runs, self.runs = self.runs or [], None
        for run in runs:
            if run.block is not None:
                buffers.release(run.nbytes)
            if not self.digests:
                run.path.unlink(missing_ok=True)


def new_entry(parsed: ParsedFile) -> None:
    """Describe a file that was just read into its folder."""
    value = {
        "read": parsed.read,
        "rules": {str(rule): count for rule, count in parsed.rules.items()},
        "groups": parsed.groups,
        "unzoned": parsed.unzoned,
        "aside": digest_of_file(parsed.aside) if parsed.aside else None,
    }
    describe(parsed.folder, value)


def load_entry(key: str, folder: Path) -> ParsedFile | None:
    """The file of an entry; None if the entry is damaged."""
    value = description_of(folder)
    if value is None:
        return None
    parsed = ParsedFile(
        key,
        folder,
        value["read"],
        {int(rule): count for rule, count in value["rules"].items()},
        value["groups"],
        value["unzoned"],
        None,
    )
    if parsed.aside is not None and not (
        parsed.aside.is_file() and digest_of_file(parsed.aside) == value["aside"]
    ):
        return None
    rows = description_of(folder, _ROWS)
    if rows is not None:
        parsed.digests = rows["digests"]
        parsed.runs = [_run_of(folder, run) for run in rows["runs"]]
    return parsed


def _run_of(folder: Path, value: list[Any]) -> Run:
    name, keys, starts, times, values = value
    return Run(folder / name, [(group, series) for group, series in keys], starts, times, values)


def _digest_of_rows(runs: list[Run], group: str) -> str:
    """Digest of a group's rows and their series; of runs that are cut off or absent, another one.

    Series by series, then run by run, field by field apart: where series go on in time from run to run it does
    not tell how rows were cut into runs.
    """
    columns = [hashlib.sha256() for _ in range(runs[0].fields if runs else 0)]
    names = hashlib.sha256()
    slices: dict[str, list[tuple[Run, int]]] = {}
    for run in runs:
        for place in range(*run.group(group)):
            slices.setdefault(run.keys[place][1], []).append((run, place))
    try:
        for series in sorted(slices):
            rows = sum(_hash_rows(columns, run, place) for run, place in slices[series])
            names.update(repr((series, rows)).encode())
    except (OSError, AssertionError):
        return "damaged"
    for column in columns:
        names.update(column.digest())
    return names.hexdigest()


def _hash_rows(columns: list[Any], run: Run, place: int) -> int:
    start, stop = run.starts[place], run.starts[place + 1]
    most = max(1, _HASHED_BYTES // (8 * run.fields))
    for at in range(start, stop, most):
        for column, row in zip(columns, run.read_rows(place, at, min(stop, at + most)), strict=True):
            column.update(np.ascontiguousarray(row).data)
    return stop - start
