"""Errors in money against a loop over the rows, and what the submitted quantiles are made from."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.judge import costs as module
from hindcast.pipeline.judge.calibration import FEWEST, Measured
from hindcast.pipeline.judge.costs import CollectedCosts, CostScores
from hindcast.pipeline.judge.scores import judge_table
from hindcast.pipeline.judge.table import Table
from hindcast.pipeline.settings.base import HOUR
from hindcast.pipeline.settings.params import Params, load_params
from tests.finished_workspace import SETTINGS
from tests.judge.mock_judged import mock_table
from tests.judge.test_interval_columns import run


def params_with(folder: Path, cost: str) -> Params:
    return load_params(folder / "params.yaml", [*SETTINGS, f"evaluate.cost={cost}"])


def scored(
    table: Table, params: Params, monkeypatch: pytest.MonkeyPatch, moment: int | None = None
) -> tuple[Table, CostScores, dict[str, np.ndarray]]:
    """The costs of a table whose values are known two hours after they begin; those known after `moment` are others."""
    table, judgement = judge_table(table, ["published"], 7)
    row = np.flatnonzero(~np.isnan(table.actual))
    known, value = table.time[row] + 2 * HOUR, table.actual[row].astype(float)
    if moment is not None:
        value = np.where(known > moment, 1e6, value)
    monkeypatch.setattr(module, "values_of_rows", lambda *_: Measured(row, known, value))
    collected = CollectedCosts(params, Path())
    submitted = collected._at_level(table, ["model", "published"], params.evaluate.cost.level)  # type: ignore[union-attr]
    collected = CollectedCosts(params, Path())
    collected.add(table, judgement)
    return table, collected.found[0], submitted


def test_costs_are_those_of_a_loop_over_the_rows(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = mock_table(steps=24 * 30, series=2)
    table, found, submitted = scored(table, params_with(finished, "{over: 2, under: 6}"), monkeypatch)
    assert found.level == 0.75
    for name in ("model", "published"):
        total, without = 0.0, 0
        for row in np.flatnonzero(table.compared).tolist():
            value = submitted[name][row]
            if np.isnan(value):
                value, without = float(table.forecasts[name][row]), without + 1
            error = value - float(table.actual[row])
            total += 2 * error if error > 0 else -6 * error
        cost = found.costs[name]
        assert (cost.n, cost.without_quantile) == (int(table.compared.sum()), without)
        assert 0 < without < cost.n / 4
        assert cost.total == pytest.approx(total)
        assert cost.mean == pytest.approx(total / cost.n)
    mine, theirs = found.costs["model"].total, found.costs["published"].total
    assert found.savings["published"].mae.value == pytest.approx(1 - mine / theirs)


def test_a_quantile_is_submitted_and_costs_less_than_the_forecast(
    finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = mock_table(steps=24 * 60, series=2, holes=0)
    table, found, submitted = scored(table, params_with(finished, "{over: 1, under: 9}"), monkeypatch)
    kept = table.compared & ~np.isnan(submitted["model"])
    assert (table.actual <= submitted["model"])[kept].mean() == pytest.approx(0.9, abs=0.02)
    error = table.forecasts["model"].astype(float) - table.actual
    plain = np.where(error > 0, error, -9 * error)[table.compared].mean()
    assert found.costs["model"].mean < 0.9 * plain
    own = ~np.isnan(submitted["model"]) & (table.series == 0)
    first = table.origin[own].min()
    known = table.time[~np.isnan(table.actual)] + 2 * HOUR <= first
    assert known.sum() >= FEWEST


def test_values_known_after_an_origin_do_not_change_what_is_submitted(
    finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    params, table = params_with(finished, "{over: 40, under: 60}"), mock_table(steps=24 * 30, series=2)
    moment = int(np.median(table.origin))
    _, _, before = scored(table, params, monkeypatch)
    _, _, after = scored(table, params, monkeypatch, moment)
    early = table.origin <= moment
    for name in ("model", "published"):
        assert after[name][early].tobytes() == before[name][early].tobytes()
        assert not np.array_equal(after[name][~early], before[name][~early], equal_nan=True)


def test_equal_costs_are_those_of_the_forecasts_themselves(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(finished, tmp_path / "work"))
    monkeypatch.setattr(
        "tests.judge.test_interval_columns.INTERVALS", [*SETTINGS, "evaluate.cost={over: 3, under: 3}"]
    )
    run(folder)
    metrics = json.loads((folder / "reports/metrics.json").read_text())
    found = metrics["costs"]["test"]["usage"]
    frame = pd.read_parquet(folder / "reports/predictions.parquet")
    rows = frame[(frame["split"] == "test") & frame["compared"]]
    for name in ("model", "published", "published_corrected", "persistence"):
        expected = 3 * (rows[name].astype(float) - rows["actual"]).abs().mean()
        assert found["forecasters"][name]["mean"] == pytest.approx(expected)
    assert found["quantile"] == 0.5
    page = (folder / "reports/report.html").read_text(encoding="utf-8")
    assert "Errors in money" in page
    assert "costs" not in json.loads((finished / "reports/metrics.json").read_text())
    with pytest.raises(SettingsError, match=r"evaluate\.cost"):
        params_with(folder, "{over: 0, under: 3}")
