"""What is written while a network trains: TensorBoard's events, the tables of losses, the weights after each group."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from hindcast.pipeline.errors import TrainingError
from hindcast.pipeline.feed.batches import LaneBatches
from hindcast.pipeline.files import file_name
from hindcast.pipeline.learn.backend import tensorflow_errors_as_oserror
from hindcast.pipeline.learn.fitting import TrainingData
from hindcast.pipeline.learn.history import Logs
from hindcast.pipeline.learn.saving import write_by_keras

_SPLITS = {"loss": "train", "val_loss": "validation"}


class TensorBoardCallback:
    """Writes losses, learning rate, the share of lanes in use and histograms of the weights, by epoch; must be closed."""

    def __init__(self, folder: Path, training: TrainingData) -> None:
        self._folder, self._training = folder, training
        self._board: Any = None

    def begin(self, epochs: Sequence[Logs]) -> None:
        """Start event files: in an empty folder, or beside those of the process that trained the epochs before."""
        if not epochs:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._board = keras.callbacks.TensorBoard(str(self._folder), histogram_freq=1, write_graph=False)
        with tensorflow_errors_as_oserror(self._folder):
            self._board.set_model(self._training.network)
            self._board.on_train_begin()

    def end_epoch(self, epoch: int, logs: Logs, network: Any) -> None:
        """Write the epoch's losses, its use of the lanes, and the weights."""
        batches = self._training.epoch(epoch)
        use = {"lane_use": 1 - batches.plan.idle_share} if isinstance(batches, LaneBatches) else {}
        with tensorflow_errors_as_oserror(self._folder):
            self._board.on_epoch_end(epoch, {**logs, **use})

    def close(self) -> None:
        """Finish the event files."""
        if self._board is not None:
            with tensorflow_errors_as_oserror(self._folder):
                self._board.on_train_end()


class LossTables:
    """Writes the losses by epoch in DVCLive's layout, which `dvc plots` and dvc.yaml read; no times.

    `plots/metrics/{train,validation}/loss.tsv` have the columns `step` (the epoch, from 0) and `loss`; `metrics.json`
    holds the latest loss of each split and the last step. Values are written in full (`repr`).
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._step = folder, 0
        self._latest: dict[str, Any] = {}

    def begin(self, epochs: Sequence[Logs]) -> None:
        """Write the epochs before a checkpoint again: the folder of a killed process is gone."""
        for logs in epochs:
            self._write(logs)

    def end_epoch(self, epoch: int, logs: Logs, network: Any) -> None:
        """Write the epoch's losses."""
        self._write(logs)

    def _write(self, logs: Logs) -> None:
        for name, value in logs.items():
            split = _SPLITS[name]
            path = self._folder / "plots" / "metrics" / split / "loss.tsv"
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8", newline="") as table:
                header = "" if table.tell() else "step\tloss\n"
                table.write(f"{header}{self._step}\t{value!r}\n")
            self._latest[split] = {"loss": value}
        self._latest["step"] = self._step
        text = json.dumps(self._latest, indent=4) + "\n"
        (self._folder / "metrics.json").write_text(text, encoding="utf-8")
        self._step += 1


class GroupWeights:
    """Writes the twin's weights when the last series of a group has been fitted; a later pass replaces them.

    `groups` holds the group of each series in the order of training; if it is empty, nothing is written. The files
    wait in `folder`, which survives a killed process, until `hand_over`.
    """

    def __init__(self, folder: Path, groups: Sequence[str], twin: Any) -> None:
        self._folder, self._groups, self._twin = folder, groups, twin

    def begin(self, epochs: Sequence[Logs]) -> None:
        """Remove what another training left; keep what this one wrote before it was killed."""
        if not epochs:
            shutil.rmtree(self._folder, ignore_errors=True)

    def end_epoch(self, epoch: int, logs: Logs, network: Any) -> None:
        """Write the weights if this was the group's last series."""
        if not self._groups:
            return
        place = epoch % len(self._groups)
        group = self._groups[place]
        if place + 1 == len(self._groups) or self._groups[place + 1] != group:
            write_by_keras(self._path(group), ".weights.h5", self._twin.save_weights)

    def hand_over(self, models: Path) -> None:
        """Copy the files of all groups to `weights/` below `models`; TrainingError if one has been removed."""
        for group in dict.fromkeys(self._groups):
            (models / "weights").mkdir(exist_ok=True)
            path = self._path(group)
            if not path.exists():
                raise TrainingError(
                    f"{path} was removed while the training was interrupted: remove .hindcast/checkpoints and train again."
                )
            shutil.copyfile(path, models / "weights" / path.name)

    def clear(self) -> None:
        """Remove the files that were handed over."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _path(self, group: str) -> Path:
        return self._folder / f"{file_name(group)}.weights.h5"
