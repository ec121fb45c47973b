"""`hindcast sensitivity` writes its files and says what is wrong with its options."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hindcast.pipeline.serve import sensitivity as measured
from hindcast.pipeline.serve.late_inputs import Scenario
from hindcast.pipeline.serve.sensitivity import ScenarioScore, SplitSensitivity
from hindcast.stages import sensitivity


def test_the_help_shows_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert sensitivity.main(["--help"]) == 0
    assert "--missed" in capsys.readouterr().out


def test_a_delay_that_is_no_duration_is_named(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_bytes((root / "params.yaml").read_bytes())
    assert sensitivity.main(["--delay", "soon", "--delay", "x"]) == 1
    shown = capsys.readouterr().err
    assert "--delay soon: must be a duration" in shown
    assert "--delay x" in shown


def test_a_scenario_to_retrain_for_must_be_one(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_bytes((root / "params.yaml").read_bytes())
    assert sensitivity.main(["--missed", "1", "--retrain", "weather gone"]) == 1
    shown = capsys.readouterr().err
    assert "--retrain takes all, or the name of a scenario" in shown
    assert "found 'weather gone'" in shown


def test_the_files_have_every_scenario(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_bytes((root / "params.yaml").read_bytes())
    monkeypatch.setattr(measured, "measure", _measure)
    assert sensitivity.main(["--delay", "6h", "--missed", "1"]) == 0
    shown = capsys.readouterr().out
    assert "weather: 1 run missed" in shown
    assert "+25.0 %" in shown
    found = json.loads(Path("reports/sensitivity.json").read_text(encoding="utf-8"))
    (part,) = found["splits"]
    first, second, *_, last = part["scenarios"]
    assert first["change"] == 0
    assert first["skill"] == pytest.approx(0.2)
    assert second["mae"] == 5.0
    assert last["mae"] is None
    page = Path("reports/sensitivity.html").read_text(encoding="utf-8")
    assert "weather: 1 run missed" in page
    assert "width: 80.0%" in page


def _measure(
    params: object, folder: Path, chosen: tuple[Scenario, ...], networks: dict[Scenario, Path]
) -> list[SplitSensitivity]:
    assert not networks
    mae = [4.0, *[5.0] * (len(chosen) - 2), None]
    scores = tuple(
        ScenarioScore(scenario, error, error, 1.0) for scenario, error in zip(chosen, mae, strict=True)
    )
    return [SplitSensitivity("test", "usage", 90, 100, scores, {"published": 5.0}, 0.0)]
