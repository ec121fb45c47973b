"""Sorted rows that wait until they fill a row group of their table, in memory that is used again and again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from hindcast.pipeline.raw.memory import Room
from hindcast.pipeline.raw.records import Codes, Records, time_fields
from hindcast.pipeline.raw.runs import Block
from hindcast.pipeline.raw.tables import ROWS_A_PIECE, STAMP, table_schema
from hindcast.pipeline.settings.raw import Source


class RowGroups:
    """`count` rows, in order; more are read into the memory behind them, and whole row groups leave at the front."""

    def __init__(self, room: Room, source: Source, capacity: int) -> None:
        self.count = 0
        self._room, self._source = room, source
        self._times = len(time_fields(source))
        self._fields = 1 + self._times + len(source.values)
        self._reserve(capacity)

    @classmethod
    @contextmanager
    def lent(cls, room: Room, source: Source, most: int) -> Iterator[RowGroups]:
        """Memory for a row group and `most` rows more; it goes back at the end."""
        rows = cls(room, source, ROWS_A_PIECE + most)
        try:
            yield rows
        finally:
            room.reuse(rows._memory)

    def behind(self, count: int) -> tuple[Block, Codes]:
        """Memory for the fields and series of `count` rows behind those that are there."""
        if self.count + count > self._capacity:  # many rows of one series at one time: they cannot be cut
            self._grow(self.count + count)
        part = slice(self.count, self.count + count)
        return self._block[:, part], self._series[part]

    def records(self, start: int, stop: int) -> Records:
        """A view of some rows."""
        block = self._block[:, start:stop]
        values = block[1 + self._times :].view(np.float64)
        return Records(self._series[start:stop], block[0], tuple(block[1 : 1 + self._times]), tuple(values))

    def table(self, count: int, names: list[str], known: NDArray[np.int64]) -> pa.Table:
        """The first rows as a table, valid until they leave; `names` are those of the series, `known` their moments."""
        records, source = self.records(0, count), self._source
        schema = table_schema(source)
        series = pa.DictionaryArray.from_arrays(pa.array(records.key), pa.array(names, pa.string()))
        columns: dict[str, Any] = {"series": series.cast(pa.string())}
        if "issue_time" in schema.names:
            columns["issue_time"] = _stamps(known if source.issue_time is None else records.times[1])
        columns["valid_time"], columns["known_time"] = _stamps(records.times[0]), _stamps(known)
        values = schema.names[len(columns) :]
        for name, column in zip(values, records.values, strict=True):
            # the least number is NaN where one is missing: cheaper to ask than to look for nulls one by one
            columns[name] = pa.array(column, pa.float64(), from_pandas=bool(np.isnan(column.min())))
        return pa.table(columns, schema)

    def leave(self, count: int) -> None:
        """Let go of the first rows."""
        for row in (*self._block, self._series):
            row[: self.count - count] = row[count : self.count]
        self.count -= count

    def _grow(self, capacity: int) -> None:
        block, series, memory = self._block, self._series, self._memory
        self._reserve(capacity)
        self._block[:, : self.count], self._series[: self.count] = (
            block[:, : self.count],
            series[: self.count],
        )
        self._room.reuse(memory)

    def _reserve(self, capacity: int) -> None:
        self._capacity, numbers = capacity, capacity * self._fields
        self._memory = self._room.lend(numbers + capacity)
        self._block = self._memory[:numbers].reshape(self._fields, capacity)
        self._series = self._memory[numbers:].view(np.int32)[:capacity]


def _stamps(times: NDArray[np.int64]) -> pa.Array:
    return pa.array(times).view(STAMP)
