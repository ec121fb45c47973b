"""The output files: metrics.json, CSV files and predictions.parquet hold the results as named columns and rows."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hindcast.pipeline.judge import outputs
from hindcast.pipeline.judge.outputs import (
    collect_metrics,
    open_predictions,
    write_breakdown,
    write_by_series,
)
from hindcast.pipeline.judge.scores import judge_table
from tests.judge.mock_judged import mock_table

SCORE = ["mae", "rmse", "bias", "n"]


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_metrics_are_nested_by_split_target_and_forecaster() -> None:
    usage = judge_table(mock_table(), ["published"], 7)[1]
    other = judge_table(replace(mock_table(seed=1), split="validation", target="other"), ["published"], 7)[1]
    metrics = collect_metrics([usage, other])
    assert {split: list(targets) for split, targets in metrics.items()} == {
        "test": ["usage"],
        "validation": ["other"],
    }
    assert list(metrics["test"]["usage"]) == ["model", "published", "reference_24h", "reference_168h"]
    assert metrics["test"]["usage"]["model"] == usage.scores["model"].as_dict()


def test_a_series_without_rows_has_no_line_in_by_series(tmp_path: Path) -> None:
    table = mock_table()
    table = replace(table, actual=np.where(table.series == 1, np.float32(np.nan), table.actual))
    judgement = judge_table(table, ["published"], 7)[1]
    write_by_series(tmp_path / "by_series.csv", [judgement])
    rows = read_csv(tmp_path / "by_series.csv")
    assert list(rows[0]) == ["split", "group", "series", "track", "target", "forecaster", *SCORE]
    keys = {(row["group"], row["series"]) for row in rows}
    assert keys == {judgement.names.key(series) for series in range(6) if series != 1}
    total = sum(int(row["n"]) for row in rows if row["forecaster"] == "model")
    assert total == judgement.scores["model"].n


@pytest.mark.parametrize(("which", "key"), [("by_lead", "lead_hours"), ("by_hour", "hour")])
def test_a_breakdown_has_a_line_for_each_key_and_forecaster(
    tmp_path: Path, which: Literal["by_lead", "by_hour"], key: str
) -> None:
    judgement = judge_table(mock_table(), ["published"], 7)[1]
    write_breakdown(tmp_path / "error.csv", key, [judgement], which)
    rows = read_csv(tmp_path / "error.csv")
    assert list(rows[0]) == ["split", "target", key, "forecaster", *SCORE]
    hours = {float(row[key]) for row in rows}
    assert hours == set(getattr(judgement, which).hours)
    total = sum(int(row["n"]) for row in rows if row["forecaster"] == "published")
    assert total == judgement.scores["published"].n


@pytest.mark.parametrize("block", [1, 7, 1 << 18])
def test_predictions_hold_every_row_with_a_known_target_and_null_for_a_missing_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(outputs, "_ROW_GROUP", block)
    table, _ = judge_table(mock_table(steps=8, holes=0.3), ["published"], 7)
    path = tmp_path / "predictions.parquet"
    with open_predictions(path, ["model", "published", "trees"]) as predictions:
        predictions.add(table)
    stored = pq.read_table(path)
    known = ~np.isnan(table.actual)
    assert stored.num_rows == known.sum()
    assert stored.column("actual").to_numpy().tolist() == table.actual[known].tolist()
    assert stored.column("compared").to_numpy().tolist() == table.compared[known].tolist()
    assert stored.column("valid_time").cast(pa.int64()).to_numpy().tolist() == table.time[known].tolist()
    assert stored.column("model").null_count == np.isnan(table.forecasts["model"][known]).sum() > 0
    assert stored.column("trees").null_count == stored.num_rows
