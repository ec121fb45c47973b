"""Scenarios of a project: as recorded is what evaluation saw, and changed inputs change what they should."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hindcast.pipeline.errors import MissingInputError
from hindcast.pipeline.serve.late_inputs import Scenario, scenarios
from hindcast.pipeline.serve.sensitivity import SplitSensitivity, measure
from hindcast.pipeline.serve.sensitivity_report import rival_of
from hindcast.pipeline.settings.base import Duration
from hindcast.pipeline.settings.params import load_params
from tests.serve.conftest import settings_of

HOUR = 3600 * 10**9


def test_as_recorded_is_evaluation_and_missing_sources_fall_back(
    stateful: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(stateful)
    params = load_params("params.yaml", settings_of("stateful")[1::2])
    chosen = tuple(scenarios(params, [Duration.parse("24h")], [1]))
    found = measure(params, Path(), chosen)
    assert [(part.split, part.target) for part in found] == [("validation", "usage"), ("test", "usage")]
    predictions = pd.read_parquet("reports/predictions.parquet")
    for part in found:
        scores = {score.scenario.name: score for score in part.scores}
        own = predictions[(predictions["split"] == part.split) & predictions["compared"]]
        assert part.rows == part.compared == len(own)
        recorded = scores["as recorded"]
        assert recorded.network == 1
        assert part.difference < 1e-3
        assert recorded.mae == pytest.approx((own["model"] - own["actual"]).abs().mean(), rel=1e-3)
        assert part.unshifted["published"] == pytest.approx(
            (own["published"] - own["actual"]).abs().mean(), rel=1e-5
        )
        assert rival_of(part) == "published"
        missing = scores["weather missing"]
        assert missing.network == 0
        assert missing.mae == pytest.approx(part.unshifted["published"], rel=1e-5), (
            "the first fallback is not changed"
        )
        assert scores["operator missing"].mae != missing.mae, "without it, the next fallback is used"
        assert scores["weather: 1 run missed"].mae != recorded.mae
        assert all(score.mae is not None for score in part.scores)


def test_a_delay_that_no_origin_notices_changes_nothing(
    stateful: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(stateful)
    params = load_params("params.yaml", settings_of("stateful")[1::2])
    found = measure(params, Path(), [Scenario("recorded"), Scenario("late", "meters", "1h", HOUR)])
    for part in found:
        first, second = part.scores
        assert first.mae == second.mae, "the lag of 48 h is known 23 h before the origin"


def test_without_an_evaluation_there_is_nothing_to_compare(
    stateful: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(stateful, tmp_path / "project"))
    (folder / "reports/predictions.parquet").unlink()
    monkeypatch.chdir(folder)
    params = load_params("params.yaml", settings_of("stateful")[1::2])
    with pytest.raises(MissingInputError, match="run the stage `evaluate`"):
        measure(params, folder, [Scenario("recorded")])


def test_rows_are_those_that_every_scenario_with_values_has() -> None:
    part = SplitSensitivity("test", "usage", 0, 5, (), {"persistence": 3.0, "trees": 2.0}, 0.0)
    assert rival_of(part) == "trees"
    assert rival_of(SplitSensitivity("test", "usage", 0, 5, (), {}, np.nan)) == ""
