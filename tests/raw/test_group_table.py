from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.arrays import BufferPool, Key
from hindcast.pipeline.raw.group_table import (
    RowGroups,
    TableOutcome,
    TableRules,
    resolve_duplicates,
    write_group_table,
)
from hindcast.pipeline.raw.records import Records, sorting_order
from hindcast.pipeline.raw.reject_rules import CONFLICT, SUPERSEDED
from hindcast.pipeline.raw.sorted_runs import Run, make_run
from hindcast.pipeline.settings.raw import Source
from hindcast.pipeline.settings.stamp_grid import StampGrid
from tests.raw.mock import HOUR, LONG

KEYS: list[Key] = [("g", "a"), ("g", "b"), ("h", "a")]
UNSORTED_KEYS: list[Key] = [("g", "b"), ("g", "a"), ("h", "a")]
Row = tuple[int, int, float]  # key, valid time (of written tables: hour), value
rows = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 4), st.sampled_from([0.5, 1.0, np.nan])), max_size=25
)


def run_of(rows: list[Row]) -> Run:
    keys, hours, values = zip(*rows, strict=True)
    times = np.array(hours, np.int64) * HOUR
    line = np.arange(1, len(rows) + 1)
    return make_run(
        UNSORTED_KEYS,
        Records(np.array(keys, np.int32), line, (times,), (np.array(values, float),)),
        BufferPool(),
    )


def write(path: Path, files: list[list[list[Row]]], merge_bytes: int = 1 << 20) -> TableOutcome:
    rules = TableRules(Source.model_validate(LONG), StampGrid(HOUR), "UTC")
    parts = [[run_of(rows) for rows in blocks] for blocks in files]
    return write_group_table(path, "g", parts, rules, BufferPool(), merge_bytes=merge_bytes)


@pytest.mark.parametrize("merge_bytes", [1, 100, 1 << 20])
def test_the_rows_of_a_group_are_merged_in_order_and_counted_by_file(
    merge_bytes: int, tmp_path: Path
) -> None:
    files = [
        [[(0, 3, 1.0), (1, 1, 2.0), (2, 0, 9.0)], [(1, 0, 3.0)]],
        [[(0, 3, 1.0), (0, 2, np.nan), (1, 1, 5.0)]],
    ]
    outcome = write(tmp_path / "g.parquet", files, merge_bytes)
    table = pq.read_table(tmp_path / "g.parquet").to_pydict()
    assert (table["series"], table["load"]) == (["a", "b", "b"], [3.0, None, 1.0])
    assert [time.hour for time in table["valid_time"]] == [0, 2, 3]
    assert [time.hour for time in table["known_time"]] == [2, 4, 5]  # an hour after the end of the step
    assert (outcome.rows, outcome.stored, outcome.folded) == (3, [2, 1], [0, 1])
    assert [part.line.tolist() for part in outcome.rejected] == [[2], [3]]
    assert {int(rule) for part in outcome.rejected for rule in part.rule} == {CONFLICT}


def test_a_group_without_rows_to_store_has_no_table(tmp_path: Path) -> None:
    outcome = write(tmp_path / "g.parquet", [[[(0, 1, 1.0), (0, 1, 2.0)]]])
    assert (outcome.rows, outcome.stored) == (0, [0])
    assert not (tmp_path / "g.parquet").exists()


def records_of(found: list[Row]) -> Records:
    keys, times, values = zip(*found, strict=True) if found else ((), (), ())
    line = np.arange(1, len(found) + 1)
    return Records(
        np.array(keys, np.int32), line, (np.array(times, np.int64),), (np.array(values, np.float64),)
    )


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
