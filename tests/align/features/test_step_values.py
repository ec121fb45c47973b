from __future__ import annotations

from typing import Any

import numpy as np

from hindcast.pipeline.align.align_group import align_frames
from tests.align.mock import (
    DAY,
    ENDED,
    HOUR,
    MARKED,
    START,
    frame,
    hourly_column,
    mock_params,
    week_without_a_day,
)


def test_a_short_gap_keeps_the_value_and_the_vintage_of_the_step_before() -> None:
    features = {"forecast": ["temp"], "lead": True}
    temp = hourly_column("temp", features=features, gaps=ENDED)
    leads = hourly_column("weather_vintage_lead", features=features, gaps=ENDED)
    assert temp[29:33] == [temp[29]] * 4
    assert np.diff(leads[29:33]).tolist() == [1, 1, 1]


def test_a_longer_gap_is_carried_as_far_as_is_allowed_and_then_marked() -> None:
    features = {"forecast": ["temp"]}
    temp, missing = (hourly_column(name, features=features, gaps=MARKED) for name in ("temp", "temp_missing"))
    assert temp[29:33] == [temp[29]] * 3 + [0.0]
    assert missing[28:34] == [0, 0, 0, 0, 1, 0]


def test_a_shared_value_is_carried_only_to_series_that_have_the_step_before_the_gap() -> None:
    meter = [
        {"series": name, "valid": START + at * HOUR, "known": START + (at + 1) * HOUR, "usage": 1.0}
        for name, first in (("a", 0), ("b", 11))
        for at in range(first, 16)
    ]
    weather = [
        {
            "series": "",
            "valid": START + at * HOUR,
            "issue": START - DAY,
            "known": START - DAY,
            "temp": 1.0 + at,
        }
        for at in range(16)
        if at not in (10, 11, 12)
    ]
    frames = {"meter": frame(meter, ("usage", "flow")), "weather": frame(weather, ("temp", "rain"))}
    chosen: dict[str, Any] = {
        "sources": ("weather", "meter"),
        "features": {"forecast": ["temp"]},
        "origin": {"before": "1h"},
    }
    marked = align_frames(frames, mock_params(gaps=MARKED, **chosen), "here")
    names = [feature.name for feature in marked.features]
    a, b = (
        one.X[:, [names.index("temp"), names.index("temp_missing")]].T.tolist() for one in marked.sequences
    )
    assert a[0][9:] == [10, 10, 10, 0, 14, 15, 16]
    assert a[1][9:] == [0, 0, 0, 1, 0, 0, 0]
    assert b == [[0, 0, 14, 15, 16], [1, 1, 0, 0, 0]]
    ended = align_frames(frames, mock_params(gaps={"fill": "2h", "longer": "end"}, **chosen), "here")
    assert [(one.series, len(one.times)) for one in ended.sequences] == [("a", 12), ("a", 3), ("b", 3)]
    assert ended.sequences[0].X[9:, 0].tolist() == [10, 10, 10]
    assert (ended.counts["gaps_filled"], ended.counts["steps_in_gaps"]) == (2, 3)


def test_the_next_steps_are_as_this_step_s_origin_knew_them() -> None:
    features = {"forecast": ["temp"], "ahead": 1}
    here, ahead = (hourly_column(name, features=features, gaps=MARKED) for name in ("temp", "temp_ahead_1"))
    assert ahead[12] == here[12] + 1  # one vintage
    assert here[17] - ahead[16] == 600  # the vintage that came between their origins
    assert hourly_column("temp_ahead_1_missing", features=features, gaps=MARKED)[27:34] == [
        0,
        0,
        1,
        1,
        1,
        0,
        0,
    ]


def test_a_neighbour_known_too_late_is_marked_and_only_the_step_itself_ends_the_sequence() -> None:
    late = (60,)
    ahead = week_without_a_day({"forecast": ["temp"], "ahead": 2}, late)
    assert [len(one.times) for one in ahead.sequences] == [60, 7 * 24 + 2 - 61]
    names = [feature.name for feature in ahead.features]
    before = ahead.sequences[0].X[:, [names.index(f"temp_ahead_{steps}_missing") for steps in (1, 2)]]
    assert np.flatnonzero(before[:, 0]).tolist() == [59]
    assert np.flatnonzero(before[:, 1]).tolist() == [58]
