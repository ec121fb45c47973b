"""The frames for NeuralForecast, against the steps of the workspace; predictions become a file that is judged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import hindcast
from hindcast.pipeline.errors import FormatError, LeakError
from hindcast.pipeline.feed.scored_rows import rows_of, scored_spans
from hindcast.pipeline.judge.foreign_forecasts import read_forecasts
from hindcast.pipeline.workspace.opened import Workspace


@pytest.fixture(scope="module")
def work(daily: Path) -> Iterator[Workspace]:
    with hindcast.open(daily) as opened:
        yield opened


def test_a_training_series_is_the_history_and_the_covered_steps_of_one_origin(work: Workspace) -> None:
    data = work.to_neuralforecast(
        lookback=48, past_only=["usage_recent_1"] if "usage_recent_1" in work.features.index else []
    )
    assert data.futr_df is None
    features = set(work.features.index[work.features["part"] != "static"])
    assert set(data.df.columns) == {"unique_id", "ds", "y", "available_mask", *features}
    assert data.arguments["step_size"] == data.arguments["h"] + data.arguments["input_size"] == 72
    assert set(data.arguments["futr_exog_list"]) | set(data.arguments["hist_exog_list"]) == features
    assert not data.df.isna().any().any()
    assert data.keys["unique_id"].is_unique
    for number in (0, len(data.keys) // 2, len(data.keys) - 1):
        key = data.keys.iloc[number]
        steps = work.steps(key["group"], key["series"])
        own = data.df[data.df["unique_id"] == key["unique_id"]].reset_index(drop=True)
        assert len(own) == 72
        assert own["ds"].diff().dropna().eq(pd.Timedelta("1h")).all()
        assert own["ds"][48] == key["start"].tz_localize(None)
        stored = steps.reindex(own["ds"].dt.tz_localize("UTC"))
        covered = (stored["origin"] == key["origin"]).to_numpy()
        assert covered[48 : 48 + key["steps"]].all()
        assert not covered[:48].any()
        real = slice(int((own["ds"] < steps.index[0].tz_localize(None)).sum()), 48 + key["steps"])
        for name in features:
            np.testing.assert_array_equal(own[name][real], stored[name].to_numpy()[real])
        counts = own["available_mask"].to_numpy() > 0
        np.testing.assert_array_equal(own["y"][counts], stored["usage"].to_numpy()[counts])
        assert not counts[
            40:48
        ].all()  # the last hours before the first covered step were not known at the origin


def test_test_windows_hold_no_target_of_their_own(work: Workspace) -> None:
    data = work.to_neuralforecast("test", lookback=48)
    assert data.futr_df is not None
    assert len(data.df) == 48 * len(data.keys)
    assert len(data.futr_df) == 24 * len(data.keys)
    assert "y" not in data.futr_df
    assert data.freq == "h"
    last = data.df.groupby("unique_id", sort=False)["ds"].max() + pd.Timedelta("1h")
    first = data.futr_df.groupby("unique_id", sort=False)["ds"].min()
    assert (last == first).all()


def test_predictions_become_a_file_with_every_scored_row(work: Workspace, tmp_path: Path) -> None:
    parts = []
    for split in ("validation", "test"):
        data = work.to_neuralforecast(split, lookback=24)
        assert data.futr_df is not None
        predicted = data.futr_df[["unique_id", "ds"]].sample(frac=1, random_state=1)
        parts.append(data.forecasts(predicted.assign(Model=1.5, low=1.0), "Model", {0.1: "low"}))
    frame = pd.concat(parts)
    assert frame.columns.tolist() == ["group", "series", "origin", "valid_time", "value", "q0.1"]
    frame.to_csv(tmp_path / "forecasts.csv", index=False)
    found = read_forecasts(tmp_path / "forecasts.csv", work.dataset, ("validation", "test"))
    for split in ("validation", "test"):
        missing = np.isnan(found.values[split][:, 0, 0])  # noqa: PD011 (no DataFrame)
        spans = scored_spans(work.dataset, split)
        rows = rows_of(work.dataset, spans, np.flatnonzero(missing))
        assert missing.sum() < 0.1 * len(missing)
        assert (rows.step < 48).all()  # the first origins of a sequence, whose history has no known target
    assert found.levels == (0.1,)


def test_predictions_of_other_windows_are_refused(work: Workspace) -> None:
    data = work.to_neuralforecast("test", lookback=24)
    assert data.futr_df is not None
    predicted = data.futr_df[["unique_id", "ds"]].assign(A=1.0, B=2.0)
    with pytest.raises(FormatError, match="have the columns A, B: name one"):
        data.forecasts(predicted)
    with pytest.raises(FormatError, match="have no column C; their columns: A, B"):
        data.forecasts(predicted, "C")
    with pytest.raises(FormatError, match=r"have no value at \d+ steps of the windows"):
        data.forecasts(predicted.iloc[10:], "A")


def test_only_certified_data_is_given(daily: Path, tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "copy"
    shutil.copytree(daily, folder, ignore=shutil.ignore_patterns("simulated", ".hindcast"))
    scaler = folder / "data/scaler.json"
    scaler.write_bytes(scaler.read_bytes() + b"\n")
    with hindcast.open(folder) as opened:
        with pytest.raises(LeakError, match=r"scaler\.json is not the file that"):
            opened.to_neuralforecast()
        with pytest.raises(LeakError, match=r"scaler\.json is not the file that"):
            opened.to_torch(opened.windows())


def test_names_that_may_not_be_past_only_are_refused(work: Workspace) -> None:
    with pytest.raises(FormatError, match="past_only names nothing_such; it may name"):
        work.to_neuralforecast(past_only=["nothing_such"])
