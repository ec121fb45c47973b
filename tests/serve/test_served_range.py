"""A range of origins does not stop at one without a value, and gives the forecasts of single calls."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from hindcast.stages import predict


@pytest.fixture
def project(stateful: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = Path(shutil.copytree(stateful, tmp_path / "project"))
    monkeypatch.chdir(folder)
    return folder


BEFORE, ORIGIN = "2023-01-01T12:00Z..2023-01-01T13:00Z", "2024-11-08T12:00Z"


def test_the_origins_after_one_without_a_value_are_forecast_and_it_is_named(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict.main(["--origin", BEFORE, "--origin", ORIGIN]) == 1
    shown = capsys.readouterr()
    assert [path.name for path in Path("forecasts").glob("*.parquet")] == ["20241108T1200Z.parquet"]
    assert "forecasts/20241108T1200Z.parquet" in shown.out
    assert "Nothing can be forecast at 2 of 3 origins, for which no file was written." in shown.err
    assert "  - 2023-01-01T12:00:00Z: no row was known then" in shown.err
    assert "  - 2023-01-01T13:00:00Z: no row was known then" in shown.err
    assert "Traceback" not in shown.err
    assert pd.read_parquet("forecasts/20241108T1200Z.parquet")["value"].notna().all()
    assert predict.main(["--origin", ORIGIN]) == 0
    capsys.readouterr()
    assert predict.main(["--origin", BEFORE]) == 1
    shown = capsys.readouterr()
    assert not shown.out
    assert "Nothing can be forecast at 2 of 2 origins" in shown.err
