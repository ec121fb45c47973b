"""Networks retrained for scenarios: from changed tables, made once, each forecasting its own scenario."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from hindcast.pipeline.serve import retrained as module
from hindcast.pipeline.serve.late_inputs import Scenario
from hindcast.pipeline.serve.past_fit import PastFit
from hindcast.pipeline.serve.retrained import choose_retrained, retrain, write_changed
from hindcast.pipeline.serve.sensitivity import measure
from hindcast.pipeline.settings.params import load_params
from hindcast.pipeline.tables import read_manifest, read_table
from tests.serve.conftest import settings_of

MISSED = Scenario("missed", "weather", "", 1)
HOUR = 3600 * 10**9


@pytest.mark.parametrize("scenario", [MISSED, Scenario("late", "meters", "6h", 6 * HOUR)])
def test_changed_tables_hold_the_rows_of_the_scenario(
    stateful: Path, tmp_path: Path, scenario: Scenario
) -> None:
    tables = stateful / "data/tables"
    write_changed(tables, scenario, tmp_path / "changed")
    listing = read_manifest(tables)["sources"]
    for source, entry in listing.items():
        for group in entry["groups"]:
            before, after = (read_table(folder, source, group) for folder in (tables, tmp_path / "changed"))
            assert before is not None
            assert after is not None
            due = scenario.change({source: before})[source]
            assert len(after) == len(due) > 0
            for column in due.columns:
                assert np.array_equal(
                    after[column].to_numpy(),
                    due[column].to_numpy(),
                    equal_nan=due[column].dtype.kind == "f",
                )
            assert (len(due) < len(before)) == (source == scenario.source and scenario.kind == "missed")


def test_all_or_some_scenarios_are_chosen() -> None:
    chosen = [Scenario("recorded"), MISSED, Scenario("missing", "weather")]
    assert choose_retrained(chosen, ["all"]) == chosen[1:]
    assert choose_retrained(chosen, ["weather missing"]) == chosen[2:]
    assert not choose_retrained(chosen, [])


def test_a_retrained_network_forecasts_its_scenario_and_is_trained_once(
    stateful: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = shutil.copytree(stateful, tmp_path / "project")
    monkeypatch.chdir(project)
    params = load_params("params.yaml", settings_of("stateful")[1::2])
    scenarios = [MISSED, Scenario("missing", "meters")]
    without = retrain(params, Path(), [Scenario("missing", "weather")])
    assert not without.networks
    assert without.reasons["weather missing"].startswith("No group has a sequence")
    made = retrain(params, Path(), scenarios)
    assert list(made.networks) == [MISSED]
    assert made.reasons == {"meters missing": "without measured values there is nothing to learn from"}
    found = measure(params, Path(), [Scenario("recorded"), MISSED], made.networks)
    for part in found:
        names = [score.scenario.name for score in part.scores]
        assert names == ["as recorded", "weather: 1 run missed", "weather: 1 run missed, retrained"]
        assert part.scores[1].mae != part.scores[2].mae
        assert part.scores[1].network == part.scores[2].network > 0
    monkeypatch.setattr(module, "run_fits", _refuse)
    assert retrain(params, Path(), scenarios) == made
    assert not list((project / module.WORK).glob("*.tables"))


def _refuse(fits: list[PastFit], project: Path, work: str) -> None:
    raise AssertionError("it is trained already")
