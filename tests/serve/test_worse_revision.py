"""A new forecast is worse if a value falls back where the delivered one did not."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from hindcast.pipeline.serve.worse_revision import count_worse

FALLBACKS = ("published", "persistence")
HOUR = 3600 * 10**9
METHODS = ["network", "published", "persistence", "retired", "none"]  # from the best to the worst


def _table(methods: list[str]) -> pa.Table:
    count = len(methods)
    return pa.table(
        {
            "group": ["1"] * count,
            "series": [""] * count,
            "target": ["usage"] * count,
            "valid_time": pa.array([at * HOUR for at in range(count)]).cast(pa.timestamp("ns", "UTC")),
            "track": pa.array([0] * count, pa.int32()),
            "value": pa.array([1.0] * count, pa.float32()),
            "method": methods,
        }
    )


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_a_value_is_worse_if_its_method_is_later_in_the_order(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"delivered.{kind}"
    for first, before in enumerate(METHODS):
        for second, after in enumerate(METHODS):
            table = _table(["network", before])
            pq.write_table(table, path) if kind == "parquet" else pa_csv.write_csv(table, path)
            assert count_worse(path, _table(["network", after]), FALLBACKS) == (second > first)


def test_a_value_that_is_gone_is_worse_and_a_new_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "delivered.parquet"
    pq.write_table(_table(["none", "network", "published"]), path)
    assert count_worse(path, _table(["none"]), FALLBACKS) == 2
    pq.write_table(_table(["network"]), path)
    assert count_worse(path, _table(["network", "none"]), FALLBACKS) == 0
