"""The stage `simulate` from its command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hindcast.stages import simulate


def test_the_stage_writes_a_folder_for_each_game_and_prints_their_number(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    compose_text: Callable[..., str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "params.yaml").write_text(compose_text("simulate.days=60"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert simulate.main(["--set", "simulate.games=2", "--set", "simulate.customers=3"]) == 0
    out = capsys.readouterr().out
    assert "2 games with 6 customers" in out
    folders = sorted(path.name for path in (tmp_path / "data/simulated").iterdir())
    assert folders == ["game_01", "game_02"]
    files = sum(path.is_file() for path in (tmp_path / "data/simulated").rglob("*"))
    assert f"data/simulated/: {files} files" in out


def test_faults_of_other_sections_are_not_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = "simulate: {games: 1, customers: 1, days: 20}\nalign: {target: 5}\nraw: {sources: {}}\n"
    (tmp_path / "params.yaml").write_text(settings, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert simulate.main([]) == 0
    assert simulate.main(["--set", "simulate.days=1"]) == 1
    shown = capsys.readouterr().err
    assert "simulate.days" in shown
    assert "align" not in shown
