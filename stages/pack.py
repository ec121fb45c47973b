"""Stage `pack`: align the typed tables and write one HDF5 shard per group."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hindcast.pipeline.settings.params import Params, load_comparable
from hindcast.pipeline.wording import counted
from hindcast.stages.common import Summary, stage_main


def run(params: Params) -> Summary:
    """Pack data/tables into data/packed, in the current folder."""
    from hindcast.pipeline.store.excluded_texts import excluded_texts, warning_texts
    from hindcast.pipeline.store.pack import pack

    report = pack(params, Path())
    groups = counted(report["groups"], "group")
    return Summary(
        read=(f"{counted(report['series'], 'series')} of {groups}, {counted(report['steps_seen'], 'step')}",),
        kept=tuple(_kept(report)),
        excluded=tuple(excluded_texts(report)),
        wrote=(
            f"data/packed/: {counted(report['shards'], 'shard')}",
            "reports/pack.json",
            "reports/features.md",
        ),
        notes=tuple(f"Warning: {text}" for text in warning_texts(report)),
    )


def _kept(report: dict[str, Any]) -> list[str]:
    shares = [
        f"{source}: {share:.1%} of the steps have a vintage known at their origin"
        for source, share in report["coverage"].items()
        if share is not None
    ]
    packed = (
        f"{counted(report['sequences'], 'sequence')}, {counted(report['samples'], 'sample')}, "
        f"{counted(report['padding'], 'padded step')}"
    )
    return [f"{counted(report['steps'], 'step')} in {packed}", *shares, *_of_training(report["counts"])]


def _of_training(counts: dict[str, int]) -> list[str]:
    if "steps_with_missed_run" not in counts:
        return []
    changed, lost = (counts[f"steps_{name}_run"] for name in ("with_missed", "without_older"))
    kept = f"; {lost:,} keep theirs because an input would end the sequence (align.gaps.longer=indicator marks it instead)"
    return [
        f"train.missing_runs: {counted(changed, 'step')} have other inputs in training{kept if lost else ''}"
    ]


main = stage_main(
    "pack",
    run,
    "Align forecasts and realized values as of each origin and pack them: reads data/tables/, writes "
    "data/packed/, reports/pack.json and reports/features.md. "
    "Set DASK_NUM_WORKERS for the number of workers, or DASK_SCHEDULER_ADDRESS to use a cluster.",
    "hindcast pack --set pack.segment_length=48",
    load_comparable,
)


if __name__ == "__main__":
    sys.exit(main())
