"""Raw CSV files -> tables, quarantine and report: every row is stored, quarantined or folded.

Two passes a source: files are read block by block into sorted runs, then each group's table is merged from
them.  Memory is bounded by blocks and runs, and no byte of the result depends on their sizes, nor on what
the cache of earlier runs holds.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hindcast.pipeline.arrays import BufferPool, usable_cpus
from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.files import hold_lock, replace_folders, write_json
from hindcast.pipeline.progress import progress
from hindcast.pipeline.raw.cache import Cache, Contract
from hindcast.pipeline.raw.csv_blocks import BLOCK_BYTES
from hindcast.pipeline.raw.group_table import MERGE_BYTES
from hindcast.pipeline.raw.opened_file import SourceFile, open_files
from hindcast.pipeline.raw.quarantine import too_many_bad
from hindcast.pipeline.raw.reading import Workshop
from hindcast.pipeline.raw.sorted_runs import MEMORY_BYTES, RUN_BYTES
from hindcast.pipeline.raw.source_files import find_files, shortened
from hindcast.pipeline.raw.source_ingest import SourcePasses
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.settings.raw import RawSettings
from hindcast.pipeline.tables import FORMAT, MANIFEST

TABLES, QUARANTINE, REPORT = Path("data/tables"), Path("data/quarantine"), Path("reports/ingest.json")
CACHE = Path(".hindcast/cache/ingest")
_MEGABYTE = 1_000_000
_MOST_THREADS = 4  # each holds a block or a part of a table in memory; the result does not depend on it


@dataclass(frozen=True)
class Sizes:
    """How many bytes are held in memory at once; no result depends on it."""

    block: int = BLOCK_BYTES  # of text
    run: int = RUN_BYTES  # of rows, before they are sorted and written
    memory: int = MEMORY_BYTES  # of sorted rows, before they go to disk
    merge: int = MERGE_BYTES  # of rows that are merged together


def ingest(params: Params, root: Path, sizes: Sizes | None = None) -> dict[str, Any]:
    """Read the raw files, replace tables, quarantine and report below `root`; return the report.

    Raises, with all faults and before anything is replaced, MissingInputError for absent files and
    RawDataError for files that do not fit the settings or hold too many bad rows.
    """
    raw, sizes, threads = params.raw, sizes or Sizes(), usable_cpus(_MOST_THREADS)
    files = _files_of(raw, root)
    lock = hold_lock(root / CACHE.with_suffix(".lock"))
    with lock, ThreadPoolExecutor(threads) as pool:
        cache = Cache(root / CACHE)
        buffers = BufferPool(sizes.memory)
        workshop = Workshop(raw, cache, pool, threads, buffers, sizes.block, sizes.run, sizes.merge)
        try:
            return _ingest(files, workshop, root)
        finally:
            cache.close()


def _ingest(files: dict[str, list[SourceFile]], workshop: Workshop, root: Path) -> dict[str, Any]:
    size = sum(file.size for listed in files.values() for file in listed)
    with replace_folders(root / TABLES, root / QUARANTINE) as (tables, quarantine):
        passes = [
            SourcePasses(name, listed, workshop, tables=tables, quarantine=quarantine)
            for name, listed in files.items()
        ]
        open_files([file for source in passes for file in source.look_up()])
        with progress("Reading raw files", max(1, size // _MEGABYTE), "MB") as advance:
            meter = _meter(advance)
            for source in passes:
                source.read(meter)
        _refuse_unzoned(workshop.raw, passes)
        with progress("Writing tables", len(passes), "sources") as advance:
            for source in passes:
                source.write_tables()
                advance(1)
        faults = [fault for source in passes for fault in source.faults()]
        if faults:
            raise too_many_bad(faults)
        manifest = {"format": FORMAT, "sources": {source.name: source.manifest() for source in passes}}
        write_json(tables / MANIFEST, manifest)
        report = {"sources": {source.name: source.report() for source in passes}}
        write_json(root / REPORT, report)
    return report


def _files_of(raw: RawSettings, root: Path) -> dict[str, list[SourceFile]]:
    files: dict[str, list[SourceFile]] = {}
    for name, found in find_files(raw, root).items():
        source = raw.sources[name]
        contract = Contract.of(raw, source)
        files[name] = [SourceFile(file, raw, name, source, contract) for file in found]
    return files


def _refuse_unzoned(raw: RawSettings, passes: list[SourcePasses]) -> None:
    groups = sorted({group for source in passes for group in source.unzoned})
    if groups:
        there = shortened(sorted(raw.zone)) if isinstance(raw.zone, dict) else ""
        raise RawDataError(
            f"raw.zone has no zone for {len(groups)} of the groups that the files hold.",
            [
                f"raw.zone: no zone for group {group!r}; add it, as in {group}: Europe/Madrid; there are: {there}"
                for group in groups
            ],
        )


def _meter(advance: Callable[[int], None]) -> Callable[[int], None]:
    """Takes bytes and tells `advance` whole megabytes."""
    done = 0

    def meter(count: int) -> None:
        nonlocal done
        advance((done + count) // _MEGABYTE - done // _MEGABYTE)
        done += count

    return meter
