"""Ingests raw CSV and Parquet files: every row is stored in a table, quarantined, or folded into an equal row.

Each source takes two passes: files are read block by block into sorted runs, then each group's table is merged from
these runs.  Memory is bounded by the sizes of blocks and runs, and the result does not depend on these or the cache.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa

from hindcast.pipeline.arrays import BufferPool, reuse_freed_memory, usable_cpus
from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.files import hold_lock, replace_folders, write_json
from hindcast.pipeline.progress import progress
from hindcast.pipeline.raw.archives import MEMBERS, Archives
from hindcast.pipeline.raw.cache import CACHES, Cache, SettingsDigest, cache_folder
from hindcast.pipeline.raw.cache_notes import NOTES, restore_cache, write_notes
from hindcast.pipeline.raw.context import IngestContext, Sizes
from hindcast.pipeline.raw.quality import write_quality
from hindcast.pipeline.raw.reading import SourceFile, open_files
from hindcast.pipeline.raw.source_files import find_files, quoted
from hindcast.pipeline.raw.source_ingest import SourceIngest
from hindcast.pipeline.raw.stamp_counts import source_notes
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.settings.raw import RawSettings
from hindcast.pipeline.tables import FORMAT, MANIFEST

TABLES, QUARANTINE, REPORT = Path("data/tables"), Path("data/quarantine"), Path("reports/ingest.json")
CACHE = CACHES / "ingest"
_MEGABYTE = 1_000_000
_MOST_THREADS = 4  # each holds a block or a part of a table in memory; the number does not affect the result


def ingest(params: Params, root: Path, sizes: Sizes | None = None) -> dict[str, Any]:
    """Read the raw files, replace tables, quarantine and report below `root`; return the report.

    Raises, with all faults and before anything is replaced, MissingInputError for missing files and
    RawDataError for files that do not fit the settings or contain too many bad rows.
    """
    raw, sizes, threads = params.raw, sizes or Sizes(), usable_cpus(_MOST_THREADS)
    reuse_freed_memory()
    pa.set_memory_pool(pa.system_memory_pool())  # pyarrow's other pools return memory to the system
    with (
        cache_folder(root) as caches,
        hold_lock(caches / "ingest.lock"),
        ThreadPoolExecutor(threads) as pool,
    ):
        archives = Archives(caches / MEMBERS.name)
        files = find_source_files(raw, root, archives)
        archives.remove_others()
        folder = caches / CACHE.name
        restore_cache(root / NOTES, folder, root / TABLES, root / QUARANTINE)
        cache = Cache(folder)
        try:
            context = IngestContext(raw, cache, pool, threads, BufferPool(sizes.memory), sizes)
            report, notes = _ingest(files, context, root, robust=params.scale.robust)
            write_notes(root / NOTES, folder, root / QUARANTINE, notes)
            return report
        finally:
            cache.close()


def _ingest(
    files: dict[str, list[SourceFile]], context: IngestContext, root: Path, *, robust: bool
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the report, and the notes of all sources."""
    size = sum(file.size for matches in files.values() for file in matches)
    with replace_folders(root / TABLES, root / QUARANTINE) as (tables, quarantine):
        sources = [
            SourceIngest(name, context, files, tables=tables, quarantine=quarantine)
            for name in context.raw.table_sources
        ]
        open_files([file for source in sources for file in source.look_up()])
        with progress("Reading raw files", max(1, size // _MEGABYTE), "MB") as advance:
            advance_bytes = _count_megabytes(advance)
            for source in sources:
                source.read(advance_bytes)
        _check_zones(context.raw, sources)
        with progress("Writing tables", len(sources), "source") as advance:
            for source in sources:
                source.write_tables()
                advance(1)
        faults = [fault for source in sources for fault in source.faults()]
        if faults:
            raise RawDataError(
                "Too much of the raw data does not fit the settings: correct raw.sources, fix the files, or raise "
                "raw.max_bad_fraction. Nothing was replaced.",
                faults,
            )
        manifest = {"format": FORMAT, "sources": {source.name: source.manifest() for source in sources}}
        write_json(tables / MANIFEST, manifest)
        reports = {name: part for source in sources for name, part in source.reports().items()}
        report = {"sources": {name: reports[name] for name in context.raw.sources}}
        write_json(root / REPORT, report)
        notes = [note for name, part in reports.items() for note in source_notes(name, part)]
        quality = {source.name: source.quality for source in sources}
        write_quality(context.raw, quality, notes, root, tables / MANIFEST, robust=robust)
    return report, [source.notes() for source in sources]


def find_source_files(raw: RawSettings, root: Path, archives: Archives) -> dict[str, list[SourceFile]]:
    """Return the files of every source, with the settings by which each is read; raises the errors of `find_files`."""
    files: dict[str, list[SourceFile]] = {}
    for name, matches in find_files(raw, root, archives).items():
        source = raw.sources[name]
        if (
            source.part_of is not None
        ):  # rows hold the values in the order of the source whose tables they share
            order = raw.sources[source.part_of].values
            source = source.model_copy(update={"values": {value: source.values[value] for value in order}})
        settings = SettingsDigest.of(raw, source)
        files[name] = [SourceFile(file, raw, name, source, settings) for file in matches]
    return files


def _check_zones(raw: RawSettings, sources: list[SourceIngest]) -> None:
    groups = sorted({group for source in sources for group in source.unzoned})
    if groups:
        zoned = quoted(sorted(raw.zone)) if isinstance(raw.zone, dict) else ""
        raise RawDataError(
            f"raw.zone has no zone for {len(groups)} of the groups in the files.",
            [
                f"raw.zone: no zone for group {group!r}; add it, as in {group}: Europe/Madrid; "
                f"groups with a zone: {zoned}"
                for group in groups
            ],
        )


def _count_megabytes(advance: Callable[[int], None]) -> Callable[[int], None]:
    """Return a function that adds up bytes and calls `advance` with whole megabytes."""
    done = 0

    def advance_bytes(count: int) -> None:
        nonlocal done
        advance((done + count) // _MEGABYTE - done // _MEGABYTE)
        done += count

    return advance_bytes
