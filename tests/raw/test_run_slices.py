from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.arrays import BufferPool
from hindcast.pipeline.raw.run_slices import find_slices, iter_batches, iter_batches_in_context
from hindcast.pipeline.raw.sorted_runs import Run, make_run
from tests.raw.test_group_table import KEYS, Row, records_of, rows


def runs_of(files: list[list[list[Row]]], folder: Path) -> list[list[Run]]:
    return [
        [replace(make_run(KEYS, records_of(block), BufferPool()), path=folder) for block in blocks if block]
        for blocks in files
    ]


@given(files=st.lists(st.lists(rows, max_size=3), max_size=3), most=st.integers(1, 12))
def test_batches_hold_every_row_of_the_group_once_sorted_by_series_and_pieces_of_time(
    files: list[list[list[Row]]], most: int, tmp_path: Path
) -> None:
    slices = find_slices("g", runs_of(files, tmp_path))
    assert list(slices) == sorted(slices)
    found = []
    last: tuple[str, int] | None = None
    for batch in iter_batches(slices, most):
        rows_of_batch = []
        for piece in batch:
            starts = piece.run.starts
            whole = piece.end - piece.first > 1  # all rows of several keys
            counts = [
                starts[place + 1] - starts[place] if whole else piece.rows
                for place in range(piece.first, piece.end)
            ]
            names = np.repeat([name for _, name in piece.run.keys[piece.first : piece.end]], counts)
            rows_of_batch += [
                (piece.file, name, time)
                for name, time in zip(names.tolist(), piece.read()[1].tolist(), strict=True)
            ]
        found += rows_of_batch
        moments = sorted((name, time) for _, name, time in rows_of_batch)
        assert last is None or last < moments[0], "a later batch holds later series or times"
        last = moments[-1]
    expected = [
        (file, KEYS[key][1], time)
        for file, blocks in enumerate(files)
        for block in blocks
        for key, time, _ in block
        if KEYS[key][0] == "g"
    ]
    assert sorted(found) == sorted(expected)


@given(
    files=st.lists(st.lists(rows, max_size=3), max_size=3), most=st.integers(1, 12), margin=st.integers(0, 3)
)
def test_a_piece_of_a_series_has_every_row_within_the_margin_around_it(
    files: list[list[list[Row]]], most: int, margin: int, tmp_path: Path
) -> None:
    slices = find_slices("g", runs_of(files, tmp_path))
    wide = list(iter_batches_in_context(slices, most, margin))
    plain = list(iter_batches(slices, most))
    assert len(wide) == len(plain)
    for batch, pieces in zip(wide, plain, strict=True):
        if batch.low is None or batch.high is None:
            assert batch.slices == pieces
            continue
        own = np.concatenate([piece.read()[1] for piece in pieces])
        series = slices[pieces[0].run.keys[pieces[0].first][1]]
        every = np.sort(np.concatenate([piece.read()[1] for piece in series]))
        assert (batch.low, batch.high) == (own.min(), own.max())
        near = every[(every >= batch.low - margin) & (every <= batch.high + margin)]
        found = np.sort(np.concatenate([piece.read()[1] for piece in batch.slices]))
        assert found.tolist() == near.tolist()
