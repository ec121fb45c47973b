"""How far inputs reach back, against the values themselves: what lies further back changes no input, what lies there does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hindcast.pipeline.align.align_group import align_frames
from hindcast.pipeline.split.leakage import longest_reach
from tests.align.mock import HOUR, frame, mock_params, moment

ORIGINS = (
    {"before": "24h"},
    {"at": "10:00", "zone": "group", "covers": "next_day"},
    {"every": "12h", "at": "00:00", "zone": "UTC", "from": "1h", "for": "30h"},
)
FEATURES = (
    {"lags": {"usage": ["60h"]}},
    {"lags": {"usage": ["4d"]}},
    {"recent": {"usage": 5}},
    {"rolling": {"usage": {"windows": ["6h", "12h"]}}},
    {"lags": {"usage": ["72h"]}, "recent": {"usage": 2}},
)
START, HOURS = moment("2024-03-25T00:00"), 24 * 12  # the clocks change on the seventh day


def params_of(
    origin: dict[str, Any], features: dict[str, Any], known: dict[str, Any], lookback: int = 1
) -> Any:
    params = mock_params(origin=origin, features=features, sources=("meter",))
    meter = params.raw.sources["meter"].model_copy(update={"known": _rule(known)})
    raw = params.raw.model_copy(update={"sources": {"meter": meter}})
    train = params.train.model_copy(update={"lookback": lookback})
    return params.model_copy(update={"raw": raw, "train": train})


def _rule(known: dict[str, Any]) -> Any:
    from pydantic import TypeAdapter

    from hindcast.pipeline.settings.known import KnownField

    return TypeAdapter(KnownField).validate_python(known)


def inputs(params: Any, changed: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Times and X of a series whose measurement of one step is another one."""
    valid = START + np.arange(HOURS) * HOUR
    known = params.raw.sources["meter"].known.moments(valid, None, HOUR, "Europe/Berlin")
    rows = [
        {
            "series": "a",
            "valid": time,
            "known": moment,
            "usage": 1e3 if time == changed else time / HOUR % 37,
            "flow": 1.0,
        }
        for time, moment in zip(valid.tolist(), known.tolist(), strict=True)
    ]
    made = align_frames({"meter": frame(rows, ("usage", "flow"))}, params, "here").sequences
    return np.concatenate([one.times for one in made]), np.concatenate([one.X for one in made])


@pytest.mark.parametrize("origin", ORIGINS, ids=str)
@pytest.mark.parametrize("features", FEATURES, ids=str)
@pytest.mark.parametrize("known", [{"after_step": "1h"}, {"day": 1, "at": "06:00", "zone": "group"}], ids=str)
def test_no_input_reaches_further_back_and_some_input_reaches_so_far(
    origin: dict[str, Any], features: dict[str, Any], known: dict[str, Any]
) -> None:
    params = params_of(origin, features, known)
    reach = longest_reach(params, START, START + HOURS * HOUR)
    farthest = 0
    times, plain = inputs(params)
    for hour in range(24, 24 * 9, 5):
        changed = START + hour * HOUR
        _, other = inputs(params, changed)
        touched = times[(plain != other).any(axis=1)]
        farthest = max([farthest, *(touched - changed).tolist()])
    assert reach - 24 * HOUR <= farthest <= reach


def test_a_window_begins_its_lookback_earlier() -> None:
    bounds = (START, START + HOURS * HOUR)
    short, long = (
        longest_reach(params_of(ORIGINS[0], FEATURES[0], {"after_step": "1h"}, lookback), *bounds)
        for lookback in (1, 100)
    )
    assert short == 60 * HOUR
    assert long == 159 * HOUR


def test_a_lag_in_days_is_an_hour_longer_behind_the_autumn_change() -> None:
    bounds = (START, START + HOURS * HOUR)
    reach = longest_reach(params_of(ORIGINS[0], FEATURES[1], {"after_step": "1h"}), *bounds)
    assert reach == 96 * HOUR
    autumn = moment("2024-10-20T00:00")
    reach = longest_reach(
        params_of(ORIGINS[0], FEATURES[1], {"after_step": "1h"}), autumn, autumn + HOURS * HOUR
    )
    assert reach == 97 * HOUR


def test_gaps_carried_forward_count() -> None:
    params = params_of(ORIGINS[0], {}, {"after_step": "1h"})
    assert longest_reach(params, START, START + HOURS * HOUR) == 2 * HOUR
