"""Stage `pack`: align the typed tables and write one HDF5 shard per group."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hindcast.pipeline.settings.params import Params
from hindcast.stages.common import Summary, quality_notes, stage_main


def run(params: Params) -> Summary:
    """Pack data/tables into data/packed, in the current folder."""
    from hindcast.pipeline.store.pack import pack

    report = pack(params, Path())
    return Summary(
        read=(f"{report['series']:,} series of {report['groups']:,} groups, {report['steps_seen']:,} steps",),
        kept=tuple(_kept(report)),
        excluded=tuple(_excluded(report)),
        wrote=(f"data/packed/: {report['shards']:,} shards", "reports/pack.json", "reports/features.md"),
        notes=(
            *quality_notes(Path()),
            *(f"Warning: {text}" for text in report.get("pairs", {}).get("warnings", [])),
        ),
    )


def _kept(report: dict[str, Any]) -> list[str]:
    shares = [
        f"{source}: {share:.1%} of the steps have a vintage known at their origin"
        for source, share in report["coverage"].items()
        if share is not None
    ]
    packed = f"{report['sequences']:,} sequences, {report['samples']:,} samples, {report['padding']:,} padded steps"
    return [f"{report['steps']:,} steps in {packed}", *shares]


def _excluded(report: dict[str, Any]) -> list[str]:
    lines = [
        f"{count:,} steps {reason.replace('_', ' ')}" for reason, count in report["dropped"].items() if count
    ]
    if empty := report["groups_without_sequence"]:
        lines.append(f"{len(empty):,} groups without a sequence: {', '.join(empty[:12])}")
    return [*lines, *_flagged(report), *_unusable(report)]


def _flagged(report: dict[str, Any]) -> list[str]:
    """One line per value with limits: how many values were beyond each, and what happened to them."""
    words = {"missing": "count as missing in X and in training", "keep": "kept, since on_flag is keep"}
    return [
        f"{name}: {', '.join(f'{count:,} {limit}' for limit, count in entry['beyond'].items())}: {words[entry['on_flag']]}"
        for name, entry in report.get("flags", {}).items()
    ]


def _unusable(report: dict[str, Any]) -> list[str]:
    """One line per target in `align.usable`."""
    return [
        f"{target}: {entry['steps']:,} steps are unusable (align.usable): no weight in training, scored apart"
        if entry["steps"]
        else f"{target}: no step is unusable, although align.usable names it: check its value, texts and intervals"
        for target, entry in report.get("unusable", {}).items()
    ]


main = stage_main(
    "pack",
    run,
    "Align forecasts and realized values as of each origin and pack them: reads data/tables/, writes "
    "data/packed/, reports/pack.json and reports/features.md. "
    "Set DASK_NUM_WORKERS for the number of workers, or DASK_SCHEDULER_ADDRESS to use a cluster.",
    "hindcast pack --set pack.segment_length=48",
)


if __name__ == "__main__":
    sys.exit(main())
