"""Stage train: fit the network by streaming from the data set."""

from __future__ import annotations

import sys
from pathlib import Path

from hindcast.pipeline.settings.params import Params
from hindcast.stages.common import Summary, run_stage


def run(params: Params) -> Summary:
    """Train in the current folder."""
    from hindcast.pipeline.learn.backend import start_framework

    device = start_framework()  # before anything imports the framework
    from hindcast.pipeline.learn.training import train

    done = train(params, Path())
    history = done.history
    best = history.epochs[history.best_epoch]
    idle = "" if done.idle_share is None else f", {done.idle_share:.1%} of {params.train.lanes} lanes idle"
    pace = history.pace
    speed = (
        f"{pace.steps_per_second:,.0f} steps/s, {pace.stall_share:.1%} of the time waiting for data"
        if pace
        else ""
    )
    unit = f"a pass of {history.epochs_per_pass} series" if history.epochs_per_pass > 1 else "an epoch"
    files = (f"models/weights/ ({done.groups_written} groups)",) if done.groups_written else ()
    losses = ", ".join(f"{name} {value:.4f}" for name, value in best.items())
    hint = (
        f"The last of {params.train.epochs} epochs was the best on validation: train.epochs is worth raising."
    )
    notes = (*done.hints, hint if history.unfinished(params.train.epochs) else "")
    return Summary(
        notes=tuple(f"  {note}" for note in notes if note),
        read=(f"{done.samples} training samples of {done.series} series",),
        kept=(
            f"{done.batches} batches {unit} on {device}{idle}; {speed}",
            f"{done.weights} weights after epoch {history.best_epoch + 1} of {len(history.epochs)}: {losses} (in scaled units)",
        ),
        wrote=(
            "models/",
            *files,
            "reports/train/",
            f"{done.boards}/ (see it with: tensorboard --logdir logs)",
        ),
    )


def main(argv: list[str] | None = None) -> int:
    """Run the stage from its command line."""
    return run_stage(
        "train",
        run,
        "Fit the network by streaming from the data set: reads data/dataset.h5, data/scaler.json and "
        "reports/leaks.json, writes models/, reports/train/ and logs/.",
        "python -m stages.train --set train.epochs=5 --set train.units=[32]",
        argv,
    )


if __name__ == "__main__":
    sys.exit(main())
