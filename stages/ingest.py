"""Stage `ingest`: read raw CSV and Parquet files into typed tables; quarantine bad rows."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.wording import counted
from hindcast.stages.common import Summary, quality_notes, stage_main


def load(path: Path, overrides: Sequence[str]) -> Params:
    """Read and check all settings, with formats of timestamps and units, as the stage `check` does."""
    from hindcast.pipeline.project.inputs_check import load_inputs

    return load_inputs(path, overrides)


def run(params: Params) -> Summary:
    """Ingest the raw files; paths are relative to the current folder."""
    from hindcast.pipeline.raw.ingest import ingest
    from hindcast.pipeline.raw.stamp_counts import source_notes

    sources = ingest(params, Path())["sources"]
    excluded = []
    for name, counts in sources.items():
        if counts["rows_quarantined"]:
            rules = ", ".join(f"{rule} {count}" for rule, count in counts["rules"].items())
            excluded.append(f"{name}: {counted(counts['rows_quarantined'], 'row')} ({rules})")
    return Summary(
        read=(
            f"data set {params.raw.data_set}, raw.path {params.raw.path}",
            *(
                f"{name}: {counted(counts['rows_read'], 'row')} in {counted(len(counts['files']), 'file')}"
                for name, counts in sources.items()
            ),
        ),
        kept=tuple(
            f"{name}: {counted(counts['rows_stored'], 'row')}, {counted(counts['rows_folded'], 'repeat')} folded"
            for name, counts in sources.items()
        ),
        excluded=tuple(excluded),
        wrote=(
            "data/tables/",
            "data/quarantine/",
            "reports/ingest.json",
            "reports/quality.json",
            "reports/flags.parquet",
        ),
        notes=(
            *(note for name, counts in sources.items() for note in source_notes(name, counts)),
            *quality_notes(Path()),
        ),
    )


main = stage_main(
    "ingest",
    run,
    "Read the raw CSV and Parquet files that the raw section describes: writes data/tables/, data/quarantine/, "
    "reports/ingest.json, reports/quality.json and reports/flags.parquet. Every row is stored, quarantined or folded into an equal one.",
    "hindcast ingest --set raw.path=data/raw/mine",
    load,
)


if __name__ == "__main__":
    sys.exit(main())
