"""Rows of the coarser parts of a source, piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from hindcast.pipeline.certify.raw_records import Record
from hindcast.pipeline.settings.raw import Source


def length_of(source: Source, valid: int, fine: int) -> int:
    """Return how long a row stands for, in ns."""
    for part in source.coarser:
        if part.until is not None and valid < part.until:
            return part.spacing.ns
    return fine


def pieces_between(
    read: Callable[[int, int], list[Record]], source: Source, fine: int, bounds: tuple[int, int]
) -> list[Record]:
    """Return the pieces of rows that begin inside the bounds, in time order; `read` gives the rows between two times."""
    begin, end = bounds
    longest = max(part.spacing.ns for part in source.coarser)
    found = []
    for row in read(begin - longest, end):
        count = length_of(source, row.valid, fine) // fine
        share = {name: 1 / count if field.resample == "sum" else 1.0 for name, field in source.values.items()}
        values = {name: value * share.get(name, 1.0) for name, value in row.values.items()}
        times = (row.valid + number * fine for number in range(count))
        found += [replace(row, valid=time, values=values) for time in times if begin <= time < end]
    return sorted(found, key=lambda row: (row.valid, row.place))


def stamps_of_pieces(stamps: Iterator[int], source: Source, fine: int) -> Iterator[int]:
    """Yield the times of the pieces of rows, newest first."""
    for valid in stamps:
        yield from range(valid + length_of(source, valid, fine) - fine, valid - 1, -fine)
