"""The two passes over one source and its parts: files into sorted runs, then runs into one table per group.

Files and tables that have not changed since an earlier run are taken from the cache.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.files import digest_of_file, digest_of_value
from hindcast.pipeline.raw.cache import describe_entry, read_description
from hindcast.pipeline.raw.cache_entries import (
    REJECTS_NAME,
    GroupRows,
    ParsedFile,
    TableEntry,
    file_entry_name,
    find_table,
    load_file,
    make_table,
    note_of_file,
)
from hindcast.pipeline.raw.context import IngestContext
from hindcast.pipeline.raw.file_layout import place_words, row_place
from hindcast.pipeline.raw.opened_file import change_error
from hindcast.pipeline.raw.quality_findings import TableFindings
from hindcast.pipeline.raw.quarantine import (
    Counts,
    Quarantine,
    RejectFile,
    find_source_faults,
    reject_table,
    sum_counts,
)
from hindcast.pipeline.raw.reading import DataBlocks, SourceFile, read_files
from hindcast.pipeline.raw.reject_rules import OFF_GRID, RejectedRows, join_rejected
from hindcast.pipeline.raw.source_files import natural_key, open_ends
from hindcast.pipeline.raw.stamp_counts import SourceStamps
from hindcast.pipeline.tables import table_path


class SourceIngest:
    """Ingests one source, with the sources that are `part_of` it, into the folders `tables` and `quarantine`.

    The files of all parts are merged in one natural order, as if one description read them; `files` are those of every
    source.  Call `look_up`, `read` and `write_tables` in this order; the other methods are valid after that.
    """

    def __init__(
        self,
        name: str,
        context: IngestContext,
        files: Mapping[str, list[SourceFile]],
        *,
        tables: Path,
        quarantine: Path,
    ) -> None:
        self.name = name
        self._context, self._tables = context, tables
        self._parts = context.raw.parts_of(name)
        self._source, self._settings = files[name][0].source, files[name][0].settings
        of_parts = [file for part in self._parts for file in files[part]]
        self._files = sorted(of_parts, key=lambda file: natural_key(file.file.name))
        self._quarantines = {part: Quarantine(quarantine / f"{part}.parquet", part) for part in self._parts}
        self._cached: list[ParsedFile | None] = []
        self._parsed: list[ParsedFile] = []
        self._counts: list[Counts] = []
        self._groups: dict[str, dict[str, Any]] = {}
        self.quality: dict[str, TableFindings] = {}  # by group
        self._conflicts: dict[int, list[RejectedRows]] = {}  # by file
        self._shared: set[str] = set()  # keys of the files whose rows are kept
        self._notes: dict[str, list[dict[str, Any]]] = {"files": [], "rejected": [], "tables": []}
        names = [file.file for file in self._files]
        self._stamps = SourceStamps(name, self._source, context.raw, names)

    @property
    def unzoned(self) -> set[str]:
        """Groups without a zone in raw.zone."""
        return {group for parsed in self._parsed for group in parsed.unzoned}

    def look_up(self) -> list[SourceFile]:
        """Find the cached files; returns the files that must be read."""
        cache = self._context.cache
        # contents are hashed only where a file of the same size was read before
        likely = [file.file.path for file in self._files if cache.has_prefix(file_entry_name("", file.size))]
        digests = cache.digests.digest_all(likely, self._context.pool)
        self._cached = [self._find_cached(file, digests.get(file.file.path)) for file in self._files]
        return [file for file, cached in zip(self._files, self._cached, strict=True) if cached is None]

    def read(self, advance: Callable[[int], None]) -> None:
        """Run the first pass: read the files that are not cached; `advance` is called with the number of bytes read."""
        missing = []
        for file, cached in zip(self._files, self._cached, strict=True):
            if cached is None:
                missing.append(file)
            else:
                advance(file.size)
        fresh = iter(read_files(missing, self._context, advance))
        self._parsed = [next(fresh) if cached is None else cached for cached in self._cached]

    def write_tables(self) -> None:
        """Run the second pass: build the tables that are not cached, then find the raw texts of conflicting rows."""
        context = self._context
        files_of = self._files_by_group()
        shared = sorted({place for places in files_of.values() if len(places) > 1 for place in places})
        self._shared = {self._parsed[place].key for place in shared}
        list(context.pool.map(lambda place: self._parsed[place].keep_rows(), shared))
        entries = {
            group: find_table(context, self._rows_of(group, places)) for group, places in files_of.items()
        }
        missing = {group: files_of[group] for group, entry in entries.items() if entry is None}
        self._read_again(missing, shared)
        futures = {
            group: context.pool.submit(make_table, context, self._rows_of(group, places))
            for group, places in missing.items()
        }
        self._counts = [Counts(read=parsed.read, rules=Counter(parsed.rules)) for parsed in self._parsed]
        (self._tables / self.name).mkdir(parents=True, exist_ok=True)
        for group, places in files_of.items():
            entry = entries[group]
            entry = futures[group].result() if entry is None else entry
            self._add_table(group, places, entry)
            self._note_table(group, places, entry)
        for parsed in self._parsed:
            parsed.drop_rows(context.buffers)
        self._fill_quarantine()

    def faults(self) -> list[str]:
        """Return why the source or a part of it as a whole cannot be used."""
        allowed, faults = self._context.raw.max_bad_fraction, []
        more = {OFF_GRID: self._stamps.quarantine_lines()}
        for part, source in self._parts.items():
            counts, examples = sum_counts(self._counts_of(part)), self._quarantines[part].examples
            where = bool(source.where)
            faults += find_source_faults(
                part, counts, allowed, examples, more=more, has_where=where, place_of=self._place_of
            )
        return [*faults, *self._stamps.early_faults()]

    def manifest(self) -> dict[str, Any]:
        """Return the source's entry in tables.json."""
        return {"role": self._source.role, "values": list(self._source.values), "groups": self._groups}

    def reports(self) -> dict[str, Any]:
        """Return the entries of the source and its parts in the report."""
        return {part: self._report_of(part) for part in self._parts}

    def notes(self) -> dict[str, list[dict[str, Any]]]:
        """Return what `cache_notes` needs to know of files, rejected rows (in the order of the quarantine) and tables."""
        return self._notes

    def _report_of(self, part: str) -> dict[str, Any]:
        of_files = zip(self._files, self._parsed, self._counts, strict=True)
        # timestamps are judged in the tables, in which the rows of all parts are merged
        stamps = {"off_grid": self._stamps.report()} if part == self.name else {}
        times = {
            "issued_late": self._stamps.late_report(),
            "known_before_issue": self._stamps.unissued_report(),
        }
        late = {name: entry for name, entry in times.items() if entry and part == self.name}
        return {
            **sum_counts(self._counts_of(part)).report(),
            **stamps,
            **late,
            **self._assumptions(part),
            "files": {
                file.file.name: {**counts.report(), "sha256": file.file.digest_on_disk(parsed.content)}
                for file, parsed, counts in of_files
                if file.name == part
            },
        }

    def _assumptions(self, part: str) -> dict[str, Any]:
        """Return what was taken for granted without a setting: the zone UTC, the times that counts mean which are written with
        few digits, and that the last lines of files are whole.
        """
        source = self._parts[part]
        pairs = [
            (file.file, parsed)
            for file, parsed in zip(self._files, self._parsed, strict=True)
            if file.name == part
        ]
        assumed = {}
        for field in ("issue_time", "valid_time", "known"):
            settings = getattr(source, field)
            names = [file.name for file, parsed in pairs if field in parsed.wall]
            if names and "zone" not in settings.model_fields_set:
                assumed[field] = {"files": len(names), "first": names[0]}
        rounded: dict[str, Any] = {}
        for file, parsed in pairs:
            for field, (count, most) in parsed.rounded.items():
                entry = rounded.setdefault(field, {"timestamps": 0, "most_ns": 0, "first": file.name})
                entry["timestamps"] += count
                entry["most_ns"] = max(entry["most_ns"], most)
        encodings: dict[str, list[str]] = {}
        for file, parsed in pairs if not isinstance(source.encoding, str) else ():
            encodings.setdefault(parsed.encoding, []).append(file.name)
        read_as = {
            name: {"files": len(names), "first": names[0]} for name, names in sorted(encodings.items())
        }
        ends = open_ends([file for file, _ in pairs])
        found = {"assumed_utc": assumed, "encodings": read_as, "rounded_counts": rounded, "open_ends": ends}
        return {name: entry for name, entry in found.items() if entry}

    def _place_of(self, name: str, line: int) -> str:
        path = next(file.file.path for file in self._files if file.file.name == name)
        return place_words(row_place(path, line))

    def _counts_of(self, part: str) -> list[Counts]:
        pairs = zip(self._files, self._counts, strict=True)
        return [counts for file, counts in pairs if file.name == part]

    def _find_cached(self, file: SourceFile, digest: str | None) -> ParsedFile | None:
        if digest is None:
            return None
        try:
            key = file.key(digest)
        except RawDataError:
            return None  # reported when the file is opened, together with all other faults
        folder = self._context.cache.find(file_entry_name(key, file.size))
        parsed = None if folder is None else load_file(key, folder)
        return None if parsed is None else replace(parsed, content=digest)

    def _files_by_group(self) -> dict[str, list[int]]:
        """Return the groups sorted by name, each with the indices of the files that contain its rows."""
        files: dict[str, list[int]] = {}
        for place, parsed in enumerate(self._parsed):
            for group in parsed.groups:
                files.setdefault(group, []).append(place)
        return dict(sorted(files.items()))

    def _rows_of(self, group: str, places: list[int]) -> GroupRows:
        files = [self._parsed[place] for place in places]
        return GroupRows(group, files, self._source, self._settings, self.name)

    def _read_again(self, missing: dict[str, list[int]], shared: list[int]) -> None:
        """Read the files whose rows are needed for missing tables but were not kept or are damaged."""
        needed: dict[int, set[str]] = {}
        for group, places in missing.items():
            for place in places:
                needed.setdefault(place, set()).add(group)
        intact = self._context.pool.map(
            lambda place: self._parsed[place].has_intact_rows(needed[place]), needed
        )
        absent = sorted(place for place, is_intact in zip(needed, intact, strict=True) if not is_intact)
        fresh = read_files([self._files[place] for place in absent], self._context, lambda _: None)
        for place, parsed in zip(absent, fresh, strict=True):
            if parsed.key != self._parsed[place].key:
                raise change_error(self._files[place].file.name)
            self._parsed[place] = parsed
            if place in shared:
                parsed.keep_rows()

    def _add_table(self, group: str, places: list[int], entry: TableEntry) -> None:
        outcome = entry.outcome
        self._stamps.add(group, outcome.stamps, places)
        self.quality[group] = outcome.quality
        parts = zip(places, outcome.stored, outcome.folded, outcome.rejected, strict=True)
        for place, stored, folded, rejected in parts:
            self._counts[place].stored += stored
            self._counts[place].folded += folded
            if len(rejected):
                self._counts[place].add_rules(rejected.rule)
                self._conflicts.setdefault(place, []).append(rejected)
        if entry.digest is None:
            return
        file = table_path(self.name, group)
        try:  # tables are replaced and never modified, so a hard link avoids a second copy
            os.link(entry.path, self._tables / file)
        except OSError:  # another file system, or a file system without hard links
            shutil.copyfile(entry.path, self._tables / file)
        self._context.cache.digests.record_own(entry.path, entry.digest)
        self._groups[group] = {"file": file, "rows": outcome.rows, "digest": entry.digest}

    def _fill_quarantine(self) -> None:
        for file, parsed in zip(self._files, self._parsed, strict=True):
            name = file_entry_name(parsed.key, file.size)
            digests = parsed.digests if parsed.key in self._shared else {}
            self._notes["files"].append({"name": name, "entry": note_of_file(parsed), "digests": digests})
            if parsed.rejects is not None:
                self._quarantines[file.name].add(file.file.name, parsed.rejects)
                self._note_rejected(file, name, sum(parsed.rules.values()))
        for place, parts in sorted(self._conflicts.items()):
            file = self._files[place]
            rejects = find_conflict_texts(self._context, file, self._parsed[place], join_rejected(parts))
            self._quarantines[file.name].add(file.file.name, rejects)
            self._note_rejected(file, rejects.parent.name, sum(map(len, parts)))
        for quarantine in self._quarantines.values():
            quarantine.close()

    def _note_rejected(self, file: SourceFile, name: str, rows: int) -> None:
        self._notes["rejected"].append({"name": name, "part": file.name, "rows": rows})

    def _note_table(self, group: str, places: list[int], entry: TableEntry) -> None:
        name = self._rows_of(group, places).name(self._context, self._shared)
        file = None if entry.digest is None else f"{table_path(self.name, group)}"
        self._notes["tables"].append({"name": name, "file": file, "value": entry.described})


def find_conflict_texts(
    context: IngestContext, file: SourceFile, parsed: ParsedFile, rejected: RejectedRows
) -> Path:
    """Return a RejectFile of conflicting rows of a file, from the cache if the same rows were written before."""
    columns = (rejected.line, rejected.rule, rejected.group, rejected.series)
    name = f"texts-{digest_of_value([parsed.key, [column.tolist() for column in columns]])}"
    entry = context.cache.find(name)
    if entry is not None:
        path = entry / REJECTS_NAME
        if path.is_file() and read_description(entry) == digest_of_file(path):
            return path
    folder = context.cache.new_folder()
    rejects = RejectFile(folder / REJECTS_NAME)
    blocks = DataBlocks(file.layout, file.written, context.sizes.block, rejected.line)
    for block in blocks:
        inside = (rejected.line >= block.first_line) & (rejected.line < block.first_line + block.line_count)
        if inside.any():
            rejects.add(reject_table(file.layout, file.written, rejected.take(inside), block))
    rejects.close()
    if file.key(blocks.digest) != parsed.key:
        raise change_error(file.file.name)
    describe_entry(folder, name, digest_of_file(folder / REJECTS_NAME))
    return context.cache.add(folder, name) / REJECTS_NAME
