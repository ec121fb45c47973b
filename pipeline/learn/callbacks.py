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
from hindcast.pipeline.learn.backend import written_by_tensorflow
from hindcast.pipeline.learn.fitting import Lesson
from hindcast.pipeline.learn.history import Logs

_NAMES = {"loss": "train/loss", "val_loss": "validation/loss"}


class TensorBoardWatcher:
    """Losses, learning rate, the share of lanes in use and histograms of the weights, by epoch."""

    def __init__(self, folder: Path, lesson: Lesson) -> None:
        self._folder, self._lesson = folder, lesson
        self._board: Any = None

    def begin(self, epochs: Sequence[Logs]) -> None:
        """Write event files anew, or beside those of the process that watched the epochs before."""
        if not epochs:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._board = keras.callbacks.TensorBoard(str(self._folder), histogram_freq=1, write_graph=False)
        with written_by_tensorflow(self._folder):
            self._board.set_model(self._lesson.network)
            self._board.on_train_begin()

    def epoch_ended(self, epoch: int, logs: Logs, network: Any) -> None:
        """Write the epoch's losses, what it made of its lanes, and the weights."""
        batches = self._lesson.epoch(epoch)
        use = {"lane_use": 1 - batches.plan.idle_share} if isinstance(batches, LaneBatches) else {}
        with written_by_tensorflow(self._folder):
            self._board.on_epoch_end(epoch, {**logs, **use})

    def close(self) -> None:
        """End the event files."""
        if self._board is not None:
            with written_by_tensorflow(self._folder):
                self._board.on_train_end()


class DVCLiveWatcher:
    """The losses of each epoch as DVCLive writes them: no times, nothing done to the repository."""

    def __init__(self, folder: Path) -> None:
        self._live = _Files(str(folder), save_dvc_exp=False, dvcyaml=False, report=None)

    def begin(self, epochs: Sequence[Logs]) -> None:
        """Write the epochs before again: the folder of a process that was killed is gone."""
        for logs in epochs:
            self._write(logs)

    def epoch_ended(self, epoch: int, logs: Logs, network: Any) -> None:
        """Write the epoch's losses."""
        self._write(logs)

    def _write(self, logs: Logs) -> None:
        for name, value in logs.items():
            self._live.log_metric(_NAMES.get(name, name), value)
        self._live.next_step()  # type: ignore[no-untyped-call]


@contextmanager
def watchers(boards: Path, live: Path, lesson: Lesson) -> Iterator[tuple[TensorBoardWatcher, DVCLiveWatcher]]:
    """Watchers that write event files below `boards` and DVCLive's files below `live`."""
    board = TensorBoardWatcher(boards, lesson)
    try:
        yield board, DVCLiveWatcher(live)
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

    `groups` holds the group of each series in the order of their turns; where there are none, nothing is written. The files wait in `folder`, which outlives a
    killed process, until `hand_over`.
    """

    def __init__(self, folder: Path, groups: Sequence[str], twin: Any) -> None:
        self._folder, self._groups, self._twin = folder, groups, twin

    def begin(self, epochs: Sequence[Logs]) -> None:
        """Drop what another training left; keep what this one wrote before it was killed."""
        if not epochs:
            shutil.rmtree(self._folder, ignore_errors=True)

    def epoch_ended(self, epoch: int, logs: Logs, network: Any) -> None:
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
