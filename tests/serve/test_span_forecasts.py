"""Forecasts of several folds in one file: the rows of a range that have a value, and the number of all by method."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hindcast.pipeline.serve.span_forecasts import joined_forecasts


def write(path: Path, valid: list[int], value: list[float | None], method: list[str]) -> Path:
    stamps = pa.array(np.array(valid)).cast(pa.timestamp("ns", tz="UTC"))
    pq.write_table(
        pa.table({"valid_time": stamps, "value": pa.array(value, pa.float32()), "method": method}), path
    )
    return path


def test_only_rows_with_a_value_inside_the_range_are_joined(tmp_path: Path) -> None:
    files = [
        write(tmp_path / "a", [1, 2, 3], [1.0, 2.0, None], ["network", "published", "none"]),
        write(tmp_path / "b", [4, 5], [4.0, 5.0], ["network", "network"]),
    ]
    assert joined_forecasts(files, (2, 5), tmp_path / "all") == {"network": 3, "none": 1, "published": 1}
    assert pq.read_table(tmp_path / "all")["value"].to_pylist() == [2.0, 4.0]
