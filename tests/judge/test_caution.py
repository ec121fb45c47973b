"""Scores that say nothing about the future say so."""

from __future__ import annotations

from pathlib import Path

import pytest

from hindcast.pipeline.files import write_json
from hindcast.pipeline.judge.stage_facts import cautions, departures
from hindcast.pipeline.settings.split import POLICY_NAMES
from hindcast.pipeline.settings.train import TrainSettings


@pytest.mark.parametrize("policy", POLICY_NAMES)
def test_every_policy_that_does_not_lie_in_time_has_its_caution(policy: str) -> None:
    lines = cautions(policy)
    assert bool(lines) == (policy not in {"chronological", "rolling_origin"})
    assert all(f"split.policy={policy}" in line for line in lines)


def test_a_network_of_other_settings_is_told_with_what_differs(tmp_path: Path) -> None:
    settings = TrainSettings(units=(16,), epochs=3)
    write_json(tmp_path / "model.json", {"train": settings.recipe()})
    same = settings.model_copy(update={"validation": "memory"})
    assert departures(tmp_path, same) == (), "what changes no result is no difference"
    (line,) = departures(tmp_path, settings.model_copy(update={"units": (8,), "epochs": 4}))
    assert "train.units was [16], now [8]; train.epochs was 3, now 4" in line
