"""What is left out of a history changes no bit of the steps that are served."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from hindcast.pipeline.align import origin_steps
from hindcast.pipeline.align.origin_steps import (
    OriginSteps,
    complete_origins,
    origins_between,
    steps_of_origin,
)
from hindcast.pipeline.align.recent_rows import Horizon, RecentRows, recent_rows, service_reach
from hindcast.pipeline.settings.params import Params
from tests.align.mock import DAY, HOUR, START, frame, mock_frames, mock_params

HISTORY = 30
FEATURES: dict[str, Any] = {
    "lags": {"usage": ["24h", "7d"]}, "recent": {"usage": 3}, "ahead": 1, "vintages": 2, "lead": True,
    "rolling": {"usage": {"windows": ["24h"], "statistics": ["mean", "std"]}}, "published_error": ["24h"],
}  # fmt: skip
ORIGINS: list[Any] = [
    {"before": "5h"},
    {"at": "10:00", "zone": "group", "covers": "next_day"},
    {"every": "6h", "from": "1h", "for": "20h"},
    {"on": "monday", "at": "10:00", "covers": "next_week", "starts": "monday"},
]


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> list[RecentRows]:
    """What was left out, call by call."""
    found: list[RecentRows] = []

    def note(*arguments: Any) -> RecentRows:
        found.append(recent_rows(*arguments))
        return found[-1]

    monkeypatch.setattr(origin_steps, "recent_rows", note)
    return found


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("seed", range(4))
def test_the_steps_are_those_of_the_whole_history(seed: int, origin: Any, noted: list[RecentRows]) -> None:
    params = mock_params(
        origin=origin,
        gaps={"fill": "6h", "longer": "indicator" if seed % 2 else "end"},
        features=FEATURES,
        published={"usage": "guess"},
    )
    frames = mock_frames(
        seed,
        hours=24 * 45,
        series=("a", "b", "c"),
        missing=[0.0, 0.02, 0.3, 0.0][seed],
        revised=0.2,
        shared=float(seed == 3),
    )
    frames["meter"] = _with_a_gap(frames["meter"], "b", 24 * (15 + 9 * seed))
    compared = 0
    for moment in origins_between(params, "here", START + 32 * DAY, START + 46 * DAY)[
        :: 120 if "before" in origin else 4 if "at" in origin else 20
    ].tolist():
        reach = service_reach(params, moment - 20 * DAY, moment + 10 * DAY)
        whole = steps_of_origin(frames, params, "here", moment, HISTORY)
        short = steps_of_origin(frames, params, "here", moment, HISTORY, reach)
        _check_same(short, whole)
        compared += sum(len(steps.series) for steps in whole)
    assert compared
    if "on" not in origin:
        assert any(each.shortened for each in noted), "nothing was left out, so nothing was tested"


@pytest.mark.parametrize("origin", ORIGINS[:3])
def test_the_complete_origins_are_those_of_the_whole_history(origin: Any, noted: list[RecentRows]) -> None:
    params = mock_params(
        origin=origin, gaps={"fill": "2h", "longer": "end"}, features={**FEATURES, "published_error": []}
    )
    frames = mock_frames(5, hours=24 * 45, missing=0.0)
    span = START + 41 * DAY, START + 45 * DAY
    reach = service_reach(params, span[0] - 20 * DAY, span[1] + 10 * DAY)
    whole, short = (
        complete_origins(frames, params, "here", *span),
        complete_origins(frames, params, "here", *span, reach),
    )
    for one, other in zip(whole, short, strict=True):
        np.testing.assert_array_equal(one, other)
    assert any(each.shortened for each in noted)


def test_a_series_keeps_its_history_if_its_newest_value_is_old() -> None:
    params = mock_params(
        sources=("meter",), origin={"before": "5h"}, features={"forecast": [], "recent": {"usage": 2}}
    )
    rows = _meter("late", 0, 40) + _meter("steady", 0, 60)
    horizon = Horizon(START + 59 * DAY, START + 60 * DAY, START + 59 * DAY - 5 * HOUR, DAY)
    found = recent_rows({"meter": frame(rows, ("usage", "flow"))}, params, horizon)
    assert found.shortened == {"steady"}
    left = found.frames["meter"].groupby("series")["valid_time"].min()
    assert left["late"] == START
    assert horizon.cut <= left["steady"] < horizon.cut + HOUR


@pytest.mark.parametrize(
    "field", [{"counter": True, "resample": "sum"}, {"flag": {"frozen": "3h"}, "on_flag": "missing"}]
)
def test_sources_whose_rows_depend_on_rows_far_before_them_are_kept_whole(field: dict[str, Any]) -> None:
    params = mock_params(
        sources=("meter",), origin={"before": "5h"}, features={"forecast": [], "recent": {"usage": 2}}
    )
    source = params.raw.sources["meter"]
    usage = source.values["usage"]  # noqa: PD011 (no DataFrame)
    changed = usage.model_validate({**usage.model_dump(exclude_defaults=True), **field})
    raw = params.raw.model_copy(
        update={"sources": {"meter": source.model_copy(update={"values": {"usage": changed}})}}
    )
    rows = frame(_meter("steady", 0, 60), ("usage",))
    horizon = Horizon(START + 59 * DAY, START + 60 * DAY, START + 59 * DAY - 5 * HOUR, DAY)
    assert not recent_rows({"meter": rows}, params.model_copy(update={"raw": raw}), horizon).shortened


def _meter(series: str, first: int, last: int) -> list[dict[str, Any]]:
    return [
        {
            "series": series,
            "valid": START + at * HOUR,
            "known": START + (at + 2) * HOUR,
            "usage": 1.0 + at % 5,
        }
        for at in range(24 * first, 24 * last)
    ]


def _with_a_gap(meter: pd.DataFrame, series: str, hour: int) -> pd.DataFrame:
    """A series without values from an hour on, except for a few late ones: its newest value is old at most origins."""
    silent = (meter["series"] == series) & (meter["valid_time"] >= START + hour * HOUR)
    return meter.assign(usage=meter["usage"].where(~silent | (meter["valid_time"] % (97 * HOUR) == 0)))


def _check_same(one: list[OriginSteps], other: list[OriginSteps]) -> None:
    assert len(one) == len(other)
    for mine, theirs in zip(one, other, strict=True):
        assert (mine.track, mine.names, mine.missing) == (theirs.track, theirs.names, theirs.missing)
        for name in (
            "series",
            "times",
            "begins",
            "published",
            "run",
            "place",
            "run_series",
            "run_start",
            "X",
            "run_published",
        ):
            assert getattr(mine, name).tobytes() == getattr(theirs, name).tobytes(), name
        assert mine.baseline[:, :, :3].tobytes() == theirs.baseline[:, :, :3].tobytes()


def test_the_settings_of_the_repository_leave_rows_out(root: Any) -> None:
    from hindcast.pipeline.settings.params import load_params

    params: Params = load_params(root / "params.yaml")
    assert service_reach(params, START, START + DAY) < 20 * DAY
