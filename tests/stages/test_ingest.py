"""The stage `ingest` from its command line: outputs, and a failure that keeps the last good ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from hindcast.stages import ingest

FILE = "Time,Coast,East\n2024-01-01 00:00:00+00:00,1,2\n2024-01-01 01:00:00+00:00,3,{}\n"


@pytest.fixture
def workspace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compose: Callable[..., dict[str, Any]]
) -> Path:
    """A folder with the settings of a wide data set and two small raw files, and the program in it."""
    params = compose("dataset=ercot", "raw.path=raw")
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/load_actual_a.csv").write_text(FILE.format(4), encoding="utf-8")
    forecast = "Issue_time,Forecast_time,Coast,East\n2023-12-31 18:00:00+00:00,2024-01-01 06:00:00+00:00,5,\n"
    (tmp_path / "raw/load_day_ahead_forecast_a.csv").write_text(forecast, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_stage_writes_its_outputs_and_prints_its_counts(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ingest.main([]) == 0
    shown = capsys.readouterr().out
    assert "data set ercot, raw.path raw" in shown
    assert "measured: 4 rows in 1 file" in shown
    assert "data/tables/" in shown
    assert (
        json.loads((workspace / "reports/ingest.json").read_text())["sources"]["operator"]["rows_stored"] == 2
    )
    assert (workspace / "data/tables/tables.json").is_file()
    assert (workspace / "data/quarantine/measured.parquet").is_file()


def test_a_failure_gives_a_short_error_and_keeps_the_last_good_outputs(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ingest.main([]) == 0
    before = {path: path.read_bytes() for path in (workspace / "data").rglob("*.parquet")}
    (workspace / "raw/load_actual_a.csv").write_text(FILE.format("many"), encoding="utf-8")
    capsys.readouterr()
    assert ingest.main([]) == 1
    shown = capsys.readouterr().err
    assert "raw.sources.measured: 1 of 4 rows are bad" in shown
    assert "load_actual_a.csv, line 3: 'many'" in shown
    assert "Traceback" not in shown
    assert {path: path.read_bytes() for path in (workspace / "data").rglob("*.parquet")} == before
    assert sorted(path.name for path in (workspace / "data").iterdir()) == ["notes", "quarantine", "tables"]


def test_help_shows_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert ingest.main(["--help"]) == 0
    assert "Example: hindcast ingest" in capsys.readouterr().out
