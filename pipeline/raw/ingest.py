"""Raw CSV files -> tables, quarantine and report: every row is stored, quarantined or folded.

Two passes a source: files are read block by block into sorted runs, then each group's table is merged from
them.  Memory is bounded by blocks and runs, and no byte of the result depends on their sizes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.errors import HindcastError, RawDataError
from pipeline.files import replaced_folders, write_json
from pipeline.progress import progress
from pipeline.raw.counts import too_many_bad
from pipeline.raw.header import Layout, read_layouts
from pipeline.raw.passes import Sizes, SourcePasses
from pipeline.raw.rows import RowReader
from pipeline.raw.sources import find_files, shortened
from pipeline.raw.tables import FORMAT, MANIFEST
from pipeline.settings.params import Params
from pipeline.settings.raw import RawSettings

TABLES, QUARANTINE, REPORT = Path("data/tables"), Path("data/quarantine"), Path("reports/ingest.json")
_MEGABYTE = 1_000_000


def ingest(params: Params, root: Path, sizes: Sizes | None = None) -> dict[str, Any]:
    """Read the raw files, replace tables, quarantine and report below `root`; return the report.

    Raises, with all faults and before anything is replaced, MissingInputError for absent files and
    RawDataError for files that do not fit the settings or hold too many bad rows.
    """
    raw = params.raw
    layouts = read_layouts(raw, find_files(raw, root))
    files = _with_readers(raw, layouts)
    size = sum(layout.file.path.stat().st_size for listed in layouts.values() for layout in listed)
    with replaced_folders(root / TABLES, root / QUARANTINE) as (tables, quarantine):
        held = sizes or Sizes()
        passes = [
            SourcePasses(name, raw, files[name], tables=tables, quarantine=quarantine, sizes=held)
            for name in raw.sources
        ]
        with progress("Reading raw files", max(1, size // _MEGABYTE), "MB") as advance:
            meter = _meter(advance)
            for source in passes:
                source.read(meter)
        _refuse_unzoned(raw, passes)
        with progress("Writing tables", len(passes), "sources") as advance:
            for source in passes:
                source.write_tables()
                advance(1)
        faults = [fault for source in passes for fault in source.faults()]
        if faults:
            raise too_many_bad(faults)
        write_json(
            tables / MANIFEST,
            {"format": FORMAT, "sources": {source.name: source.manifest() for source in passes}},
        )
        report = {"sources": {source.name: source.report() for source in passes}}
        write_json(root / REPORT, report)
    return report


def _with_readers(
    raw: RawSettings, layouts: dict[str, list[Layout]]
) -> dict[str, list[tuple[Layout, RowReader]]]:
    files: dict[str, list[tuple[Layout, RowReader]]] = {}
    faults: list[str] = []
    for name, source in raw.sources.items():
        files[name] = []
        for place, layout in enumerate(layouts[name]):
            try:
                files[name].append((layout, RowReader(raw, name, source, layout, place)))
            except HindcastError as fault:
                faults.append(fault.summary)
    if faults:
        raise RawDataError("The stamps of raw files do not fit the settings.", list(dict.fromkeys(faults)))
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
