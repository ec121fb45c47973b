"""Stage ingest: raw CSV files into typed tables; bad rows into quarantine."""

from __future__ import annotations

import sys
from pathlib import Path

from hindcast.pipeline.settings.params import Params
from hindcast.stages.common import Summary, run_stage


def run(params: Params) -> Summary:
    """Ingest in the current folder."""
    from hindcast.pipeline.raw.ingest import ingest

    sources = ingest(params, Path())["sources"]
    return Summary(
        read=tuple(
            f"{name}: {one['rows_read']} rows in {len(one['files'])} files" for name, one in sources.items()
        ),
        kept=tuple(
            f"{name}: {one['rows_stored']} rows, {one['rows_folded']} repeats folded"
            for name, one in sources.items()
        ),
        excluded=tuple(
            f"{name}: {one['rows_quarantined']} rows ({', '.join(f'{rule} {count}' for rule, count in one['rules'].items())})"
            for name, one in sources.items()
            if one["rows_quarantined"]
        ),
        wrote=("data/tables/", "data/quarantine/", "reports/ingest.json"),
    )


def main(argv: list[str] | None = None) -> int:
    """Run the stage from its command line."""
    return run_stage(
        "ingest",
        run,
        "Read the raw CSV files that the raw section describes: writes data/tables/, data/quarantine/ and "
        "reports/ingest.json. Every row is stored, quarantined or folded into an equal one.",
        "hindcast ingest --set raw.path=data/raw/mine",
        argv,
    )


if __name__ == "__main__":
    sys.exit(main())
