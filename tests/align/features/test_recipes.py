from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hindcast.pipeline.align.align_group import align_frames
from hindcast.pipeline.align.aligned import AlignedGroup
from tests.align.mock import HOUR, START, frame, mock_params


def _column(name: str, hours: int = 60, **settings: Any) -> list[float]:
    """A feature of hourly steps 0, 1, ...: usage is the hour, known an hour after its step; issues every 6 hours."""
    meter: list[dict[str, Any]] = [
        {"series": "a", "valid": START + at * HOUR, "known": START + (at + 2) * HOUR, "usage": float(at)}
        for at in range(hours)
        if at not in (20, 21)
    ]
    weather = [
        {"series": "a", "valid": START + (issue + lead) * HOUR, "issue": START + issue * HOUR, "known": START + issue * HOUR,
         "temp": 100.0 * issue + issue + lead, "rain": 0.0}
        for issue in range(-48, hours, 6)
        for lead in range(48)
        if 0 <= issue + lead < hours and issue + lead not in (30, 31, 32)
    ]  # fmt: skip
    chosen = mock_params(sources=("weather", "meter"), zone="UTC", **{"origin": {"before": "5h"}, **settings})
    made = align_frames(
        {"meter": frame(meter, ("usage", "flow")), "weather": frame(weather, ("temp", "rain"))},
        chosen,
        "here",
    )
    at = [feature.name for feature in made.features].index(name)
    column: list[float] = np.concatenate([one.X[:, at] for one in made.sequences]).tolist()
    return column


MARKED: dict[str, Any] = {"fill": "2h", "longer": "indicator"}
ENDED: dict[str, Any] = {"fill": "3h", "longer": "end"}


def test_a_lag_is_the_value_before_or_zero_and_marked() -> None:
    features = {"forecast": [], "lags": {"usage": ["12h", "6h"]}}
    for hours in (12, 6):
        lag, missing = (
            _column(f"usage_lag_{hours}h{suffix}", features=features) for suffix in ("", "_missing")
        )
        for at in range(60):
            # the origin is five hours before the step, and a value is known two hours after its step began
            there = at >= hours >= 5 + 2 and at - hours not in (20, 21)
            assert (lag[at], missing[at]) == ((float(at - hours), 0.0) if there else (0.0, 1.0))


@pytest.mark.parametrize(("number", "value"), [(1, 33.0), (2, 32.0), (3, 31.0)])
def test_recent_counts_back_from_the_newest_known_step(number: int, value: float) -> None:
    features = {"forecast": [], "recent": {"usage": 3}}
    assert (
        _column(f"usage_recent_{number}", features=features)[40] == value
    )  # origin 35: step 33 ended by then


def test_recent_steps_without_a_value_are_zero_and_marked() -> None:
    features = {"forecast": [], "recent": {"usage": 3}}
    names = [f"usage_recent_{number}{suffix}" for suffix in ("", "_missing") for number in (1, 2, 3)]
    at = 22 + 7  # the newest step known is 22, those before it are absent
    assert [_column(name, features=features)[at] for name in names] == [22, 0, 0, 0, 1, 1]
    at = 21 + 7  # 21 and 20 never come: 19 is the newest
    assert [_column(name, features=features)[at] for name in names] == [19, 18, 17, 0, 0, 0]


def test_leads_are_hours_from_origin_and_issue() -> None:
    features = {"lead": True}
    assert set(_column("lead", features=features, gaps=MARKED)) == {5.0}
    leads = _column("weather_vintage_lead", features=features, gaps=MARKED)
    assert leads[12:18] == [6.0 + at % 6 if at % 6 < 5 else 5.0 for at in range(12, 18)]


def test_a_short_gap_keeps_the_value_and_the_vintage_of_the_step_before() -> None:
    features = {"forecast": ["temp"], "lead": True}
    temp = _column("temp", features=features, gaps=ENDED)
    leads = _column("weather_vintage_lead", features=features, gaps=ENDED)
    assert temp[29:33] == [temp[29]] * 4
    assert np.diff(leads[29:33]).tolist() == [1, 1, 1]


def test_a_longer_gap_is_carried_as_far_as_is_allowed_and_then_marked() -> None:
    features = {"forecast": ["temp"]}
    temp, missing = (_column(name, features=features, gaps=MARKED) for name in ("temp", "temp_missing"))
    assert temp[29:33] == [temp[29]] * 3 + [0.0]
    assert missing[28:34] == [0, 0, 0, 0, 1, 0]


def test_the_next_steps_are_as_this_step_s_origin_knew_them() -> None:
    features = {"forecast": ["temp"], "ahead": 1}
    here, ahead = (_column(name, features=features, gaps=MARKED) for name in ("temp", "temp_ahead_1"))
    assert ahead[12] == here[12] + 1  # one vintage
    assert here[17] - ahead[16] == 600  # the vintage that came between their origins
    assert _column("temp_ahead_1_missing", features=features, gaps=MARKED)[27:34] == [0, 0, 1, 1, 1, 0, 0]


def _gap_of_a_day(features: dict[str, Any], late: tuple[int, ...] = ()) -> AlignedGroup:
    """A week of hourly usage without its third day; forecasts for every hour, those of the hours `late` issued afterwards."""
    meter: list[dict[str, Any]] = [
        {"series": "a", "valid": START + at * HOUR, "known": START + (at + 1) * HOUR, "usage": 1.0}
        for at in range(7 * 24)
        if at // 24 != 2
    ]
    weather: list[dict[str, Any]] = []
    for at in range(7 * 24 + 2):
        issue = START + (at + 5 if at in late else at - 30) * HOUR
        weather.append(
            {
                "series": "a",
                "valid": START + at * HOUR,
                "issue": issue,
                "known": issue,
                "temp": 1.0,
                "rain": 1.0,
            }
        )
    chosen = mock_params(
        sources=("weather", "meter"), origin={"before": "12h"}, gaps={"fill": "0h"}, features=features
    )
    frames = {"meter": frame(meter, ("usage", "flow")), "weather": frame(weather, ("temp", "rain"))}
    return align_frames(frames, chosen, "here")


def test_one_gap_in_the_measurements_is_marked_wherever_it_shows_and_cuts_nothing() -> None:
    features = {
        "forecast": [],
        "lags": {"usage": ["24h", "48h"]},
        "recent": {"usage": 30},
        "rolling": {"usage": {"windows": ["24h"]}},
    }
    made = _gap_of_a_day(features)
    (one,) = made.sequences
    assert len(one.times) == 7 * 24 + 2
    assert (one.W[:, 0] == 0).sum() == 24 + 2
    names = [feature.name for feature in made.features]
    for hours in (24, 48):
        missing = one.X[:, names.index(f"usage_lag_{hours}h_missing")]
        assert missing[2 * 24 + hours : 3 * 24 + hours].all(), "the gap, a lag later"
        assert not missing[3 * 24 + hours :].any()
    assert 0 < one.X[:, names.index("usage_recent_30_missing")].sum() < 24 * 4


def test_a_neighbour_known_too_late_is_marked_and_only_the_step_itself_ends_the_sequence() -> None:
    late = (60,)
    ahead = _gap_of_a_day({"forecast": ["temp"], "ahead": 2}, late)
    assert [len(one.times) for one in ahead.sequences] == [60, 7 * 24 + 2 - 61]
    names = [feature.name for feature in ahead.features]
    before = ahead.sequences[0].X[:, [names.index(f"temp_ahead_{steps}_missing") for steps in (1, 2)]]
    assert np.flatnonzero(before[:, 0]).tolist() == [59]
    assert np.flatnonzero(before[:, 1]).tolist() == [58]
