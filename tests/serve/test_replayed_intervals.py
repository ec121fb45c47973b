"""The record of a forecast with intervals is replayed with them: from the raw files, or from the archive after these were overwritten."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from hindcast.pipeline.serve.replay_forecast import ReplayedForecast, replay_forecast
from hindcast.stages import evaluate, predict
from tests.serve.conftest import settings_of

SETTINGS = [*settings_of("stateful"), "--set", "evaluate.intervals=[0.5,0.8]"]
FIRST, ORIGIN = "2024-11-08T06:00Z", "2024-11-08T12:00Z"
NAME = Path("forecasts/20241108T1200Z.parquet")


@pytest.fixture(scope="module")
def served(stateful: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project evaluated up to a moment, which has served two origins since, with intervals."""
    folder = Path(shutil.copytree(stateful, tmp_path_factory.mktemp("served") / "project"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert evaluate.main(SETTINGS) == 0
        path = Path("reports/predictions.parquet")
        predictions = pd.read_parquet(path)
        predictions[predictions["origin"] <= pd.Timestamp("2024-11-07T00:00Z")].to_parquet(path)
        for origin in (FIRST, ORIGIN):
            assert predict.main([*SETTINGS, "--origin", origin]) == 0
    return folder


@pytest.fixture
def project(served: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = Path(shutil.copytree(served, tmp_path / "project"))
    monkeypatch.chdir(folder)
    return folder


def replayed(lines: list[str] | None = None) -> ReplayedForecast:
    return replay_forecast(NAME.with_name(f"{NAME.name}.json"), None, (lines or []).append)


def overwrite(since: str, until: str) -> None:
    """Multiply measured values between two moments in local time by 3."""
    for file in Path("data/simulated").glob("*/usage_*.csv"):
        table = pd.read_csv(file, dtype=str)
        hour = pd.to_datetime(table["hour"])
        here = (hour >= pd.Timestamp(since)) & (hour < pd.Timestamp(until))
        assert here.any()
        number = pd.to_numeric(table["kwh"], errors="coerce") * 3
        table.loc[here, "kwh"] = number[here].round(3).astype(str).replace("nan", "")
        table.to_csv(file, index=False)


def test_all_columns_are_made_again_from_the_raw_files(project: Path) -> None:
    table = pd.read_parquet(NAME)
    assert table[["low_50", "high_50", "low_80", "high_80"]].notna().all(axis=None)
    lines: list[str] = ["begin"]
    found = replayed(lines)
    assert not found.difference
    assert not found.notes
    assert "measured values of earlier forecasts: from the raw files" in lines
    record = NAME.with_name(f"{NAME.name}.json")
    content = json.loads(record.read_text(encoding="utf-8"))
    assert set(content["intervals"]) == {"forecasts", "measured"}
    del content["intervals"]
    record.write_text(json.dumps(content), encoding="utf-8")
    found = replayed()
    assert not found.difference
    assert any("an earlier version recorded too little" in note for note in found.notes)


def test_the_archive_has_what_was_overwritten_since(project: Path) -> None:
    overwrite("2024-11-06T00:00", "2024-11-08T08:00")
    lines: list[str] = ["begin"]
    found = replayed(lines)
    assert not found.difference
    assert "measured values of earlier forecasts: from the archive, older ones from the raw files" in lines


def test_what_cannot_be_made_again_is_named(project: Path) -> None:
    shutil.copytree(project, project.with_name("other"))
    (project / "forecasts/20241108T0600Z.parquet").unlink()
    found = replayed()
    assert found.difference.startswith("other earlier forecasts, from whose errors the intervals come")
    assert found.difference.endswith("all other columns are equal")
    shutil.copytree(project.with_name("other") / "forecasts", project / "forecasts", dirs_exist_ok=True)
    assert not replayed().difference
    record = json.loads(NAME.with_name(f"{NAME.name}.json").read_text(encoding="utf-8"))
    record["intervals"]["measured"] = "0" * 64
    NAME.with_name(f"{NAME.name}.json").write_text(json.dumps(record), encoding="utf-8")
    assert "other measured values of earlier forecasts" in replayed().difference


def test_a_changed_interval_is_named_by_its_column(project: Path) -> None:
    table = pd.read_parquet(NAME)
    table["high_80"] += 1
    table.to_parquet(NAME)
    assert "was changed after it was delivered" in replayed().difference
