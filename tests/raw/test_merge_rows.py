from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.arrays import BufferPool, Key
from hindcast.pipeline.raw.merge_rows import RowGroups, find_slices, iter_batches, resolve_duplicates
from hindcast.pipeline.raw.records import Records, sorting_order
from hindcast.pipeline.raw.reject_rules import CONFLICT, SUPERSEDED
from hindcast.pipeline.raw.sorted_runs import Run, make_run
from hindcast.pipeline.settings.raw import Source
from tests.raw.mock import LONG

KEYS: list[Key] = [("g", "a"), ("g", "b"), ("h", "a")]
Row = tuple[int, int, float]  # key, valid time, value
rows = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 4), st.sampled_from([0.5, 1.0, np.nan])), max_size=25
)


def records_of(found: list[Row]) -> Records:
    keys, times, values = zip(*found, strict=True) if found else ((), (), ())
    line = np.arange(1, len(found) + 1)
    return Records(
        np.array(keys, np.int32), line, (np.array(times, np.int64),), (np.array(values, np.float64),)
    )


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


@given(rows, st.sampled_from(["quarantine", "first", "last"]))
def test_duplicates_are_resolved_as_row_by_row(found: list[Row], rule: str) -> None:
    records = records_of(found)
    order = sorting_order(records.key, records.times) if found else None
    records = records if order is None else records.take(order)
    merged = resolve_duplicates(records, rule)
    stored, rejected, folded = [], [], []
    moments: dict[tuple[int, int], list[int]] = {}
    for place, moment in enumerate(zip(records.key.tolist(), records.times[0].tolist(), strict=True)):
        moments.setdefault(moment, []).append(place)
    for places in moments.values():
        kept = places[-1] if rule == "last" else places[0]
        equal = [
            place
            for place in places
            if np.array_equal(records.values[0][place], records.values[0][kept], equal_nan=True)
        ]
        if rule == "quarantine" and len(equal) < len(places):
            rejected += places
            continue
        stored.append(kept)
        folded += [place for place in equal if place != kept]
        rejected += [place for place in places if place not in equal]
    assert (list(range(len(records))) if merged.kept is None else merged.kept.tolist()) == sorted(stored)
    assert sorted(merged.rejected.tolist()) == sorted(rejected)
    assert sorted(merged.folded.tolist()) == sorted(folded)
    assert not rejected or merged.rule == (CONFLICT if rule == "quarantine" else SUPERSEDED)


@pytest.mark.parametrize("capacity", [1, 4, 100])
def test_a_queue_of_rows_grows_and_is_emptied_at_its_front(capacity: int) -> None:
    source = Source.model_validate(LONG)
    queue = RowGroups(BufferPool(), source, capacity)
    for start in (0, 3):
        block, series = queue.append_space(3)
        block[:] = np.arange(start, start + 3)
        series[:] = [0, 0, 1]
        queue.count += 3
    queue.remove(2)
    records = queue.records(0, queue.count)
    assert records.times[0].tolist() == [2, 3, 4, 5]
    table = queue.table(2, ["x", "y"], np.array([7, 8]))
    assert table["series"].to_pylist() == ["y", "x"]
    assert table["known_time"].cast("int64").to_pylist() == [7, 8]
