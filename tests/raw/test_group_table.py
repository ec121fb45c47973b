from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from hindcast.pipeline.arrays import BufferPool, Key
from hindcast.pipeline.raw.group_table import TableOutcome, TableRules, write_group_table
from hindcast.pipeline.raw.records import Records
from hindcast.pipeline.raw.reject_rules import CONFLICT
from hindcast.pipeline.raw.sorted_runs import Run, make_run
from hindcast.pipeline.settings.raw import Source
from tests.raw.mock import HOUR, LONG

KEYS: list[Key] = [("g", "b"), ("g", "a"), ("h", "a")]
Row = tuple[int, int, float]  # key, hour, value


def run_of(rows: list[Row]) -> Run:
    keys, hours, values = zip(*rows, strict=True)
    times = np.array(hours, np.int64) * HOUR
    line = np.arange(1, len(rows) + 1)
    return make_run(
        KEYS, Records(np.array(keys, np.int32), line, (times,), (np.array(values, float),)), BufferPool()
    )


def write(path: Path, files: list[list[list[Row]]], merge_bytes: int = 1 << 20) -> TableOutcome:
    rules = TableRules(Source.model_validate(LONG), HOUR, "UTC")
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
