"""Windows and lanes as a PyTorch IterableDataset. Importing this module imports torch, which is the user's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch.utils.data import IterableDataset, get_worker_info

from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.feed.streams import Lanes, Segments, Windows
from hindcast.pipeline.workspace.window_forecasts import window_forecasts


class TorchBatches(IterableDataset):  # type: ignore[misc]  # torch is not installed here
    """The batches of a stream as dictionaries of tensors, for `torch.utils.data.DataLoader(dataset, batch_size=None)`.

    - `X`: features in physical units, float32: (B, lookback, F) of windows, (B, T, F) of segments and lanes
    - `Y`, `weight`: (B, target) of windows, (B, T, target) of segments and lanes; a target of weight 0 has no meaning
    - `series`: (B,) int64, the place of the series in `keys`; -1 in idle lanes
    - `keep`: (B, 1), lanes only: 0 where the carried state must be dropped before the batch

    Worker processes share the batches; they come in the same order with any number of workers. `set_epoch` gives the
    order of another epoch. Goes through pickle.
    """

    def __init__(self, stream: Windows | Lanes | Segments) -> None:
        super().__init__()
        self._stream = stream
        table = stream.source.sequences
        keys = list(zip(map(str, table.group), map(str, table.series), strict=True))
        self.keys: tuple[tuple[str, str], ...] = tuple(dict.fromkeys(keys))
        numbers = {key: number for number, key in enumerate(self.keys)}
        self._number = np.array([*(numbers[key] for key in keys), -1], np.int64)

    def __len__(self) -> int:
        return len(self._stream)

    def set_epoch(self, epoch: int) -> None:
        """Take the order of an epoch, counted from 0; call it before the DataLoader starts the epoch."""
        stream, self._stream = self._stream, self._stream.at(epoch)
        stream.close()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        worker = get_worker_info()
        first, step = (worker.id, worker.num_workers) if worker else (0, 1)
        for number in range(first, len(self._stream), step):
            yield self.batch(number)

    def batch(self, number: int) -> dict[str, Any]:
        """Return one batch of the epoch."""
        inputs, targets, weights = self._stream[number]
        is_window = isinstance(self._stream, Windows)
        columns = {
            "X": inputs["inputs"],
            "Y": np.concatenate(list(targets.values()), axis=-1),
            "weight": np.stack(list(weights.values()), axis=-1),
            "series": self._number[self._stream.sequences_of(number)],
        }
        if "keep" in inputs:
            columns["keep"] = inputs["keep"]
        assert columns["Y"].ndim == (2 if is_window else 3)
        return {name: torch.from_numpy(np.array(values)) for name, values in columns.items()}

    def forecasts(self, **values: Any) -> pd.DataFrame:
        """Return the rows for `hindcast evaluate --forecasts`, from a number for each window in the order of the batches.

        As in `batches.forecasts(value=predicted)`; of quantiles `**{"q0.1": low}`. Windows only. Raises FormatError if there is
        not one number for each window.
        """
        if not isinstance(self._stream, Windows):
            raise FormatError(
                "Only predictions of windows become rows: make the batches with `work.windows`."
            )
        return window_forecasts(self._stream, values)
