"""When values first became known, looked up in the tables: the rows of a table pass once, a part of its file at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from hindcast.pipeline.arrays import TIME_MAX, TIME_MIN, Floats, Ints, Times
from hindcast.pipeline.certify.check_tables import check_known_rule
from hindcast.pipeline.certify.findings import CheckResult
from hindcast.pipeline.errors import FormatError, MissingInputError
from hindcast.pipeline.files import digest_of_file
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.tables import damage_text

_TIMES = ("issue_time", "valid_time", "known_time")
_VALUE_BITS = 33


@dataclass
class Wanted:
    """Values of one feature to look up: `value[i]`, a finite number, at `valid[i]` of the series `series[i]`, for the row `rows[i]`.

    `earliest[i]` is the first moment when a row with this value, up to the rounding of float32, was known; TIME_MAX if the
    rows seen so far have none.
    """

    rows: Ints
    series: Ints
    valid: Times
    value: Floats
    earliest: Times = field(init=False)

    def __post_init__(self) -> None:
        self.earliest = np.full(len(self.series), TIME_MAX, np.int64)
        self._stamps = np.unique(self.valid)
        cell = self._cell(self.series, self.valid)
        self._cells, place = np.unique(cell, return_inverse=True)
        self._keys = _keys(place.reshape(-1), self.value)

    def see(self, series: Ints, valid: Times, known: Times, value: Floats) -> None:
        """Compare rows of a table."""
        if not len(self._cells):
            return
        stamp = np.searchsorted(self._stamps, valid).clip(max=len(self._stamps) - 1)
        here = np.flatnonzero((series >= 0) & (self._stamps[stamp] == valid) & np.isfinite(value))
        cell = series[here] * len(self._stamps) + stamp[here]
        place = np.searchsorted(self._cells, cell).clip(max=len(self._cells) - 1)
        same = self._cells[place] == cell
        here, place = here[same], place[same]
        keys, moments = _first_moments(_keys(place, value[here]), known[here])
        if not len(keys):
            return
        for beside in (-1, 0, 1):  # the neighbouring numbers of float32: texts and conversions round
            at = np.searchsorted(keys, self._keys + beside).clip(max=len(keys) - 1)
            found = keys[at] == self._keys + beside
            self.earliest = np.where(found, np.minimum(self.earliest, moments[at]), self.earliest)

    def of_all_series(self) -> Wanted:
        """Return the same values, to be looked up in rows that hold for every series of the group: these have the number 0."""
        return Wanted(self.rows, np.zeros(len(self.series), np.int64), self.valid, self.value)

    def _cell(self, series: Ints, valid: Times) -> Ints:
        return series * len(self._stamps) + np.searchsorted(self._stamps, valid)


def _keys(place: Ints, value: Floats) -> Ints:
    """Return numbers that order pairs of a place and a value as float32; neighbouring values have neighbouring numbers."""
    with np.errstate(over="ignore"):
        bits = (value + 0.0).astype(np.float32).view(np.int32).astype(np.int64)
    rank: Ints = np.where(bits < 0, -bits - (1 << 31), bits) + (1 << 31)
    keys: Ints = (place << _VALUE_BITS) + rank + 1
    return keys


def _first_moments(keys: Ints, known: Times) -> tuple[Ints, Times]:
    """Return each key once, ascending, with the earliest of its times."""
    order = np.lexsort((known, keys))
    keys, known = keys[order], known[order]
    first = np.diff(keys, prepend=TIME_MIN) != 0
    return keys[first], known[first]


@dataclass(frozen=True)
class SourceTable:
    """The table of one source and group, opened; the parts of its file are read when they are needed."""

    file: pq.ParquetFile
    series: Mapping[str, int]

    def check_rule(self, result: CheckResult, params: Params, source: str, group: str) -> None:
        """Compare every known time with the `known` rule of the source."""
        names = [name for name in _TIMES if name in self.file.schema_arrow.names]
        for batch in self.file.iter_batches(1 << 16, columns=names):
            frame = pd.DataFrame({name: _numbers(batch.column(name)) for name in names})
            check_known_rule(result, frame, params, source, group)

    def look_up(self, wanted: Sequence[tuple[str, Wanted]]) -> None:
        """Show each feature the rows that may have its values: (value of the source, feature).

        Their series are places among `series`. A row that holds for every series of the group counts for each of them.
        """
        wanted = [(value, wish) for value, wish in wanted if len(wish.series)]
        if not wanted:
            return
        self._show(wanted, [wish.series for _, wish in wanted])
        shared = [(value, wish.of_all_series()) for value, wish in wanted]
        self._show(shared, [np.zeros(1, np.int64)])
        for (_, wish), (_, other) in zip(wanted, shared, strict=True):
            wish.earliest = np.minimum(wish.earliest, other.earliest)

    def _show(self, wanted: Sequence[tuple[str, Wanted]], series: Sequence[Ints]) -> None:
        numbers = min(int(each.min()) for each in series), max(int(each.max()) for each in series)
        times = (
            min(int(wish.valid.min()) for _, wish in wanted),
            max(int(wish.valid.max()) for _, wish in wanted),
        )
        values = list(dict.fromkeys(value for value, _ in wanted))
        for part in self._parts(numbers, times):
            table = self.file.read_row_group(part, columns=["series", "valid_time", "known_time", *values])
            codes, valid, known = (
                self._codes(table["series"]),
                _numbers(table["valid_time"]),
                _numbers(table["known_time"]),
            )
            for value, wish in wanted:
                wish.see(codes, valid, known, np.asarray(table[value].to_numpy(), np.float64))

    def _parts(self, numbers: tuple[int, int], times: tuple[int, int]) -> Iterator[int]:
        for part, (first, last, begin, end) in enumerate(self._spans):
            if first <= numbers[1] and last >= numbers[0] and begin <= times[1] and end >= times[0]:
                yield part

    @cached_property
    def _spans(self) -> list[tuple[int, int, int, int]]:
        """First and last series and valid time of each part of the file; everything where the file does not say it."""
        schema, spans = self.file.schema_arrow, []
        for part in range(self.file.num_row_groups):
            group = self.file.metadata.row_group(part)
            series, valid = (
                group.column(schema.get_field_index(name)).statistics for name in ("series", "valid_time")
            )
            names = (0, len(self.series))
            if series is not None and series.has_min_max:
                names = self.series[str(series.min)], self.series[str(series.max)]
            times = (TIME_MIN, TIME_MAX)
            if valid is not None and valid.has_min_max:
                times = int(valid.min_raw), int(valid.max_raw)
            spans.append((*names, *times))
        return spans

    def _codes(self, column: pa.ChunkedArray) -> Ints:
        coded = column.unify_dictionaries().combine_chunks()
        names = coded.dictionary.to_pylist()
        codes = np.array([self.series.get(name, -1) for name in names] or [-1], np.int64)
        found: Ints = codes[coded.indices.to_numpy()]
        return found


@contextmanager
def open_source(path: Path, names: Sequence[str]) -> Iterator[SourceTable]:
    """Open the table of a source and group; `names` are the series of the group in the order of their numbers."""
    with pq.ParquetFile(path, read_dictionary=["series"]) as file:
        yield SourceTable(file, {name: at for at, name in enumerate(names)})


def check_bytes(path: Path, digest: str) -> None:
    """Raise MissingInputError if a table is missing, FormatError if its bytes do not have this digest."""
    if not path.is_file():
        raise MissingInputError(f"{path} is missing, but tables.json names it: run the stage `ingest` again.")
    if digest_of_file(path) != digest:
        raise FormatError(damage_text(path))


def _numbers(column: Any) -> Times:
    numbers: Times = column.cast(pa.int64()).to_numpy()
    return numbers
