"""Scores of quantiles: pinball loss and coverage, in metrics.json and predictions.parquet too."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from hindcast.pipeline.files import write_json
from hindcast.pipeline.judge.evaluation import evaluate
from hindcast.pipeline.judge.quantiles import quantile_scores
from hindcast.pipeline.settings.params import Params, check_params
from tests.judge.mock_judged import mock_dataset, mock_table, model_with_error

LEVELS = (0.1, 0.5, 0.9)


@pytest.fixture(scope="module")
def params(compose_text: Callable[..., str]) -> Params:
    raw = yaml.safe_load(compose_text("dataset=gefcom2012"))
    raw["evaluate"] = {"baselines": ["persistence"], "sums": ["group"]}
    raw["train"] |= {"loss": "pinball", "quantiles": list(LEVELS)}
    return check_params(raw, "test")


def test_pinball_and_shares_agree_with_the_obvious_sums() -> None:
    table = mock_table()
    middle = table.forecasts["model"]
    fan = np.stack([middle - 3, middle, middle + 2], axis=1)
    compared = ~np.isnan(middle) & ~np.isnan(table.actual)
    found = quantile_scores(replace(table, quantiles=fan, levels=LEVELS, compared=compared))
    assert found is not None
    assert found.pinball is not None
    assert found.below is not None
    rows = np.flatnonzero(compared)
    assert len(rows) > 50
    for place, level in enumerate(LEVELS):
        errors = [float(table.actual[row]) - float(fan[row, place]) for row in rows]
        losses = [level * error if error > 0 else (level - 1) * error for error in errors]
        assert found.pinball[place] == pytest.approx(np.mean(losses))
        assert found.below[place] == pytest.approx(np.mean([error <= 0 for error in errors]))
    inside = [fan[row, 0] <= table.actual[row] <= fan[row, 2] for row in rows]
    assert found.inside == pytest.approx(np.mean(inside))
    assert found.nominal == pytest.approx(0.8)


def test_a_model_without_quantiles_has_no_such_scores_and_none_compared_has_no_number() -> None:
    table = mock_table()
    assert quantile_scores(table) is None
    fan = np.zeros((len(table), 3), np.float32)
    nothing = np.zeros(len(table), np.bool_)
    found = quantile_scores(replace(table, quantiles=fan, levels=LEVELS, compared=nothing))
    assert found is not None
    assert found.as_dict()["coverage"] is None
    assert "no row is compared" in str(found)


def test_metrics_and_predictions_hold_the_quantiles_and_the_middle_one_is_compared(
    tmp_path: Path, params: Params
) -> None:
    dataset = mock_dataset(targets=("usage", "other"))
    point = model_with_error(dataset, 2.0)

    def fan(split: str, rows: Any) -> Any:
        middle = point(split, rows)
        return np.stack([middle - 2, middle, middle + 2], axis=-1)

    write_json(tmp_path / "models/history.json", {"epochs": [{"loss": 1.0}], "best_epoch": 0})
    evaluation = evaluate(dataset, fan, params, tmp_path, {})
    frame = pq.read_table(tmp_path / "reports/predictions.parquet").to_pandas()
    assert {"model_q0.1", "model_q0.5", "model_q0.9"} < set(frame.columns)
    assert (frame["model_q0.5"] == frame["model"]).all()
    page = (tmp_path / "reports/report.html").read_text(encoding="utf-8")
    assert "<h2>Quantiles</h2>" in page
    assert str(evaluation.judgements[0].quantiles) in page
    assert "The band lies between the model&#39;s quantiles 0.1 and 0.9." in page
    metrics = json.loads((tmp_path / "reports/metrics.json").read_text())
    part = frame[(frame["split"] == "test") & (frame["target"] == "usage") & frame["compared"]]
    entry = metrics["test"]["usage"]["model"]
    assert entry["mae"] == pytest.approx((part["model"] - part["actual"]).abs().mean(), rel=1e-5)
    inside = (part["model_q0.1"] <= part["actual"]) & (part["actual"] <= part["model_q0.9"])
    assert entry["coverage"] == pytest.approx(inside.mean())
    assert entry["coverage_wanted"] == 0.8
    below = entry["quantiles"]["0.9"]["below"]
    assert below == pytest.approx((part["actual"] <= part["model_q0.9"]).mean())
    assert "pinball" not in metrics["test"]["usage_sum_by_group"]["model"], (
        "the sum of quantiles is not a quantile"
    )
    assert evaluation.judgements[0].quantiles is not None
