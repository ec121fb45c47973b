"""Slices of sorted runs: the rows of a group, batch by batch, in the order of series and files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from hindcast.pipeline.raw.sorted_runs import Block, Run

_LARGE_SLICE = 16  # number of rows from which a separate copy is worth its cost


@dataclass(frozen=True)
class Slice:
    """Rows [start, stop) of a run of file number `file`: rows of one key, or all rows of the keys [first, end)."""

    order: int  # index of the run among all runs, by file, then line
    file: int
    run: Run
    first: int
    end: int
    start: int
    stop: int

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.stop - self.start

    def read(self) -> Block:
        """Return the rows, one field per row of the result."""
        if self.end - self.first == 1:
            return self.run.read_rows(self.first, self.start, self.stop)
        return self.run.read_keys(self.first, self.end)


def find_slices(group: str, parts: list[list[Run]]) -> dict[str, list[Slice]]:
    """Return the slices of each series of a group, in the order of files and lines; series are sorted by name."""
    slices: dict[str, list[Slice]] = {}
    all_runs = [(file, run) for file, runs in enumerate(parts) for run in runs]
    for order, (file, run) in enumerate(all_runs):
        for place in range(*run.group(group)):
            piece = Slice(order, file, run, place, place + 1, run.starts[place], run.starts[place + 1])
            slices.setdefault(run.keys[place][1], []).append(piece)
    return dict(sorted(slices.items()))


def iter_batches(slices: dict[str, list[Slice]], most: int) -> Iterator[list[Slice]]:
    """Batch consecutive series up to `most` rows; a larger series is split by time."""
    batch: list[Slice] = []
    rows = 0
    for pieces in slices.values():
        count = sum(piece.rows for piece in pieces)
        if batch and rows + count > most:
            yield _combine_small(batch)
            batch, rows = [], 0
        if count > most:
            yield from (piece for piece in _split_by_time(pieces, most) if piece)
            continue
        rows += count
        batch += pieces
    if batch:
        yield _combine_small(batch)


def _combine_small(slices: list[Slice]) -> list[Slice]:
    """Combine small slices run by run; if slices are large, keep them as they are, series by series."""
    if sum(piece.rows for piece in slices) >= _LARGE_SLICE * len(slices):
        return slices  # read in this order, rows are already sorted where later files hold later times
    runs: dict[int, Slice] = {}
    for piece in slices:
        before = runs.get(piece.order, piece)
        runs[piece.order] = replace(before, end=piece.end, stop=piece.stop)
    return [runs[order] for order in sorted(runs)]


def _split_by_time(slices: list[Slice], most: int) -> Iterator[list[Slice]]:
    """Split one series by valid time into pieces of about half of `most` rows."""
    step = max(1, most // 16)
    sampled: list[tuple[int, int]] = []  # a valid time and the number of rows that it represents
    for piece in slices:
        places = range(piece.start, piece.stop, step)
        sampled += [(piece.run.valid_time(piece.first, at), min(step, piece.stop - at)) for at in places]
    starts = [piece.start for piece in slices]
    rows, before = 0, None
    for time, count in sorted(sampled):
        if rows + count > most // 2 and time != before:
            stops = [
                piece.run.first_at(time, piece.first, start, piece.stop)
                for piece, start in zip(slices, starts, strict=True)
            ]
            yield _between(slices, starts, stops)
            starts, rows = stops, 0
        rows, before = rows + count, time
    yield _between(slices, starts, [piece.stop for piece in slices])


def _between(slices: list[Slice], starts: list[int], stops: list[int]) -> list[Slice]:
    return [
        replace(piece, start=start, stop=stop)
        for piece, start, stop in zip(slices, starts, stops, strict=True)
        if start < stop
    ]


@dataclass(frozen=True)
class Batch:
    """Slices that are merged together. If they include rows around a piece of a series, those between `low` and `high`
    (valid times) are the piece itself.
    """

    slices: list[Slice]
    low: int | None = None
    high: int | None = None


def iter_batches_in_context(slices: dict[str, list[Slice]], most: int, margin: int) -> Iterator[Batch]:
    """Batch as `iter_batches`, and add to each piece of a split series the rows up to `margin` ns before and after it."""
    for batch in iter_batches(slices, most):
        whole = slices[batch[0].run.keys[batch[0].first][1]]
        count = sum(piece.rows for piece in batch)
        if count >= sum(piece.rows for piece in whole):  # whole series
            yield Batch(batch)
            continue
        low = min(piece.run.valid_time(piece.first, piece.start) for piece in batch)
        high = max(piece.run.valid_time(piece.first, piece.stop - 1) for piece in batch)
        first, after = (
            [piece.run.first_at(time, piece.first, piece.start, piece.stop) for piece in whole]
            for time in (low - margin, high + margin + 1)
        )
        yield Batch(_between(whole, first, after), low, high)
