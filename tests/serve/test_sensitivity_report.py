"""Lines of the sensitivity table."""

from __future__ import annotations

from pathlib import Path

from hindcast.pipeline.serve.late_inputs import Scenario
from hindcast.pipeline.serve.sensitivity import ScenarioScore, SplitSensitivity
from hindcast.pipeline.serve.sensitivity_report import sensitivity_lines
from hindcast.pipeline.settings.params import load_params


def test_each_scenario_has_a_line_with_its_change_and_without_a_rival_there_is_no_skill(root: Path) -> None:
    params = load_params(root / "params.yaml", [])
    scores = (
        ScenarioScore(Scenario("recorded"), 2.0, 2.0, 1.0),
        ScenarioScore(Scenario("late", "weather", "6h", 1), 2.5, 2.0, 0.5),
        ScenarioScore(Scenario("missing", "meters"), None, None, 0.0),
    )
    with_rival = SplitSensitivity("test", "usage", 10, 20, scores, {"published": 4.0}, 0.0)
    lines = list(sensitivity_lines([with_rival], params))
    assert "10 rows of 20" in lines[1]
    assert "+25.0 %" in lines[4]
    assert "+37.5 %" in lines[4]
    assert "50.0%" in lines[4]
    assert "none" in lines[5]
    alone = SplitSensitivity("test", "usage", 10, 20, scores, {}, 0.0)
    assert "skill" not in "".join(sensitivity_lines([alone], params))
