"""Watching a training: TensorBoard while it goes on, DVCLive's files for `dvc metrics` and `dvc plots`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
from dvclive.live import Live

from pipeline.learn.fitting import Logs

_NAMES = {"loss": "train/loss", "val_loss": "validation/loss"}


class TensorBoardWatcher:
    """Losses, learning rate and histograms of the weights, by epoch."""

    def __init__(self, folder: Path, network: Any) -> None:
        self._board = keras.callbacks.TensorBoard(str(folder), histogram_freq=1, write_graph=False)
        self._board.set_model(network)
        self._board.on_train_begin()

    def epoch_ended(self, epoch: int, logs: Logs, network: Any) -> None:
        """Write the epoch's losses and weights."""
        self._board.on_epoch_end(epoch, dict(logs))

    def close(self) -> None:
        """End the event files."""
        self._board.on_train_end()


class DVCLiveWatcher:
    """The losses of each epoch as DVCLive writes them: no times, nothing done to the repository."""

    def __init__(self, folder: Path) -> None:
        self._live = _Files(str(folder), save_dvc_exp=False, dvcyaml=False, report=None)

    def epoch_ended(self, epoch: int, logs: Logs, network: Any) -> None:
        """Write the epoch's losses."""
        for name, value in logs.items():
            self._live.log_metric(_NAMES.get(name, name), value)
        self._live.next_step()  # type: ignore[no-untyped-call]


@contextmanager
def watchers(boards: Path, live: Path, network: Any) -> Iterator[tuple[TensorBoardWatcher, DVCLiveWatcher]]:
    """Watchers that write event files anew below `boards` and DVCLive's files below `live`."""
    shutil.rmtree(boards, ignore_errors=True)
    board = TensorBoardWatcher(boards, network)
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
