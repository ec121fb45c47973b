"""Predictions of a stream of windows as the rows for `hindcast evaluate --forecasts`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from hindcast.pipeline.arrays import Times
from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.feed.scored_rows import Rows
from hindcast.pipeline.feed.source import Source
from hindcast.pipeline.feed.streams import Windows
from hindcast.pipeline.wording import counted
from hindcast.pipeline.workspace.index_frames import times_of

_BLOCK = 4096  # samples read at a time


def window_forecasts(stream: Windows, values: Mapping[str, npt.ArrayLike]) -> pd.DataFrame:
    """Return group, series, origin, valid_time and the columns of `values`: a number for each window in the stream's order.

    With several targets add the column `target`. Raises FormatError if there is not one number for each window.
    """
    rows = stream.rows_at(0, stream.order.count)
    table = stream.source.sequences
    frame = pd.DataFrame(
        {
            "group": table.group[rows.sequence],
            "series": table.series[rows.sequence],
            "origin": times_of(_origins(stream.source, rows)),
            "valid_time": times_of(rows.time),
        }
    )
    for name, column in values.items():
        numbers = np.asarray(column, np.float64).reshape(-1)
        if len(numbers) != len(rows):
            raise FormatError(
                f"{name} has {counted(len(numbers), 'number')}, but the stream has {counted(len(rows), 'window')}: give the "
                "predictions of all batches of one epoch, in their order."
            )
        frame[name] = numbers
    return frame


def _origins(source: Source, rows: Rows) -> Times:
    found = np.empty(len(rows), np.int64)
    order = np.argsort(rows.sample, kind="stable")
    samples, first = np.unique(rows.sample[order], return_index=True)
    edges = np.append(first, len(rows))
    for start in range(0, len(samples), _BLOCK):
        stop = min(start + _BLOCK, len(samples))
        own = order[edges[start] : edges[stop]]
        read = source.read("origin", samples[start:stop])
        found[own] = read[np.searchsorted(samples[start:stop], rows.sample[own]), rows.offset[own]]
    return found
