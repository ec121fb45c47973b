"""The typed rows from which a forecast is made, one group at a time: those of a folder of tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.tables import read_manifest, read_table

_MOST_KEPT = 384 << 20  # bytes of rows that stay in memory for the next forecast


class GroupRows(Protocol):
    """Typed rows by group and source, as `tables.read_table` returns them."""

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups with rows, sorted."""

    def read(self, group: str, since: int | None = None) -> Mapping[str, Any]:
        """Return the rows of a group, a frame per source that has some.

        With `since` (ns UTC), rows that are valid and known earlier may be left out, except those that hold for all time.
        """


@dataclass(frozen=True)
class _Kept:
    """The rows of a table with a digest, from `since` on if that is not None."""

    digest: str
    since: int | None
    size: int
    rows: Any

    def has(self, digest: str, since: int | None) -> bool:
        """Return whether these are the rows of a table from `since` on, and perhaps some earlier ones."""
        reaches = self.since is None or (since is not None and self.since <= since)
        return self.digest == digest and reaches


class TableRows:
    """The rows of a folder of tables.

    What was read is kept in memory up to a limit and read again only if its table has changed or earlier rows are needed, so that a
    process that goes on forecasting reads what is new.
    """

    def __init__(self, tables: Path, params: Params) -> None:
        self._tables, self._sources = tables, params.raw.table_sources
        self._kept: dict[tuple[str, str], _Kept] = {}  # by source and group
        self._size = 0

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups with rows, sorted."""
        sources = read_manifest(self._tables)["sources"].values()
        return tuple(sorted({group for source in sources for group in source["groups"] if group}))

    def read(self, group: str, since: int | None = None) -> dict[str, Any]:
        """Return the rows of a group as `GroupRows` says; raises the errors of `read_table`."""
        sources = read_manifest(self._tables)["sources"]
        entries = {name: sources.get(name, {"groups": {}})["groups"].get(group) for name in self._sources}
        return {
            name: self._rows(name, group, entry["digest"], None if self._sources[name].is_static else since)
            for name, entry in entries.items()
            if entry is not None
        }

    def _rows(self, source: str, group: str, digest: str, since: int | None) -> Any:
        key = source, group
        before = self._kept.get(key)
        if before is not None:
            if before.has(digest, since):
                return before.rows
            del self._kept[key]
            self._size -= before.size
        rows = read_table(self._tables, source, group, since)
        assert rows is not None  # the manifest names it
        size = int(rows.memory_usage().sum())
        if self._size + size <= _MOST_KEPT:
            self._kept[key] = _Kept(digest, since, size, rows)
            self._size += size
        return rows
