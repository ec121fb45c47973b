"""The memory of a training after each of twenty epochs, with validation and callbacks: it must not grow with time.

The first epoch is left out: it traces the network and fills the buffers.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil

from benchmarks.train_data import FEATURES, small_of
from benchmarks.train_floors import GROWTH, check_floor
from hindcast.pipeline.feed.scaling import neutral_scaling
from hindcast.pipeline.feed.trained_series import trained_series
from hindcast.pipeline.learn.callbacks import LossTables, TensorBoardCallback
from hindcast.pipeline.learn.fitting import fit
from hindcast.pipeline.learn.history import Logs
from hindcast.pipeline.learn.preconditions import CertifiedData
from hindcast.pipeline.learn.training import prepare_training
from hindcast.pipeline.store.reader import Dataset
from tests.mock_data import mock_params

EPOCHS = 20
_BUDGET = 1 << 20  # bytes: the data do not fit, and are read from a decoded copy


def measure(folder: Path, _options: argparse.Namespace) -> int:
    """Print the memory after each epoch and its growth; return 1 if the floor is missed."""
    path, memory = small_of(folder), Memory()
    params = mock_params(train={"epochs": EPOCHS, "patience": None, "run_length": "60d"})
    with (
        tempfile.TemporaryDirectory() as written,
        Dataset(path, _BUDGET, check_shards=False, copy_to=path.parent) as dataset,
    ):
        scaling = neutral_scaling(FEATURES, 1)
        setup = prepare_training(params, CertifiedData(dataset, scaling, trained_series(dataset)))
        with closing(TensorBoardCallback(Path(written) / "logs", setup.training)) as board:
            fit(setup.training, params.train, [board, LossTables(Path(written)), memory])
    print("MB after epochs 1 to 20:", *(f"{one / 1e6:.0f}" for one in memory.taken))
    later = memory.taken[1:]
    growth = 100 * (max(later) - later[0]) / later[0]
    return check_floor("growth of memory over 20 epochs, %", growth, GROWTH, above=False)


class Memory:
    """Keeps the resident memory of this process at the end of each epoch."""

    def __init__(self) -> None:
        self.taken: list[int] = []

    def begin(self, epochs: Sequence[Logs]) -> None:
        """Nothing to do."""

    def end_epoch(self, epoch: int, logs: Logs, network: Any) -> None:
        """Look at the memory."""
        self.taken.append(int(psutil.Process().memory_info().rss))
