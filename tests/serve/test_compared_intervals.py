"""`certify --service` compares intervals and quantiles with the evaluated ones, and names what is planted."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.judge.calibration import Measured
from hindcast.pipeline.serve import past_forecasts
from hindcast.pipeline.serve.compared_intervals import TOLERANCE, allowed_gaps
from hindcast.pipeline.serve.service_check import check_service
from hindcast.pipeline.settings.params import load_params
from hindcast.stages import evaluate
from tests.serve.conftest import make_project, settings_of, write_settings

INTERVALS = ["--set", "evaluate.intervals=[0.5,0.8]"]
PREDICTIONS = Path("reports/predictions.parquet")


@pytest.fixture(scope="module")
def projects(stateful: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A network that carries state, and one of windows with quantiles; both are evaluated with intervals."""
    carrying = Path(shutil.copytree(stateful, tmp_path_factory.mktemp("carrying") / "project"))
    quantiles = Path(tmp_path_factory.mktemp("quantiles") / "project")
    quantiles.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(carrying)
        assert evaluate.main([*settings_of("stateful"), *INTERVALS]) == 0
        patch.setattr("tests.serve.conftest.write_settings", with_quantiles)
        make_project(quantiles, "windows")
    return {"stateful": carrying, "windows": quantiles}


def with_quantiles(path: Path, changes: list[str]) -> None:
    write_settings(
        path,
        [
            *changes,
            "train.quantiles=[0.1,0.5,0.9]",
            "train.loss=pinball",
            "evaluate.intervals=[0.5,0.8]",
            "simulate.days=50",
        ],
    )


def report(folder: Path, mode: str) -> dict[str, Any]:
    more = [*settings_of(mode), *INTERVALS][1::2] if mode == "stateful" else []
    return check_service(load_params("params.yaml", more), Path(), 3)


def found(result: dict[str, Any], name: str) -> dict[str, Any]:
    (check,) = [check for check in result["checks"] if check["name"] == name]
    return dict(check)


@pytest.mark.parametrize("mode", ["stateful", "windows"])
def test_intervals_and_quantiles_of_past_origins_are_the_evaluated_ones(
    mode: str, projects: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(projects[mode], tmp_path / "project"))
    monkeypatch.chdir(folder)
    frame = pd.read_parquet(PREDICTIONS)
    assert frame.query("split == 'test'")["model_low_80"].notna().any()
    result = report(folder, mode)
    assert result["passed"], result["failures"]
    compared = {name: found(result, name)["compared"] for name in ("intervals", "predictions", "delivered")}
    assert compared["intervals"] == 4 * compared["delivered"] > 0
    assert compared["predictions"] == compared["delivered"] * (4 if mode == "windows" else 1)

    read = past_forecasts.PastForecasts._read
    early = lambda self, target: known_at_once(read(self, target))  # noqa: E731
    monkeypatch.setattr(past_forecasts.PastForecasts, "_read", early)
    leaked = report(folder, mode)
    assert not leaked["passed"]
    assert [check["name"] for check in leaked["checks"] if not check["passed"]] == ["intervals"]
    assert "usage low_80" in found(leaked, "intervals")["differing"]
    monkeypatch.setattr(past_forecasts.PastForecasts, "_read", read)

    moved = ["model_high_50", *(["model_q0.9"] if mode == "windows" else [])]
    frame[moved] += np.float32(frame["actual"].std() / 100)
    frame.to_parquet(PREDICTIONS)
    result = report(folder, mode)
    assert set(found(result, "intervals")["differing"]) >= {"usage high_50"}
    assert bool(found(result, "predictions")["differing"]) == (mode == "windows")
    assert any("high_50 is" in text for text in found(result, "intervals")["examples"])

    frame.drop(columns=["model_low_80", "model_high_80"]).to_parquet(PREDICTIONS)
    with pytest.raises(FormatError, match=r"has the intervals low_50, high_50, evaluate\.intervals asks for"):
        report(folder, mode)


def known_at_once(past: Any) -> Any:
    """Earlier forecasts whose measured values were known before they were: a leak."""
    one = past.measured
    return past_forecasts._Past(
        past.group, past.series, past.origin, past.times, past.value, past.quantiles,
        Measured(one.row, past.origin[one.row], one.value),
    )  # fmt: skip


def test_the_allowed_difference_is_that_of_the_deviation_or_of_the_last_digits() -> None:
    evaluated = np.array([1.0, 1e9], np.float32)
    assert allowed_gaps(evaluated, 10.0).tolist() == [10 * TOLERANCE, 4 * 64.0]
    assert allowed_gaps(evaluated, 10.0, 3)[0] == pytest.approx(30 * TOLERANCE)
