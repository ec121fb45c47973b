"""A stream as a PyTorch-style map data set: single examples by number, in the stream's own order. Needs no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hindcast.pipeline.arrays import Ints
from hindcast.pipeline.feed.columns import Example, map_example
from hindcast.pipeline.feed.streams import Segments, Windows


@dataclass(frozen=True)
class MapDataset:
    """The rows of segments or windows in the order of their epoch, for `torch.utils.data.DataLoader(shuffle=False)`.

    The stream is shuffled already. Rows that are read in its order are read in whole stretches; in any other
    order each is read for itself. Arrays are copies, which torch may write to. Goes through pickle to worker processes.

    >>> columns = hindcast.Columns.whole(len(work.dataset.features), work.targets)
    >>> rows = hindcast.MapDataset(hindcast.Windows(work.dataset, "train", 32, columns, lookback=48))
    >>> inputs, targets, weights = rows[0]
    >>> inputs["inputs"].shape
    (48, 17)
    """

    stream: Segments | Windows

    def __len__(self) -> int:
        return self.stream.order.count

    def __getitem__(self, number: int) -> Example:
        return self.__getitems__([range(len(self))[number]])[0]

    def __getitems__(self, numbers: Sequence[int] | Ints) -> list[Example]:
        """The examples at these numbers, in the order asked for; torch asks for a batch at a time."""
        wanted = np.asarray(numbers, np.int64)
        if len(wanted) and not (wanted.min() >= 0 and wanted.max() < len(self)):
            raise IndexError(
                f"rows are numbered 0 to {len(self) - 1}, found {wanted.min()} to {wanted.max()}"
            )
        if len(wanted) and (np.diff(wanted) == 1).all():
            batch = self.stream.items(int(wanted[0]), int(wanted[-1]) + 1)
        else:
            rows = [self.stream.order.rows(int(number), int(number) + 1) for number in wanted]
            batch = self.stream.examples(np.concatenate([np.zeros(0, np.int64), *rows]))

        def example(place: int) -> Example:
            return map_example(lambda values: np.array(values[place]), batch)

        return [example(place) for place in range(len(wanted))]
