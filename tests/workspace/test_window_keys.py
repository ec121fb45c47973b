"""Names of windows, and the rows of their predictions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import hindcast
from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.workspace.origin_windows import WindowRequest, cut_windows
from hindcast.pipeline.workspace.window_keys import WindowKeys


def test_forecasts_are_the_scored_steps_with_their_keys(daily: Path) -> None:
    with hindcast.open(daily) as work:
        windows = cut_windows(work.dataset, WindowRequest("test", 24))
        keys = WindowKeys.of(windows, work.dataset, "usage")
        assert (
            keys.frame["unique_id"].iloc[0]
            == f"game_01/customer_001|{keys.frame['origin'].iloc[0]:%Y-%m-%dT%H:%M:%SZ}"
        )
        values = np.arange(windows.scored.size, dtype=np.float64).reshape(windows.scored.shape)
        rows = keys.forecasts({"value": values})
        assert rows["value"].tolist() == values[windows.scored].tolist()
        assert (rows["valid_time"] >= rows["origin"]).all()
        assert not rows.duplicated(["group", "series", "valid_time"]).any()
        with pytest.raises(FormatError, match=r"value has the shape \(1, 1\), but there are"):
            keys.forecasts({"value": np.zeros((1, 1))})
        crossed = keys.forecasts({"value": values, "q0.9": values - 1, "q0.1": values + 1})
        assert (crossed["q0.9"] - crossed["q0.1"] == 2).all()
        several = WindowKeys(keys.frame, keys.scored, keys.frequency, "usage")
        assert set(several.forecasts({"value": values})["target"]) == {"usage"}
