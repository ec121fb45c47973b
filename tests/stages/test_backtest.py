"""`hindcast backtest` names all faults of its options at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from hindcast.stages import backtest

PARAMS = Path(__file__).parents[2] / "params.yaml"


def test_its_help_shows_the_options_and_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert backtest.main(["--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    for part in ("--from", "--to", "--retrain", "--window", "sliding:365d", "goes on after a kill"):
        assert part in shown, shown


def test_all_faults_of_its_options_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [
        "--params",
        str(PARAMS),
        "--from",
        "spring",
        "--to",
        "x",
        "--retrain",
        "0d",
        "--window",
        "sliding",
    ]
    assert backtest.main(words) == 1
    shown = capsys.readouterr().err
    for part in (
        "--from spring: must be",
        "--to x: must be",
        "--retrain 0d: must be longer",
        "--window sliding:",
    ):
        assert part in shown, shown
    assert backtest.main(["--params", str(PARAMS), "--from", "2024-10-01", "--window", "wide"]) == 1
    assert "--window wide: must be expanding, or sliding:365d" in capsys.readouterr().err


def test_a_split_that_does_not_hold_out_the_newest_part_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["--params", str(PARAMS), "--set", "split={policy: by_series}", "--from", "2024-10-01"]
    assert backtest.main(words) == 1
    assert "split.policy must be chronological or rolling_origin" in capsys.readouterr().err
