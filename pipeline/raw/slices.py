"""A group's rows as slices of runs: which are read together, so that memory is bounded and nothing is sorted twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from hindcast.pipeline.raw.runs import Block, Run

_LARGE_SLICE = 16  # rows that pay for a copy of their own


@dataclass(frozen=True)
class Slice:
    """Rows [start, stop) of a run of the file with place `file`: of one key, or all of the keys [first, end)."""

    order: int  # of the run among all runs: files, then lines
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
        """The rows, a field a row of the result."""
        if self.end - self.first == 1:
            return self.run.read_rows(self.first, self.start, self.stop)
        return self.run.read_keys(self.first, self.end)


def slices_of(group: str, parts: list[list[Run]]) -> dict[str, list[Slice]]:
    """The slices of each series, in the order of files and lines, series in order."""
    slices: dict[str, list[Slice]] = {}
    all_runs = [(file, run) for file, runs in enumerate(parts) for run in runs]
    for order, (file, run) in enumerate(all_runs):
        for place in range(*run.group(group)):
            piece = Slice(order, file, run, place, place + 1, run.starts[place], run.starts[place + 1])
            slices.setdefault(run.keys[place][1], []).append(piece)
    return dict(sorted(slices.items()))


def batches(slices: dict[str, list[Slice]], most: int) -> Iterator[list[Slice]]:
    """Neighbouring series together up to `most` rows; a larger series in pieces by time."""
    batch: list[Slice] = []
    rows = 0
    for found in slices.values():
        count = sum(piece.rows for piece in found)
        if batch and rows + count > most:
            yield _side_by_side(batch)
            batch, rows = [], 0
        if count > most:
            yield from (cut for cut in _pieces(found, most) if cut)
            continue
        rows += count
        batch += found
    if batch:
        yield _side_by_side(batch)


def _side_by_side(slices: list[Slice]) -> list[Slice]:
    """Slices of series after series as they are, or, where they are small, together run by run."""
    if sum(piece.rows for piece in slices) >= _LARGE_SLICE * len(slices):
        return slices  # read in this order, rows need no sorting where each file goes on in time
    runs: dict[int, Slice] = {}
    for piece in slices:
        before = runs.get(piece.order, piece)
        runs[piece.order] = replace(before, end=piece.end, stop=piece.stop)
    return [runs[order] for order in sorted(runs)]


def _pieces(slices: list[Slice], most: int) -> Iterator[list[Slice]]:
    """One series cut at moments, so that a piece has about half of `most` rows."""
    step = max(1, most // 16)
    sampled: list[tuple[int, int]] = []  # valid time, rows that it stands for
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
            yield _cut(slices, starts, stops)
            starts, rows = stops, 0
        rows, before = rows + count, time
    yield _cut(slices, starts, [piece.stop for piece in slices])


def _cut(slices: list[Slice], starts: list[int], stops: list[int]) -> list[Slice]:
    found = [
        replace(piece, start=start, stop=stop)
        for piece, start, stop in zip(slices, starts, stops, strict=True)
    ]
    return [piece for piece in found if piece.rows]
