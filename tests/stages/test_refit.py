"""`hindcast refit` says what it compares, and refuses a moment that is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from hindcast.stages import refit


def test_its_help_says_what_stays_and_when(capsys: pytest.CaptureFixture[str]) -> None:
    assert refit.main(["--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    for part in ("--until", "refit.holdout", "exit code 3", "goes on after a kill"):
        assert part in shown, shown


def test_a_moment_that_is_none_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    params = Path(__file__).parents[2] / "params.yaml"
    monkeypatch.chdir(tmp_path)
    assert refit.main(["--params", str(params), "--until", "soon"]) == 1
    assert "--until soon: must be a date or a UTC timestamp" in capsys.readouterr().err


def test_without_a_judged_network_there_is_nothing_to_refit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    params = Path(__file__).parents[2] / "params.yaml"
    monkeypatch.chdir(tmp_path)
    assert refit.main(["--params", str(params)]) == 1
    assert "model.json is missing" in capsys.readouterr().err
