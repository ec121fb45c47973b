"""The groups and series of the tables, each with a number, and the number of each row of a table made elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hindcast.pipeline.arrays import Ints, Key
from hindcast.pipeline.certify.table_file import texts_of
from hindcast.pipeline.errors import MissingInputError
from hindcast.pipeline.wording import listed

SHARED = ""
"""The series name of rows that hold for every series of their group."""

UNKNOWN, AMBIGUOUS = -1, -2


@dataclass(frozen=True)
class TableNames:
    """`keys` are the (group, series) of all tables and (group, "") of each group, ascending; numbers are their places."""

    keys: tuple[Key, ...]

    @cached_property
    def groups(self) -> tuple[str, ...]:
        """The groups, ascending."""
        return tuple(dict.fromkeys(group for group, _ in self.keys))

    @cached_property
    def first(self) -> Ints:
        """The number of (group, "") of each group, and the number of all keys at the end."""
        starts = [place for place, (_, series) in enumerate(self.keys) if series == SHARED]
        return np.array([*starts, len(self.keys)], np.int64)

    def group_of(self, codes: Ints) -> Ints:
        """Return the place of the group of each number."""
        return np.searchsorted(self.first, codes, side="right") - 1

    def series_of(self, group: int) -> list[str]:
        """Return the series of a group in the order of their numbers; the first one is SHARED."""
        return [series for _, series in self.keys[self.first[group] : self.first[group + 1]]]

    def text(self, code: int) -> str:
        """Return a number as `group/series`."""
        return "/".join(filter(None, self.keys[code]))

    def fault_of(self, columns: Sequence[str]) -> Iterator[str]:
        """Yield why rows with these columns have no series."""
        if "series" not in columns and "group" not in columns and len(self.groups) > 1:
            yield (
                f"there is neither a column series nor a column group, but the tables have the groups {listed(self.groups, 5)}: "
                "add the columns"
            )

    def numbers_of(self, columns: Mapping[str, pa.Array], rows: int) -> Ints:
        """Return the number of each row, UNKNOWN, or AMBIGUOUS if its series is in several groups.

        Without a column `series`, or with an empty name, a row belongs to the only series of its group, or to all of them.
        """
        names, series = self._cells(columns, "series", rows)
        groups, group = self._cells(columns, "group", rows)
        pairs, codes = np.unique(group * len(names) + series, return_inverse=True)
        has_group = "group" in columns or len(self.groups) == 1
        found = [
            self._number(groups[pair // len(names)] if has_group else None, names[pair % len(names)])
            for pair in pairs.tolist()
        ]
        numbers: Ints = np.array(found, np.int64)[codes.reshape(-1)]
        return numbers

    def _cells(self, columns: Mapping[str, pa.Array], name: str, rows: int) -> tuple[list[str], Ints]:
        if name in columns:
            return texts_of(columns[name])
        return [self.groups[0] if name == "group" else SHARED], np.zeros(rows, np.int64)

    def _number(self, group: str | None, series: str) -> int:
        if group is None:
            return self._alone.get(series, UNKNOWN) if series != SHARED else AMBIGUOUS
        if series == SHARED and group in self._only:
            return self._only[group]
        return self._numbers.get((group, series), UNKNOWN)

    @cached_property
    def _numbers(self) -> dict[Key, int]:
        return {key: number for number, key in enumerate(self.keys)}

    @cached_property
    def _alone(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for number, (_, series) in enumerate(self.keys):
            found[series] = AMBIGUOUS if series in found else number
        return found

    @cached_property
    def _only(self) -> dict[str, int]:
        """By group, the number of its only series with a name, of groups with one."""
        sizes = zip(self.groups, self.first[:-1].tolist(), np.diff(self.first).tolist(), strict=True)
        return {group: first + 1 for group, first, size in sizes if size == 2}


def read_names(tables: Path, manifest: Mapping[str, Any]) -> TableNames:
    """Read the names of all series from the tables that a manifest lists. Raises MissingInputError if one is missing."""
    found: set[Key] = set()
    for entry in manifest["sources"].values():
        for group, of_group in entry["groups"].items():
            found.add((group, SHARED))
            found.update((group, series) for series in _series_of(tables / of_group["file"]))
    return TableNames(tuple(sorted(found)))


def _series_of(path: Path) -> set[str]:
    names: set[str] = set()
    try:
        with pq.ParquetFile(path, read_dictionary=["series"]) as file:
            for batch in file.iter_batches(columns=["series"]):
                names.update(batch.column(0).dictionary.to_pylist())
    except FileNotFoundError:
        raise MissingInputError(
            f"{path} is missing, but tables.json names it: run the stage `ingest` again."
        ) from None
    return names
