"""Rows come back once, in order, whatever their order and the sizes of runs and ranges."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.certify import table_runs as module
from hindcast.pipeline.certify.table_runs import SortedRows, sort_key
from tests.examples import examples

NS = 10**9


@examples(40)
@given(
    seed=st.integers(0, 10**6),
    count=st.integers(0, 300),
    run_rows=st.sampled_from([1, 7, 64, 1000]),
    most=st.sampled_from([1, 5, 50, 1 << 18]),
    series=st.sampled_from([1, 3, 20_000]),
)
def test_all_rows_come_back_in_order(
    tmp_path_factory: pytest.TempPathFactory, seed: int, count: int, run_rows: int, most: int, series: int
) -> None:
    random = np.random.default_rng(seed)
    rows: dict[str, Any] = {
        "series": random.integers(0, series, count),
        "valid": random.integers(-40, 40, count) * NS // 2,
        "origin": random.integers(-5, 5, count) * NS,
        "row": np.arange(count),
        "value": random.normal(size=count),
    }
    sorter = SortedRows(tmp_path_factory.mktemp("runs"), run_rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_MOST_RANGE", most)
        for start in range(0, count, 11):
            sorter.add({name: values[start : start + 11] for name, values in rows.items()})
        parts = list(sorter.ranges())
    order = sorted(
        range(count),
        key=lambda at: tuple(int(rows[name][at]) for name in ("series", "valid", "origin", "row")),
    )
    for name, values in rows.items():
        found = np.concatenate([part[name] for part in parts]) if parts else np.zeros(0)
        np.testing.assert_array_equal(found, values[order])
    if count:
        keys = sort_key(rows["series"], rows["valid"])
        largest = int(np.unique(keys, return_counts=True)[1].max())
        runs = -(-count // run_rows)
        assert max(len(part["row"]) for part in parts) <= max(most, 4 * runs) + largest * max(2, runs)


def test_the_order_holds_for_the_first_and_last_times_that_exist(tmp_path: Path) -> None:
    sorter = SortedRows(tmp_path)
    info = np.iinfo(np.int64)
    valid = np.array([info.max, info.min + 1, 0, info.min + 1])
    sorter.add({"series": np.array([0, 1, 1, 0]), "valid": valid, "origin": valid, "row": np.arange(4)})
    (part,) = sorter.ranges()
    assert part["row"].tolist() == [3, 0, 1, 2]
