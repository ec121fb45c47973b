"""The two passes over one source: files into sorted runs, runs into one table a group; what did not change is taken
from the cache.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.files import digest_of_file, digest_of_value
from hindcast.pipeline.raw.cache import describe, description_of
from hindcast.pipeline.raw.cache_entries import ASIDE_NAME, ParsedFile, load_entry
from hindcast.pipeline.raw.opened_file import SourceFile
from hindcast.pipeline.raw.quarantine import AsideFile, Counts, Quarantine, aside_of, faults_of, total
from hindcast.pipeline.raw.reading import Workshop, data_blocks, entry_name, read_files
from hindcast.pipeline.raw.reject_rules import BadRows, joined
from hindcast.pipeline.raw.table_entries import GroupRows, TableEntry, find_table, make_table
from hindcast.pipeline.tables import table_path


class SourcePasses:
    """One source on its way into the folders `tables` and `quarantine`: `look_up`, `read`, `write_tables`, then ask."""

    def __init__(
        self, name: str, files: list[SourceFile], workshop: Workshop, *, tables: Path, quarantine: Path
    ) -> None:
        self.name = name
        self._files, self._workshop, self._tables = files, workshop, tables
        self._source = workshop.raw.sources[name]
        self._quarantine = Quarantine(quarantine / f"{name}.parquet", name)
        self._found: list[ParsedFile | None] = []  # by the cache
        self._parsed: list[ParsedFile] = []
        self._counts: list[Counts] = []
        self._groups: dict[str, dict[str, Any]] = {}
        self._conflicts: dict[int, list[BadRows]] = {}  # by file

    @property
    def unzoned(self) -> set[str]:
        """Groups that raw.zone lacks."""
        return {group for parsed in self._parsed for group in parsed.unzoned}

    def look_up(self) -> list[SourceFile]:
        """Take what the cache has, and return the files that it lacks."""
        cache = self._workshop.cache
        # contents are only looked at where a file of the same size was read before
        likely = [file.file.path for file in self._files if cache.holds(entry_name("", file.size))]
        digests = cache.digests.of_all(likely, self._workshop.pool)
        self._found = [self._from_cache(file, digests.get(file.file.path)) for file in self._files]
        return [file for file, found in zip(self._files, self._found, strict=True) if found is None]

    def read(self, advance: Callable[[int], None]) -> None:
        """The first pass: read the files that the cache lacks; `advance` is told the bytes done."""
        lacking = []
        for file, found in zip(self._files, self._found, strict=True):
            if found is None:
                lacking.append(file)
            else:
                advance(file.size)
        fresh = iter(read_files(lacking, self._workshop, advance))
        self._parsed = [next(fresh) if found is None else found for found in self._found]

    def write_tables(self) -> None:
        """The second pass: make the tables that the cache lacks, then find the raw texts of contradictions."""
        holders = self._holders()
        shared = sorted({place for places in holders.values() if len(places) > 1 for place in places})
        list(self._workshop.pool.map(self._keep_rows, shared))
        entries = {
            group: find_table(self._workshop, self._rows_of(group, places))
            for group, places in holders.items()
        }
        lacking = {group: holders[group] for group, entry in entries.items() if entry is None}
        self._read_again(lacking, shared)
        making = {
            group: self._workshop.pool.submit(make_table, self._workshop, self._rows_of(group, places))
            for group, places in lacking.items()
        }
        self._counts = [Counts(read=parsed.read, rules=dict(parsed.rules)) for parsed in self._parsed]
        (self._tables / self.name).mkdir(parents=True, exist_ok=True)
        for group, places in holders.items():
            entry = entries[group]
            self._take(group, places, making[group].result() if entry is None else entry)
        for parsed in self._parsed:
            parsed.drop_rows(self._workshop.buffers)
        self._fill_quarantine()

    def faults(self) -> list[str]:
        """Why the source as a whole cannot be used."""
        allowed = self._workshop.raw.max_bad_fraction
        counts, chooses = total(self._counts), bool(self._source.where)
        return faults_of(self.name, counts, allowed, self._quarantine.examples, chooses=chooses)

    def manifest(self) -> dict[str, Any]:
        """The source's entry in tables.json."""
        return {"role": self._source.role, "values": list(self._source.values), "groups": self._groups}

    def report(self) -> dict[str, Any]:
        """The source's entry in the report."""
        files = zip(self._files, self._counts, strict=True)
        return {
            **total(self._counts).report(),
            "files": {file.file.name: counts.report() for file, counts in files},
        }

    def _from_cache(self, file: SourceFile, digest: str | None) -> ParsedFile | None:
        """The file as it was read before."""
        if digest is None:
            return None
        try:
            key = file.key(digest)
        except RawDataError:
            return None  # told when the file is opened, together with all other faults
        folder = self._workshop.cache.find(entry_name(key, file.size))
        return None if folder is None else load_entry(key, folder)

    def _holders(self) -> dict[str, list[int]]:
        """The groups in the order of their names, each with the files that hold rows of it."""
        holders: dict[str, list[int]] = {}
        for place, parsed in enumerate(self._parsed):
            for group in parsed.groups:
                holders.setdefault(group, []).append(place)
        return dict(sorted(holders.items()))

    def _rows_of(self, group: str, places: list[int]) -> GroupRows:
        files = [self._parsed[place] for place in places]
        return GroupRows(group, files, self._source, self._files[0].contract)

    def _keep_rows(self, place: int) -> None:
        if self._parsed[place].runs is not None:
            self._parsed[place].keep_rows()

    def _read_again(self, lacking: dict[str, list[int]], shared: list[int]) -> None:
        """Read files whose rows are needed, but were not kept or are damaged."""
        needed: dict[int, set[str]] = {}
        for group, places in lacking.items():
            for place in places:
                needed.setdefault(place, set()).add(group)
        sound = self._workshop.pool.map(lambda place: self._parsed[place].is_sound(needed[place]), needed)
        absent = sorted(place for place, is_sound in zip(needed, sound, strict=True) if not is_sound)
        fresh = read_files([self._files[place] for place in absent], self._workshop, lambda _: None)
        for place, parsed in zip(absent, fresh, strict=True):
            if parsed.key != self._parsed[place].key:
                name = self._files[place].file.name
                raise RawDataError(f"{name} changed while it was read: run ingest again.")
            self._parsed[place] = parsed
            if place in shared:
                parsed.keep_rows()

    def _take(self, group: str, places: list[int], entry: TableEntry) -> None:
        settled = entry.settled
        for place, stored, folded, bad in zip(
            places, settled.stored, settled.folded, settled.aside, strict=True
        ):
            self._counts[place].stored += stored
            self._counts[place].folded += folded
            if len(bad):
                self._counts[place].add_rules(bad.rule)
                self._conflicts.setdefault(place, []).append(bad)
        if entry.digest is None:
            return
        file = table_path(self.name, group)
        _link(entry.path, self._tables / file)
        self._workshop.cache.digests.remember(entry.path, entry.digest)
        self._groups[group] = {"file": file, "rows": settled.rows, "digest": entry.digest}

    def _fill_quarantine(self) -> None:
        for file, parsed in zip(self._files, self._parsed, strict=True):
            if parsed.aside is not None:
                self._quarantine.add(file.file.name, parsed.aside)
        for place, parts in sorted(self._conflicts.items()):
            file = self._files[place]
            texts = conflict_texts(self._workshop, file, self._parsed[place], joined(parts))
            self._quarantine.add(file.file.name, texts)
        self._quarantine.close()


def _link(source: Path, target: Path) -> None:
    """One file under two names: tables are replaced, never written to, and the cache costs no second copy."""
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, target)


def conflict_texts(workshop: Workshop, file: SourceFile, parsed: ParsedFile, bad: BadRows) -> Path:
    """An AsideFile of some rows of a file, from the cache where these rows were asked for before."""
    rows = [bad.line.tolist(), bad.rule.tolist(), bad.group.tolist(), bad.series.tolist()]
    name = f"texts-{digest_of_value([parsed.key, rows])}"
    found = workshop.cache.find(name)
    if found is not None and _is_whole(found):
        return found / ASIDE_NAME
    folder = workshop.cache.new_folder()
    aside = AsideFile(folder / ASIDE_NAME)
    for block in data_blocks(file.layout, file.source, workshop.block_bytes):
        inside = (bad.line >= block.first_line) & (bad.line < block.first_line + block.line_count)
        if inside.any():
            aside.add(aside_of(file.layout, file.source, bad.take(inside), block))
    aside.close()
    describe(folder, digest_of_file(folder / ASIDE_NAME))
    return workshop.cache.keep(folder, name) / ASIDE_NAME


def _is_whole(entry: Path) -> bool:
    file = entry / ASIDE_NAME
    return file.is_file() and description_of(entry) == digest_of_file(file)
