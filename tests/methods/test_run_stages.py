"""Stages are run as a user runs them, and a failure is reported with the stage's message."""

from __future__ import annotations

from pathlib import Path

import pytest

from hindcast.pipeline.errors import TrainingError
from hindcast.pipeline.methods.run_stages import run_stages, write_simulated_settings


def test_a_stage_runs_in_the_folder_with_its_settings(tmp_path: Path) -> None:
    folder = tmp_path / "made"
    write_simulated_settings(folder)
    assert run_stages(folder, ("simulate",), ("simulate.games=1", "simulate.days=15")) > 0
    assert [path.name for path in (folder / "data/simulated").iterdir()] == ["game_01"]


def test_a_failure_has_the_message_of_the_stage(tmp_path: Path) -> None:
    write_simulated_settings(tmp_path / "made")
    with pytest.raises(TrainingError, match="stage pack failed") as caught:
        run_stages(tmp_path / "made", ("pack",))
    assert any("tables.json is missing" in fault for fault in caught.value.faults)
