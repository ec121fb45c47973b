"""Watching a training: TensorBoard while it goes on, DVCLive's files for `dvc metrics` and `dvc plots`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
from dvclive.live import Live

from hindcast.pipeline.errors import TrainingError
from hindcast.pipeline.feed.batches import LaneBatches
from hindcast.pipeline.files import file_name, replace_file
from hindcast.pipeline.learn.backend import tensorflow_errors_as_oserror
from hindcast.pipeline.learn.fitting import TrainingData
from hindcast.pipeline.learn.history import Logs

_NAMES = {"loss": "train/loss", "val_loss": "validation/loss"}


class TensorBoardCallback:
    """Losses, learning rate, the share of lanes in use and histograms of the weights, by epoch."""

    def __init__(self, folder: Path, training: TrainingData) -> None:
        self._folder, self._lesson = folder, training
        self._board: Any = None

    def begin(self, epochs: Sequence[Logs]) -> None:
        """Write event files anew, or beside those of the process that watched the epochs before."""
        if not epochs:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._board = keras.callbacks.TensorBoard(str(self._folder), histogram_freq=1, write_graph=False)
        with tensorflow_errors_as_oserror(self._folder):
            self._board.set_model(self._lesson.network)
            self._board.on_train_begin()

    def end_epoch(self, epoch: int, logs: Logs, network: Any) -> None:
        """Write the epoch's losses, what it made of its lanes, and the weights."""
        batches = self._lesson.epoch(epoch)
        use = {"lane_use": 1 - batches.plan.idle_share} if isinstance(batches, LaneBatches) else {}
        with tensorflow_errors_as_oserror(self._folder):
            self._board.on_epoch_end(epoch, {**logs, **use})

    def close(self) -> None:
        """End the event files."""
        if self._board is not None:
            with tensorflow_errors_as_oserror(self._folder):
                self._board.on_train_end()


class LossTables:
    """The losses of each epoch as DVCLive writes them: no times, nothing done to the repository."""

    def __init__(self, folder: Path) -> None:
        self._live = _Files(str(folder), save_dvc_exp=False, dvcyaml=False, report=None)

    def begin(self, epochs: Sequence[Logs]) -> None:
        """Write the epochs before again: the folder of a process that was killed is gone."""
        for logs in epochs:
            self._write(logs)

    def end_epoch(self, epoch: int, logs: Logs, network: Any) -> None:
        """Write the epoch's losses."""
        self._write(logs)

    def _write(self, logs: Logs) -> None:
        for name, value in logs.items():
            self._live.log_metric(_NAMES.get(name, name), value)
        self._live.next_step()  # type: ignore[no-untyped-call]


@contextmanager
def callbacks(
    boards: Path, live: Path, training: TrainingData
) -> Iterator[tuple[TensorBoardCallback, LossTables]]:
    """Watchers that write event files below `boards` and DVCLive's files below `live`."""
    board = TensorBoardCallback(boards, training)
    try:
        yield board, LossTables(live)
    finally:
        board.close()


class _Files(Live):
    """DVCLive that writes files only.

    Its own start makes a DVC repository wherever it finds a git repository without one, and its end adds the
    folder to git's index under `dvc exp run`: here the stage's outputs are declared in dvc.yaml already.
    """

    def _init_dvc(self) -> None:
        self._dvc_file = "dvc.yaml"


class GroupWeights:
    """Writes the twin's weights whenever the last series of a group was fitted; a later pass replaces them.

    `groups` holds the group of each series in the order of their series_order; where there are none, nothing is written. The files wait in `folder`, which outlives a
    killed process, until `hand_over`.
    """

    def __init__(self, folder: Path, groups: Sequence[str], twin: Any) -> None:
        self._folder, self._groups, self._twin = folder, groups, twin

    def begin(self, epochs: Sequence[Logs]) -> None:
        """Drop what another training left; keep what this one wrote before it was killed."""
        if not epochs:
            shutil.rmtree(self._folder, ignore_errors=True)

    def end_epoch(self, epoch: int, logs: Logs, network: Any) -> None:
        """Write the weights if this was the group's last series."""
        if not self._groups:
            return
        turn = epoch % len(self._groups)
        group = self._groups[turn]
        if turn + 1 == len(self._groups) or self._groups[turn + 1] != group:
            with replace_file(self._path(group)) as temporary:
                # Keras insists on the ending
                named = temporary.with_name(f"{temporary.name}.weights.h5")
                try:
                    self._twin.save_weights(named)
                    temporary.write_bytes(named.read_bytes())
                finally:
                    named.unlink(missing_ok=True)

    def hand_over(self, models: Path) -> None:
        """Copy the files of all groups to `weights/` below `models`; TrainingError if somebody removed one."""
        for group in dict.fromkeys(self._groups):
            (models / "weights").mkdir(exist_ok=True)
            path = self._path(group)
            if not path.exists():
                raise TrainingError(
                    f"{path} was removed while the training was interrupted: remove .hindcast/checkpoints and train anew."
                )
            shutil.copyfile(path, models / "weights" / path.name)

    def clear(self) -> None:
        """Remove the files that were handed over."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _path(self, group: str) -> Path:
        return self._folder / f"{file_name(group)}.weights.h5"
