"""The two kinds of cache entries: one parsed raw file, and the table of one group.

The rows of a parsed file are needed until its tables are built.  After that they are kept only if the file shares a
group with another file, because they are needed again when that file changes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from hindcast.pipeline.arrays import BufferPool
from hindcast.pipeline.files import digest_of_file
from hindcast.pipeline.raw.cache import SettingsDigest, describe_entry, read_description, table_key
from hindcast.pipeline.raw.context import IngestContext
from hindcast.pipeline.raw.group_table import TableOutcome, TableRules, write_group_table
from hindcast.pipeline.raw.quality_findings import TableFindings
from hindcast.pipeline.raw.reject_rules import RejectedRows
from hindcast.pipeline.raw.sorted_runs import Run
from hindcast.pipeline.raw.stamp_counts import StampCounts
from hindcast.pipeline.settings.raw import Source

REJECTS_NAME = "rejected.arrow"
TABLE = "table.parquet"
_ROWS = "rows.json"
_HASHED_BYTES = 4 << 20


# --- parsed files -----------------------------------------------------------------------------------------------


@dataclass
class ParsedFile:
    """The rows of one raw file; `runs` is None where they are not available."""

    key: str
    folder: Path
    read: int
    rules: dict[int, int]  # number of rows rejected while reading, by code of the rule
    groups: list[str]  # groups that have rows in this file
    unzoned: list[str]  # groups without a zone in raw.zone
    runs: list[Run] | None
    wall: list[str] = field(default_factory=list)  # fields with timestamps without an offset
    rounded: dict[str, tuple[int, int]] = field(default_factory=dict)  # see `RowReader.rounded`
    encoding: str = ""  # in which it was read
    fresh: bool = False  # read by this run of ingest
    content: str = ""  # the SHA-256 of the file that was read
    digests: dict[str, str] = field(default_factory=dict)  # digest of each group's rows, if rows are kept

    @property
    def rejects(self) -> Path | None:
        """The RejectFile of the rows rejected while reading; None if there are none."""
        return self.folder / REJECTS_NAME if self.rules else None

    def move(self, folder: Path) -> None:
        """Use the new path of the entry from now on."""
        self.folder = folder
        self.runs = [replace(run, path=folder / run.path.name) for run in self.runs or []]

    def part(self, group: str) -> str:
        """Return a digest that changes with the rows of a group."""
        return self.digests.get(group, self.key)

    def has_intact_rows(self, groups: set[str]) -> bool:
        """Return whether the rows of the given groups are available and undamaged."""
        if self.runs is None or self.fresh:
            return self.fresh
        needed = sorted(groups & self.digests.keys())
        return all(self.digests[group] == _digest_of_rows(self.runs, group) for group in needed)

    def keep_rows(self) -> None:
        """Store the rows in the entry, which has its final name, if they are available."""
        if self.runs is None or self.digests:
            return
        self.digests = {group: _digest_of_rows(self.runs, group) for group in self.groups}
        for run in self.runs:
            run.save()
        runs = [[run.path.name, run.keys, run.starts, run.times, run.values] for run in self.runs]
        describe_entry(self.folder, self.folder.name, {"runs": runs, "digests": self.digests}, _ROWS)

    def drop_rows(self, buffers: BufferPool) -> None:
        """Release the rows in memory, and remove the rows on disk if they are not part of the entry."""
        runs, self.runs = self.runs or [], None
        for run in runs:
            if run.block is not None:
                buffers.release(run.nbytes)
            if not self.digests:
                run.path.unlink(missing_ok=True)


def file_entry_name(key: str, size: int) -> str:
    """Return the cache's name for a parsed file; it starts with the size: a file of a new size need not be hashed."""
    return f"file-{size}-{key}"


def describe_file(parsed: ParsedFile, name: str) -> None:
    """Write the description of a file that was just parsed into its folder, which becomes the entry of this name."""
    describe_noted_file(parsed.folder, name, note_of_file(parsed))


def note_of_file(parsed: ParsedFile) -> dict[str, Any]:
    """Return the description of a parsed file as a JSON-like value, without the digest of its RejectFile."""
    return {
        "read": parsed.read,
        "rules": {str(rule): count for rule, count in parsed.rules.items()},
        "groups": parsed.groups,
        "unzoned": parsed.unzoned,
        "wall": parsed.wall,
        "rounded": parsed.rounded,
        "encoding": parsed.encoding,
    }


def describe_noted_file(folder: Path, name: str, note: Mapping[str, Any]) -> None:
    """Write the description of a file into the folder of the entry of this name, which has its RejectFile if rows were rejected."""
    rejects = digest_of_file(folder / REJECTS_NAME) if note["rules"] else None
    describe_entry(folder, name, {**note, "rejects": rejects})


def restore_rows(folder: Path, name: str, digests: Mapping[str, str]) -> None:
    """Write the digests of a file's rows by group into its entry, without the rows, which count as damaged when needed."""
    describe_entry(folder, name, {"runs": [], "digests": dict(digests)}, _ROWS)


def load_file(key: str, folder: Path) -> ParsedFile | None:
    """Read the parsed file of an entry; None if the entry is damaged or of another key."""
    value = read_description(folder)
    if value is None or "encoding" not in value:  # entries of older versions lack it
        return None
    rules = {int(rule): count for rule, count in value["rules"].items()}
    parsed = ParsedFile(
        key, folder, value["read"], rules, value["groups"], value["unzoned"], None, value["wall"]
    )
    parsed.encoding = value["encoding"]
    parsed.rounded = {name: (count, most) for name, (count, most) in value["rounded"].items()}
    rejects = parsed.rejects
    if rejects is not None and not (rejects.is_file() and digest_of_file(rejects) == value["rejects"]):
        return None
    rows = read_description(folder, _ROWS)
    if rows is not None:
        parsed.digests = rows["digests"]
        parsed.runs = [
            Run(folder / name, [(group, series) for group, series in keys], starts, times, values)
            for name, keys, starts, times, values in rows["runs"]
        ]
    return parsed


def _digest_of_rows(runs: list[Run], group: str) -> str:
    """Compute the digest of a group's rows and their series; truncated or missing runs give a different text.

    Rows are hashed series by series, within a series run by run, and each field separately.  So the digest does not
    depend on how the rows of a series were divided into runs, as long as later runs hold later times.
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


# --- tables -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TableEntry:
    """A group's table (`digest` is None if no row was left) and what became of the rows of each file."""

    folder: Path
    digest: str | None
    outcome: TableOutcome
    described: dict[str, Any]  # the description of the entry

    @property
    def path(self) -> Path:
        """Path of the table in the cache."""
        return self.folder / TABLE


@dataclass(frozen=True)
class GroupRows:
    """The input of a table: the files that hold rows of a group, in order, and their source."""

    group: str
    files: list[ParsedFile]
    source: Source
    settings: SettingsDigest
    source_name: str

    def name(self, context: IngestContext, shared: Collection[str] | None = None) -> str:
        """The cache's name for the table; with `shared`, only the rows of files with these keys count by their digests."""
        parts = [
            file.part(self.group) if shared is None or file.key in shared else file.key for file in self.files
        ]
        clock = context.raw.zone_of(self.group), context.raw.offset_of(self.group)
        return f"table-{table_key(self.settings, clock, self.group, parts)}"


def find_table(context: IngestContext, rows: GroupRows) -> TableEntry | None:
    """Return the cached table of a group; None if it is missing, damaged or of another key."""
    folder = context.cache.find(rows.name(context))
    value = None if folder is None else read_description(folder)
    if folder is None or value is None:
        return None
    rejected = [
        RejectedRows.without_column(
            np.array(lines, np.int64), np.array(rules, np.uint8), rows.group, np.array(series, object)
        )
        for lines, rules, series in value["rejected"]
    ]
    stamps = StampCounts.from_json(value["stamps"])
    quality = TableFindings.from_json(value["quality"])
    outcome = TableOutcome(value["rows"], value["stored"], value["folded"], rejected, stamps, quality)
    entry = TableEntry(folder, value["digest"], outcome, value)
    intact = entry.path.is_file() and context.cache.digests.digest(entry.path) == entry.digest
    return entry if intact or entry.digest is None else None


def make_table(context: IngestContext, rows: GroupRows) -> TableEntry:
    """Merge the rows of a group, which must be available, into a table."""
    folder, name, group = context.cache.new_folder(), rows.name(context), rows.group
    grid = context.raw.stamp_grid(rows.source, group)
    place, allowed = f"raw.sources.{rows.source_name}, group {group!r}", context.raw.max_bad_fraction
    rules = TableRules(rows.source, grid, context.raw.zone_of(group) or "UTC", place, allowed)
    runs = [file.runs or [] for file in rows.files]
    path, most = folder / TABLE, context.sizes.merge
    outcome = write_group_table(path, group, runs, rules, context.buffers, merge_bytes=most)
    digest = digest_of_file(path) if outcome.rows else None
    rejected = [[part.line.tolist(), part.rule.tolist(), part.series.tolist()] for part in outcome.rejected]
    value: dict[str, Any] = {
        "digest": digest,
        "rows": outcome.rows,
        "stored": outcome.stored,
        "folded": outcome.folded,
    }
    value |= {"stamps": outcome.stamps.as_json(), "quality": outcome.quality.as_json()}
    value["rejected"] = rejected
    describe_entry(folder, name, value)
    return TableEntry(context.cache.add(folder, name), digest, outcome, value)
