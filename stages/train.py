"""Stage `train`: fit the network by streaming from the data set."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.wording import counted
from hindcast.stages.common import Summary, stage_main

if TYPE_CHECKING:
    from hindcast.pipeline.learn.training import TrainingResult


def run(params: Params) -> Summary:
    """Train in the current folder and write models/, reports/train/ and logs/."""
    from hindcast.pipeline.learn.backend import check_libraries, leave_core, start_framework
    from hindcast.pipeline.learn.preconditions import open_certified

    check_libraries()
    with open_certified(params, Path()) as data:  # report mistakes before the slow import of the framework
        params = data.settle(params)
        if "trees" in params.evaluate.baselines and params.train.is_small and params.train.bits == "exact":
            leave_core()  # for the trees; fast kernels give other weights with other numbers of threads
        device = start_framework(params.train.bits)  # before anything imports Keras
        from hindcast.pipeline.learn.training import train

        return _summary(params, train(params, Path(), data), device)


def _summary(params: Params, result: TrainingResult, device: str) -> Summary:
    history, idle, pace = result.history, "", result.history.pace
    kernels = " with fast kernels" if params.train.bits == "fast" else ""
    if result.idle_share is not None:
        idle = f", {result.idle_share:.1%} of {counted(params.train.lanes, 'lane')} idle"
    speed = (
        f"{pace.steps_per_second:,.0f} steps/s, {pace.stall_share:.1%} of the time waiting for data"
        if pace
        else ""
    )
    unit = f"per pass of {history.epochs_per_pass} series" if history.epochs_per_pass > 1 else "per epoch"
    groups = (
        (f"models/weights/ ({counted(result.groups_written, 'group')})",) if result.groups_written else ()
    )
    losses = ", ".join(f"{name} {value:.4f}" for name, value in history.epochs[history.best_epoch].items())
    hint = f"The last of {counted(params.train.epochs, 'epoch')} was the best on validation: set train.epochs higher to train longer."
    notes = (*result.hints, *([hint] if history.unfinished(params.train.epochs) else []))
    return Summary(
        notes=tuple(f"  {note}" for note in notes),
        read=(f"{counted(result.samples, 'training sample')} of {counted(result.series, 'series')}",),
        kept=(
            f"{counted(result.batches, 'batch')} {unit} on {device}{kernels}{idle}; {speed}",
            f"{counted(result.weights, 'weight')} after epoch {history.best_epoch + 1} of {len(history.epochs)}: {losses} (in scaled units)",
            *map(str, result.trees),
            *map(str, result.blends),
        ),
        excluded=(result.unknown,) if result.unknown else (),
        wrote=(
            "models/",
            *groups,
            "reports/train/",
            f"{result.boards}/ (see it with: tensorboard --logdir logs)",
        ),
    )


main = stage_main(
    "train",
    run,
    "Fit the network by streaming from the data set: reads data/dataset.h5, data/scaler.json and "
    "reports/leaks.json, writes models/, reports/train/ and logs/.",
    "hindcast train --set train.epochs=5 --set train.units=[32]",
)


if __name__ == "__main__":
    sys.exit(main())
