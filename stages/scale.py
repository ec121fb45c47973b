"""Stage `scale`: fit the scaler on the training rows."""

from __future__ import annotations

import sys
from pathlib import Path

from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.wording import counted
from hindcast.stages.common import Summary, stage_main


def run(params: Params) -> Summary:
    """Fit data/scaler.json on the training rows of data/dataset.h5."""
    from hindcast.pipeline.split.write_splits import build_scaler
    from hindcast.pipeline.store.scaler_file import constant_lines

    scaler = build_scaler(Path("data/dataset.h5"), Path("data/scaler.json"), params)
    mean, std = ("median", "robust spread") if params.scale.robust else ("mean", "std")
    targets = [
        f"{one['name']} ({mean} {one['mean']:.6g}, {std} {one['std']:.6g})" for one in scaler["targets"]
    ]
    rows = max((one["count"] for one in scaler["features"] + scaler["targets"]), default=0)
    kept = [
        f"{counted(len(scaler['features']), 'feature')} scaled by {scaler['by']}, targets by {scaler['target']}: {', '.join(targets)}"
    ]
    if "auto" in scaler:
        kept.append(
            f"scale: auto is by {scaler['by' if params.scale.by == 'auto' else 'target']}: the standard deviations of series differ by a factor of "
            f"{scaler['auto']:.3g}; by series from 2 on"
        )
    if scaler["groups"]:
        kept.append(
            f"scales of {counted(len(scaler['groups']), 'group')}, {counted(len(scaler['series']), 'series')}"
        )
    return Summary(
        read=(f"{counted(rows, 'training row')} of data/dataset.h5",) if rows else (),
        kept=tuple(kept),
        wrote=("data/scaler.json",),
        notes=tuple(f"  Warning: {line}." for line in constant_lines(scaler)),
    )


main = stage_main(
    "scale",
    run,
    "Fit the scaler on training rows: reads data/dataset.h5, writes data/scaler.json.",
    "hindcast scale --set scale.by=none",
)


if __name__ == "__main__":
    sys.exit(main())
