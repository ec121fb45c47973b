"""The slow clock of steps agrees with the grid of the settings, which it does not use."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.certify.step_clock import step_clock
from tests.align.mock import DAY, HOUR, mock_params
from tests.examples import examples
from tests.settings.slow_clock import ZONES

MINUTE = HOUR // 60
TIMES = st.lists(
    st.integers(15 * 365 * 24 * 60, 60 * 365 * 24 * 60).map(lambda minutes: minutes * MINUTE),
    min_size=1,
    max_size=5,
)
STEPS = st.sampled_from(
    [("1h", None), ("1d", None), ("7d", "sunday"), ("7d", "wednesday"), ("10d", "2024-01-03")]
)


@examples(100)
@given(TIMES, STEPS, st.sampled_from(ZONES), st.sampled_from([None, "5min", "1h"]), st.integers(0, 1))
def test_the_slow_clock_is_that_of_the_settings(
    times: list[int], steps: tuple[str, str | None], zone: str, spacing: str | None, offset: int
) -> None:
    frequency, anchor = steps
    params = mock_params(frequency="1h", zone=zone, spacing=spacing)
    update: dict[str, Any] = {"frequency": frequency, "anchor": anchor, "grid_offset": f"{offset * 30}min"}
    raw = type(params.raw).model_validate(params.raw.model_dump(by_alias=True) | update)
    grid = raw.stamp_grid(raw.sources["meter"], "here")
    clock = step_clock(params.model_copy(update={"raw": raw}), "here", "meter")
    stamps = np.array(times)
    labels = grid.start_of(stamps)
    assert clock.begins(stamps).tolist() == labels.tolist() == [clock.begin(time) for time in times]
    assert clock.opening(labels).tolist() == grid.instants(labels).tolist()
    assert clock.shown(stamps).tolist() == grid.labels(stamps).tolist()
    assert clock.is_due(stamps).tolist() == grid.is_on(stamps).tolist()
    for length in (HOUR, DAY, 7 * DAY):
        lengths = np.full(len(stamps), length)
        assert clock.lasting(stamps, lengths).tolist() == grid.elapsed(stamps, lengths).tolist()
