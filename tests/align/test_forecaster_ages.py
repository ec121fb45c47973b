"""The age of each forecaster's value against a search for the value itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hindcast.pipeline.align.forecaster_ages import forecaster_ages
from hindcast.pipeline.align.group_inputs import prepare_group
from hindcast.pipeline.align.track import read_track
from hindcast.pipeline.forecasters import STORED
from hindcast.pipeline.settings.gates import NO_ORIGIN
from tests.align.mock import DAY, HOUR, mock_frames, mock_params


@pytest.mark.parametrize("origin", [{"before": "5h"}, {"every": "6h", "from": "1h", "for": "20h"}])
@pytest.mark.parametrize("seed", range(3))
def test_an_age_is_that_of_the_value_that_is_taken(seed: int, origin: dict[str, Any]) -> None:
    params = mock_params(
        sources=("model", "meter"),
        origin=origin,
        published={"usage": "guess"},
        features={"forecast": [], "recent": {"usage": 1}},
    )
    every = mock_frames(seed, hours=24 * 16, missing=0.05, revised=0.2)
    frames = {name: every[name] for name in ("model", "meter")}
    group = prepare_group(frames, params, "here")
    grid, realized = group.grid, group.realized["usage"]
    compared = dict.fromkeys(("published", "persistence", "seasonal_24h", "seasonal_168h"), 0)
    for number in range(params.align.origin.tracks):
        track = read_track(group, number)
        steps = np.flatnonzero(track.origin != NO_ORIGIN)[::7]
        found = forecaster_ages(group, number, steps)
        assert found.shape == (len(steps), 1, len(STORED) + 1)
        for row, step in enumerate(steps.tolist()):
            known = track.origin[step]
            for at, name in enumerate((*STORED, "published")):
                value = track.published[step, 0] if name == "published" else track.baseline[step, 0, at]
                if name.startswith("reference") or np.isnan(value):
                    continue
                if name == "published":
                    rows = frames["model"]
                    rows = rows[
                        (rows["known_time"] <= known)
                        & (rows["valid_time"] == grid.times[step])
                        & rows["guess"].notna()
                    ]
                    assert known - found[row, 0, at] in set(
                        rows["issue_time"] if "issue_time" in rows else rows["known_time"]
                    )
                else:
                    taken = int((known - found[row, 0, at] - grid.own.first[grid.series[step]]) // HOUR)
                    slot = int(grid.own.start[grid.series[step]]) + taken
                    got = realized.at(np.array([slot]), np.array([known]))[0]
                    assert np.float32(got) == value
                    if name != "persistence":
                        period = DAY if name == "seasonal_24h" else 7 * DAY
                        assert (grid.times[step] - (known - found[row, 0, at])) % period == 0
                compared[name] += 1
    assert all(compared.values()), compared
