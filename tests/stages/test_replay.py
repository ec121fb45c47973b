"""The command `replay`: its lines, its exit codes, its folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from hindcast.pipeline.experiments import replay as module
from hindcast.pipeline.experiments.replay import Replayed
from hindcast.stages import replay


def test_its_help_says_what_it_proves(capsys: pytest.CaptureFixture[str]) -> None:
    assert replay.main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert "Nothing in the current folder is changed" in " ".join(shown.split())
    assert "hindcast replay HEAD~1" in shown


@pytest.mark.parametrize("difference", ["", "train: models/model.keras differs"])
def test_a_difference_keeps_the_folder_and_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], difference: str
) -> None:
    folder = tmp_path / "replayed"
    folder.mkdir()
    monkeypatch.setattr(module, "replay", lambda *_: Replayed(folder, 15, 31, difference))
    assert replay.main([]) == bool(difference)
    shown = capsys.readouterr().out
    assert (difference in shown) if difference else ("Equal: 15 outputs, 31 files, byte for byte." in shown)
    assert folder.exists() == bool(difference)


def test_a_missing_record_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert replay.main([]) == 1
    assert "reports/run.json is missing" in capsys.readouterr().err
