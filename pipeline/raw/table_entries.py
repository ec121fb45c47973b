"""Tables of groups as entries of the cache: made once for the same rows and rules."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hindcast.pipeline.files import digest_of_file
from hindcast.pipeline.raw.cache import Cache, Contract, describe, description_of, table_key
from hindcast.pipeline.raw.cache_entries import ParsedFile
from hindcast.pipeline.raw.group_table import Rules, Settled, write_group_table
from hindcast.pipeline.raw.reading import Workshop
from hindcast.pipeline.raw.reject_rules import BadRows
from hindcast.pipeline.settings.raw import Source

_TABLE = "table.parquet"


@dataclass(frozen=True)
class TableEntry:
    """A group's table, absent where no row was left, and what became of the rows of each file."""

    folder: Path
    digest: str | None
    settled: Settled

    @property
    def path(self) -> Path:
        """Where the table lies in the cache."""
        return self.folder / _TABLE


@dataclass(frozen=True)
class GroupRows:
    """What a table is made of: the files that hold rows of a group, in order, and their source."""

    group: str
    files: list[ParsedFile]
    source: Source
    contract: Contract

    def name(self, workshop: Workshop) -> str:
        """The cache's name for the table."""
        parts = [file.part(self.group) for file in self.files]
        return f"table-{table_key(self.contract, workshop.raw.zone_of(self.group), self.group, parts)}"


def find_table(workshop: Workshop, rows: GroupRows) -> TableEntry | None:
    """The table of a group as it was made before; None if it is to be made."""
    folder = workshop.cache.find(rows.name(workshop))
    value = None if folder is None else description_of(folder)
    if folder is None or value is None:
        return None
    entry = TableEntry(folder, value["digest"], _settled_of(rows.group, value))
    return entry if _is_whole(entry, workshop.cache) else None


def make_table(workshop: Workshop, rows: GroupRows) -> TableEntry:
    """Merge the rows of a group into a table; they must be at hand."""
    folder, group = workshop.cache.new_folder(), rows.group
    rules = Rules(rows.source, workshop.raw.frequency.ns, workshop.raw.zone_of(group) or "UTC")
    runs = [file.runs or [] for file in rows.files]
    settled = write_group_table(
        folder / _TABLE, group, runs, rules, workshop.buffers, merge_bytes=workshop.merge_bytes
    )
    digest = digest_of_file(folder / _TABLE) if settled.rows else None
    describe(folder, {"digest": digest, **_value_of(settled)})
    return TableEntry(workshop.cache.keep(folder, rows.name(workshop)), digest, settled)


def _is_whole(entry: TableEntry, cache: Cache) -> bool:
    if entry.digest is None:
        return True
    return entry.path.is_file() and cache.digests.of(entry.path) == entry.digest


def _value_of(settled: Settled) -> dict[str, Any]:
    aside = [[bad.line.tolist(), bad.rule.tolist(), bad.series.tolist()] for bad in settled.aside]
    return {"rows": settled.rows, "stored": settled.stored, "folded": settled.folded, "aside": aside}


def _settled_of(group: str, value: dict[str, Any]) -> Settled:
    aside = [
        BadRows(
            np.array(lines, np.int64),
            np.array(rules, np.uint8),
            np.full(len(lines), -1, np.int32),
            np.full(len(lines), group, object),
            np.array(series, object),
        )
        for lines, rules, series in value["aside"]
    ]
    return Settled(value["rows"], value["stored"], value["folded"], aside)
