"""The two passes over one source: its files into sorted runs, its runs into one table a group."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.raw.counts import Counts, faults_of, total
from pipeline.raw.faults import BadRows, joined
from pipeline.raw.header import Layout
from pipeline.raw.merging import Merged, known_moments, merge
from pipeline.raw.quarantine import Quarantine
from pipeline.raw.reading import data_blocks, read_file
from pipeline.raw.records import Records, record_type
from pipeline.raw.rows import Key, RowReader
from pipeline.raw.runs import RUN_BYTES, Runs
from pipeline.raw.tables import STAMP, TableWriter, table_entry, table_path, table_schema, table_writer
from pipeline.raw.text import BLOCK_BYTES
from pipeline.settings.raw import RawSettings

MERGE_BYTES = 64 << 20


@dataclass(frozen=True)
class Sizes:
    """How many bytes are held in memory at once; no result depends on it."""

    block: int = BLOCK_BYTES  # of text
    run: int = RUN_BYTES  # of records, before they are sorted and written
    merge: int = MERGE_BYTES  # of records that are merged together


class SourcePasses:
    """One source on its way into the folders `tables` and `quarantine`: `read`, then `write_tables`, then ask."""

    def __init__(
        self,
        name: str,
        raw: RawSettings,
        files: list[tuple[Layout, RowReader]],
        *,
        tables: Path,
        quarantine: Path,
        sizes: Sizes,
    ) -> None:
        self.name = name
        self.unzoned: frozenset[str] = frozenset()
        self._raw, self._source, self._sizes = raw, raw.sources[name], sizes
        self._files, self._tables = files, tables
        self._scratch = tables / f".{name}.runs"
        self._runs = Runs(self._scratch, record_type(self._source), sizes.run)
        self._quarantine = Quarantine(quarantine / f"{name}.parquet", name, self._source)
        self._counts: list[Counts] = []
        self._groups: dict[str, dict[str, Any]] = {}
        self._conflicts: dict[int, list[BadRows]] = {}  # by file

    def read(self, advance: Callable[[int], None]) -> None:
        """The first pass; `advance` is told the bytes of text done."""
        for layout, reader in self._files:
            counts, unzoned = read_file(
                layout,
                self._source,
                reader,
                self._runs,
                self._quarantine,
                block_bytes=self._sizes.block,
                advance=advance,
            )
            self._counts.append(counts)
            self.unzoned |= unzoned
        self._runs.close()

    def write_tables(self) -> None:
        """The second pass: a table for each group that has rows to store, then the conflicts' raw texts."""
        for group, keys in self._runs.keys_by_group().items():
            path = self._tables / table_path(self.name, group)
            with table_writer(path, table_schema(self._source)) as writer:
                for part in self._batches(keys):
                    self._write_part(writer, part, self._raw.zone_of(group) or "UTC")
            if writer.rows:
                self._groups[group] = table_entry(self._tables, self.name, group, writer.rows)
            else:
                path.unlink()
        self._quarantine_conflicts()
        self._quarantine.close()
        shutil.rmtree(self._scratch)

    def faults(self) -> list[str]:
        """Why the source as a whole cannot be used."""
        return faults_of(
            self.name, total(self._counts), self._raw.max_bad_fraction, self._quarantine.examples
        )

    def manifest(self) -> dict[str, Any]:
        """The source's entry in tables.json."""
        return {"role": self._source.role, "values": list(self._source.values), "groups": self._groups}

    def report(self) -> dict[str, Any]:
        """The source's entry in the report."""
        files = zip(self._files, self._counts, strict=True)
        return {
            **total(self._counts).report(),
            "files": {layout.file.name: counts.report() for (layout, _), counts in files},
        }

    def _batches(self, keys: list[Key]) -> Iterator[list[Key]]:
        most = max(1, self._sizes.merge // record_type(self._source).itemsize)
        batch: list[Key] = []
        rows = 0
        for key in keys:
            count = self._runs.count(key)
            if batch and rows + count > most:
                yield batch
                batch, rows = [], 0
            batch.append(key)
            rows += count
        yield batch

    def _write_part(self, writer: TableWriter, keys: list[Key], zone: str) -> None:
        merged = merge(self._runs.read(keys), self._source.duplicates)
        self._count(merged, keys)
        known = known_moments(merged.stored, self._source, self._raw.frequency.ns, zone)
        writer.write(_table(merged.stored, keys, known, table_schema(self._source)))

    def _count(self, merged: Merged, keys: list[Key]) -> None:
        files = len(self._files)
        for file, rows in enumerate(np.bincount(merged.stored["file"], minlength=files).tolist()):
            self._counts[file].stored += rows
        for file, rows in enumerate(np.bincount(merged.folded["file"], minlength=files).tolist()):
            self._counts[file].folded += rows
        for file in np.unique(merged.aside["file"]).tolist():
            bad = _bad_rows(merged.aside[merged.aside["file"] == file], keys, merged.rule)
            self._counts[file].add_rules(bad.rule)
            self._conflicts.setdefault(file, []).append(bad)

    def _quarantine_conflicts(self) -> None:
        for file, parts in sorted(self._conflicts.items()):
            bad = joined(parts)
            layout, _ = self._files[file]
            for block in data_blocks(layout, self._source, self._sizes.block):
                inside = (bad.line >= block.first_line) & (bad.line < block.first_line + block.line_count)
                self._quarantine.add(layout, bad.take(inside), block)


def _bad_rows(records: Records, keys: list[Key], rule: int) -> BadRows:
    codes = records["key"]
    return BadRows(
        records["line"].copy(),
        np.full(len(records), rule, np.uint8),
        np.full(len(records), -1, np.int32),
        np.array([group for group, _ in keys], object)[codes],
        np.array([series for _, series in keys], object)[codes],
    )


def _table(records: Records, keys: list[Key], known: NDArray[np.int64], schema: pa.Schema) -> pa.Table:
    names = pa.array([series for _, series in keys], pa.string())
    columns = {"series": pa.DictionaryArray.from_arrays(pa.array(records["key"]), names).cast(pa.string())}
    if "issue_time" in schema.names:
        columns["issue_time"] = _stamps(records["issue"] if "issue" in (records.dtype.names or ()) else known)
    columns["valid_time"], columns["known_time"] = _stamps(records["valid"]), _stamps(known)
    for place, name in enumerate(schema.names[len(columns) :]):
        columns[name] = pa.array(
            np.ascontiguousarray(records["values"][:, place]), pa.float64(), from_pandas=True
        )
    return pa.table(columns, schema)


def _stamps(times: NDArray[np.int64]) -> pa.Array:
    return pa.array(np.ascontiguousarray(times)).view(STAMP)
