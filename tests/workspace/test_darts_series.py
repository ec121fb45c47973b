"""The TimeSeries for darts: what is in them, with a stand-in for the library. `make adapters` runs the real one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

import hindcast
from hindcast.pipeline.errors import FormatError, MissingInputError
from hindcast.pipeline.workspace.opened import Workspace


@dataclass
class TimeSeries:
    """The part of the library's class that is used."""

    times: pd.DatetimeIndex
    numbers: Any
    columns: list[str]
    static: pd.DataFrame | None

    @classmethod
    def from_times_and_values(
        cls, times: Any, values: Any, freq: Any, columns: Any, static_covariates: Any
    ) -> TimeSeries:
        assert times.freq == freq
        assert times.tz is None
        assert values.shape == (len(times), len(columns))
        return cls(times, values, columns, static_covariates)

    def __len__(self) -> int:
        return len(self.times)

    def all_values(self) -> Any:
        return self.numbers[:, :, None] if self.numbers.ndim == 2 else self.numbers


@pytest.fixture
def work(daily: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    module = ModuleType("darts")
    module.TimeSeries = TimeSeries  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "darts", module)
    with hindcast.open(daily) as opened:
        yield opened


def test_series_hold_what_the_frames_for_neuralforecast_hold(work: Workspace) -> None:
    chosen = work.features.index[work.features["part"] == "history"].tolist()[:1]
    for split in ("train", "test"):
        ours = work.to_darts(split, lookback=24, past_only=chosen)
        frames = work.to_neuralforecast(split, lookback=24, past_only=chosen)
        assert ours.keys["unique_id"].tolist() == frames.keys["unique_id"].tolist()
        assert ours.arguments == {"input_chunk_length": 24, "output_chunk_length": 24}
        assert ours.past_covariates is not None
        assert (ours.sample_weight is None) == (split == "test")
        future = frames.arguments["futr_exog_list"]
        for place in (0, len(ours.series) - 1):
            own = frames.df[frames.df["unique_id"] == frames.keys["unique_id"][place]]
            series, covariates = ours.series[place], ours.future_covariates[place]
            assert series.times.tolist() == own["ds"].tolist()
            np.testing.assert_array_equal(series.numbers[:, 0], own["y"])
            assert covariates.columns == [*future, "usage_known"]
            np.testing.assert_array_equal(covariates.numbers[: len(own), :-1], own[future])
            np.testing.assert_array_equal(covariates.numbers[:24, -1], own["available_mask"][:24])
            assert len(covariates) == 48
            assert not covariates.numbers[24:, -1].any()
            np.testing.assert_array_equal(ours.past_covariates[place].numbers, own[chosen][:24])
            if ours.sample_weight is not None:
                weights = ours.sample_weight[place]
                assert weights.times[0] == series.times[24]
                np.testing.assert_array_equal(weights.numbers[:, 0] > 0, own["available_mask"][24:] > 0)


def test_predictions_and_their_quantiles_become_rows(work: Workspace) -> None:
    data = work.to_darts("test", lookback=24)
    assert set(data.covariates) == {"future_covariates"}
    samples = np.broadcast_to(np.arange(11.0), (24, 1, 11))
    predicted = [TimeSeries(each.times[:24], samples, ["usage"], None) for each in data.series]
    rows = data.forecasts(predicted, [0.9, 0.1])
    assert rows.columns.tolist() == ["group", "series", "origin", "valid_time", "value", "q0.1", "q0.9"]
    assert rows[["value", "q0.1", "q0.9"]].drop_duplicates().to_numpy().tolist() == [[5.0, 1.0, 9.0]]
    with pytest.raises(FormatError, match="There must be a prediction of 24 steps for each of"):
        data.forecasts(predicted[1:])


def test_without_the_library_it_is_named(daily: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "darts", None)
    with hindcast.open(daily) as work, pytest.raises(MissingInputError, match="darts cannot be imported"):
        work.to_darts()
