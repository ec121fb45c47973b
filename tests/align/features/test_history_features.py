from __future__ import annotations

import pytest

from tests.align.mock import hourly_column, week_without_a_day


def test_a_lag_is_the_value_before_or_zero_and_marked() -> None:
    features = {"forecast": [], "lags": {"usage": ["12h", "6h"]}}
    for hours in (12, 6):
        lag, missing = (
            hourly_column(f"usage_lag_{hours}h{suffix}", features=features) for suffix in ("", "_missing")
        )
        for at in range(60):
            # the origin is five hours before the step, and a value is known two hours after its step began
            there = at >= hours >= 5 + 2 and at - hours not in (20, 21)
            assert (lag[at], missing[at]) == ((float(at - hours), 0.0) if there else (0.0, 1.0))


@pytest.mark.parametrize(("number", "value"), [(1, 33.0), (2, 32.0), (3, 31.0)])
def test_recent_counts_back_from_the_newest_known_step(number: int, value: float) -> None:
    features = {"forecast": [], "recent": {"usage": 3}}
    assert (
        hourly_column(f"usage_recent_{number}", features=features)[40] == value
    )  # origin 35: step 33 ended by then


def test_recent_steps_without_a_value_are_zero_and_marked() -> None:
    features = {"forecast": [], "recent": {"usage": 3}}
    names = [f"usage_recent_{number}{suffix}" for suffix in ("", "_missing") for number in (1, 2, 3)]
    at = 22 + 7  # the newest step known is 22, those before it are absent
    assert [hourly_column(name, features=features)[at] for name in names] == [22, 0, 0, 0, 1, 1]
    at = 21 + 7  # 21 and 20 never come: 19 is the newest
    assert [hourly_column(name, features=features)[at] for name in names] == [19, 18, 17, 0, 0, 0]


def test_one_gap_in_the_measurements_is_marked_wherever_it_shows_and_cuts_nothing() -> None:
    features = {
        "forecast": [],
        "lags": {"usage": ["24h", "48h"]},
        "recent": {"usage": 30},
        "rolling": {"usage": {"windows": ["24h"]}},
    }
    made = week_without_a_day(features)
    (one,) = made.sequences
    assert len(one.times) == 7 * 24 + 2
    assert (one.W[:, 0] == 0).sum() == 24 + 2
    names = [feature.name for feature in made.features]
    for hours in (24, 48):
        missing = one.X[:, names.index(f"usage_lag_{hours}h_missing")]
        assert missing[2 * 24 + hours : 3 * 24 + hours].all(), "the gap, a lag later"
        assert not missing[3 * 24 + hours :].any()
    assert 0 < one.X[:, names.index("usage_recent_30_missing")].sum() < 24 * 4
