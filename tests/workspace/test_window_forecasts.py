"""Predictions of windows as rows: every scored step once, with the origin of the data set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hindcast
from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.judge.foreign_forecasts import read_forecasts
from hindcast.pipeline.workspace import window_forecasts as module
from hindcast.pipeline.workspace.window_forecasts import window_forecasts


def test_rows_are_the_windows_in_the_order_of_the_stream(
    daily: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BLOCK", 5)
    with hindcast.open(daily) as work:
        stream = work.windows("test", lookback=3, batch_size=64, shuffle=True, seed=4)
        actual = np.concatenate([stream[number][1]["usage"][:, 0] for number in range(len(stream))])
        rows = window_forecasts(stream, {"value": actual})
        assert not rows["valid_time"].is_monotonic_increasing
        row: Any
        for row in rows.iloc[::97].itertuples():
            step = work.steps(row.group, row.series).loc[row.valid_time]
            assert step["origin"] == row.origin
            assert np.isnan(step["usage"]) or np.float32(step["usage"]) == np.float32(row.value)
        validation = work.windows("validation", lookback=3)
        rows.to_csv(tmp_path / "forecasts.csv", index=False)
        found = read_forecasts(tmp_path / "forecasts.csv", work.dataset, ("validation", "test"))
        assert not np.isnan(found.values["test"]).any()
        with pytest.raises(FormatError, match=r"value has 3 numbers, but the stream has .* windows"):
            window_forecasts(validation, {"value": np.zeros(3)})
