"""A row from the future is named with its file and line, and never chooses the default origin."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hindcast.pipeline.serve.future_stamps import CLOCKS, rows_ahead
from hindcast.stages import predict
from tests.align.mock import DAY, HOUR, START, mock_frames, mock_params
from tests.serve.conftest import settings_of


def test_stamps_count_and_declared_times_do_not() -> None:
    chosen = mock_params()
    frames = mock_frames(1, hours=72)
    limit = START + 30 * HOUR
    found = {each.source: each for each in rows_ahead(frames, chosen, "here", limit)}
    stamped = {"weather": "issue_time", "meter": "known_time", "tide": "known_time", "estimate": "known_time"}
    assert set(found) == set(stamped), "`model` declares when its rows are known"
    for name, column in stamped.items():
        late = frames[name][frames[name][column] > limit]
        assert (found[name].rows, found[name].latest) == (len(late), late[column].max())
    assert not rows_ahead(frames, chosen, "here", START + 100 * DAY)


def test_a_row_from_the_future_is_named_and_an_origin_overrides(
    stateful: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(stateful, tmp_path / "project"))
    monkeypatch.chdir(folder)
    assert predict.main(settings_of("stateful")) == 0
    (first,) = Path("forecasts").glob("*.parquet")
    file = Path("data/simulated/game_02/forecast_market.csv")
    table = pd.read_csv(file)
    line = len(table) + 2
    issued = pd.Timestamp.now(tz="UTC").floor("h") + pd.Timedelta("400D")
    last = table.iloc[[-1]].assign(issued=issued.strftime(_style(table["issued"].iloc[0])))
    pd.concat([table, last]).to_csv(file, index=False)
    capsys.readouterr()
    assert predict.main(settings_of("stateful")) == 1
    shown = capsys.readouterr().err
    assert "1 row issued later than now" in shown
    assert f"game_02/forecast_market.csv, line {line}, stamped {issued.strftime('%Y-%m-%dT%H')}" in shown
    assert "--origin" in shown
    origin = pd.Timestamp(first.stem[:14])
    assert predict.main([*settings_of("stateful"), "--origin", origin.isoformat()]) == 0
    assert [path.name for path in Path("forecasts").glob("*.parquet")] == [first.name]


def test_the_default_origin_is_not_later_than_the_clock(
    stateful: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hindcast.pipeline.serve.forecaster import open_forecaster
    from hindcast.pipeline.settings.params import load_params

    monkeypatch.chdir(stateful)
    forecaster = open_forecaster(load_params("params.yaml", settings_of("stateful")[1::2]), Path())
    newest = forecaster.newest()[-1].origin
    frames = forecaster._rows.read("game_01")
    monkeypatch.setattr("hindcast.pipeline.serve.wanted_origins.rows_ahead", lambda *_: [])
    assert forecaster.newest(newest)[-1].origin == newest
    earlier = forecaster.newest(newest - 6 * HOUR - CLOCKS)[-1].origin
    assert newest - 30 * HOUR < earlier <= newest - 6 * HOUR
    assert np.max([frame["known_time"].max() for frame in frames.values()]) > earlier


def _style(text: str) -> str:
    return (
        "%Y-%m-%dT%H:%M:%SZ"
        if "T" in text and text.endswith("Z")
        else "%Y-%m-%d %H:%M:%S"
        if len(text) > 16
        else "%Y-%m-%d %H:%M"
    )
