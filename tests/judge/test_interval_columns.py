"""Intervals of a whole evaluation: metrics, predictions and report, and each bound again from the files alone."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hindcast.pipeline.arrays import Values
from hindcast.pipeline.feed.scored_rows import Spans, rows_of
from hindcast.pipeline.judge.calibration import FEWEST
from hindcast.pipeline.judge.evaluation import Evaluation, evaluate
from hindcast.pipeline.judge.interval_columns import base_bounds
from hindcast.pipeline.settings.params import load_params
from hindcast.pipeline.store.reader import Dataset
from tests.finished_workspace import SETTINGS

INTERVALS = [*SETTINGS, "evaluate.intervals=[0.5,0.8]"]


def test_the_bounds_are_the_quantiles_next_to_those_of_the_interval() -> None:
    quantiles = np.arange(10, dtype=np.float32).reshape(2, 5)
    levels, value = (0.05, 0.1, 0.5, 0.8, 0.9), quantiles[:, 2]
    low, high = base_bounds(value, quantiles, levels, (0.5, 0.8, 0.98))
    assert low.tolist() == [[1, 1, 0], [6, 6, 5]]
    assert high.tolist() == [[3, 4, 4], [8, 9, 9]]
    for given in (None, quantiles[:, 2:3]):
        low, high = base_bounds(value, given, (0.5,) if given is not None else (), (0.8,))
        assert low.tolist() == high.tolist() == [[2], [7]]
    low, high = base_bounds(value, quantiles[:, :2], (0.8, 0.9), (0.5,))
    assert (low < high).all(), "two different quantiles, even where both lie on one side"


@pytest.fixture(scope="module")
def judged(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Evaluation]:
    """A workspace evaluated with intervals, with a model that is the published forecast plus one."""
    folder = Path(shutil.copytree(finished, tmp_path_factory.mktemp("judged") / "work"))
    return folder, run(folder)


def run(folder: Path) -> Evaluation:
    params = load_params(folder / "params.yaml", INTERVALS)
    with Dataset(folder / "data/dataset.h5") as dataset:

        def published(split: str, spans: Spans) -> Values:
            rows = rows_of(dataset, spans, np.arange(len(spans)))
            values: Values = dataset.read("published", rows.sample)[np.arange(len(rows)), rows.offset]
            return np.nan_to_num(values) + np.float32(1)

        return evaluate(dataset, published, params, folder, {})


def test_bounds_are_those_that_the_tables_give(judged: tuple[Path, Evaluation]) -> None:
    folder, _ = judged
    frame = pd.read_parquet(folder / "reports/predictions.parquet")
    known = known_times(folder)
    frame["known"] = [
        known[key] for key in zip(frame["group"], frame["series"], frame["valid_time"], strict=True)
    ]
    frame["error"] = frame["actual"].astype(float) - frame["model"].astype(float)
    test = frame[frame["split"] == "test"]
    test = test[
        test["origin"] >= test["origin"].median()
    ]  # from then on every series has enough errors of its own
    checked = 0
    rows: list[Any] = list(test.iloc[:: len(test) // 25].itertuples())
    for row in rows:
        past = frame[(frame["known"] <= row.origin) & (frame["origin"] < row.origin)]
        own = past[(past["group"] == row.group) & (past["series"] == row.series)]
        assert len(own) >= FEWEST
        rank = math.ceil(0.9 * (len(own) - 1))
        sizes = np.array([own["actual"][own["known"] <= moment].abs().mean() for moment in own["known"]])
        error, size = own["error"].to_numpy(), own["actual"].abs().mean()
        low, high = (
            row.model - np.sort(-error / sizes)[rank] * size,
            row.model + np.sort(error / sizes)[rank] * size,
        )
        # the correction of the width is the same for all series of a group at an origin
        assert row.model_low_80 + row.model_high_80 == pytest.approx(low + high, rel=1e-4)
        assert 0.5 < (row.model_high_80 - row.model_low_80) / (high - low) < 2
        assert row.model_low_80 <= row.model_low_50 <= row.model_high_50 <= row.model_high_80
        checked += 1
    assert checked > 20


def known_times(folder: Path) -> dict[tuple[str, str, Any], Any]:
    """When each measured value became known, from the table of the source."""
    found = {}
    for path in (folder / "data/tables/meters").glob("*.parquet"):
        table = pd.read_parquet(path)
        for series, valid, known in zip(
            table["series"], table["valid_time"], table["known_time"], strict=True
        ):
            found[path.stem, series, valid] = known
    return found


def test_metrics_report_and_console_have_the_intervals(judged: tuple[Path, Evaluation]) -> None:
    folder, evaluation = judged
    metrics = json.loads((folder / "reports/metrics.json").read_text())
    found = metrics["intervals"]["test"]["usage"]
    assert set(found) == {"0.5", "0.8", "crps"}
    frame = pd.read_parquet(folder / "reports/predictions.parquet")
    rows = frame[(frame["split"] == "test") & frame["compared"] & frame["model_low_80"].notna()]
    inside = (rows["model_low_80"] <= rows["actual"]) & (rows["actual"] <= rows["model_high_80"])
    assert found["0.8"]["model"]["coverage"] == pytest.approx(inside.mean())
    assert found["0.8"]["model"]["width"] == pytest.approx(
        (rows["model_high_80"] - rows["model_low_80"]).mean(), rel=1e-5
    )
    assert 0.6 < inside.mean() < 0.95
    assert found["0.8"]["published"]["interval_score"] > 0
    assert found["0.8"]["rows"] + found["0.8"]["rows_without"] == metrics["test"]["usage"]["model"]["n"]
    assert found["crps"]["scores"]["model"] < metrics["test"]["usage"]["model"]["mae"]
    page = (folder / "reports/report.html").read_text(encoding="utf-8")
    assert "<h2>Intervals</h2>" in page
    (judgement, _), *_ = evaluation.answers
    assert [each.nominal for each in judgement.intervals] == [0.5, 0.8]
    first = metrics["intervals"]["validation"]["usage"]["0.8"]
    assert first["rows_without"] > 0, "the first days of validation have too few known errors"


def test_without_the_setting_nothing_changes_and_with_it_bytes_are_the_same_twice(
    judged: tuple[Path, Evaluation], finished: Path, tmp_path: Path
) -> None:
    plain = json.loads((finished / "reports/metrics.json").read_text())
    folder, _ = judged
    with_intervals = json.loads((folder / "reports/metrics.json").read_text())
    del with_intervals["intervals"]
    assert with_intervals == plain
    again = Path(shutil.copytree(folder, tmp_path / "again"))
    before = {path.name: path.read_bytes() for path in (again / "reports").glob("*.*")}
    run(again)
    assert {path.name: path.read_bytes() for path in (again / "reports").glob("*.*")} == before
