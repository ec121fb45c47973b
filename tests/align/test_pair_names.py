"""Names on one side are found per forecast; a side with rows for every series matches all."""

from __future__ import annotations

import pandas as pd
import pytest

from hindcast.pipeline.align.pair_names import count_doubled, find_unmatched, measured_series
from hindcast.pipeline.settings.base import Duration
from tests.align.mock import HOUR, START, frame, mock_params


def frames(forecast: str, measured: str, temp: float = 1.0) -> dict[str, pd.DataFrame]:
    """One row per name of each side; a space is the series of all."""
    weather = [
        {
            "series": name.strip(),
            "valid": START,
            "issue": START - HOUR,
            "known": START - HOUR,
            "temp": temp,
            "rain": 0.0,
        }
        for name in forecast
    ]
    meter = [
        {"series": name.strip(), "valid": START, "known": START + HOUR, "usage": 1.0, "flow": 1.0}
        for name in measured
    ]
    return {"weather": frame(weather, ("temp", "rain")), "meter": frame(meter, ("usage", "flow"))}


PARAMS = mock_params(
    origin={"before": "12h"}, published={"usage": "temp"}, features={}, sources=("weather", "meter")
)


@pytest.mark.parametrize(
    ("forecast", "measured", "only"),
    [
        ("ab", "ab", None),
        ("ab", "b", ([], ["a"])),
        ("a", "ab", (["b"], [])),
        ("aB", "ab", (["b"], ["B"])),
        (" ", "ab", None),
        (" a", "ab", None),
        ("ab", " ", None),
        ("", " ", ([""], [])),
        ("", "a", (["a"], [])),
        ("", "", None),
    ],
)
def test_names_on_one_side_are_those_of_the_sets(
    forecast: str, measured: str, only: tuple[list[str], list[str]] | None
) -> None:
    found = find_unmatched(frames(forecast, measured), PARAMS)
    expected = [] if only is None else [only]
    assert [(each["measured_only"], each["forecast_only"]) for each in found] == expected


def test_a_series_without_a_value_is_not_served() -> None:
    (found,) = find_unmatched(frames("a", "a", temp=float("nan")), PARAMS)
    assert found["measured_only"] == ["a"]
    assert measured_series(frames("a", "ab"), PARAMS) == {"a", "b"}


def test_one_source_is_not_doubled() -> None:
    assert count_doubled(frames("ab", "ab"), PARAMS, "here") == []


@pytest.mark.parametrize(("offset", "count"), [("0h", 0), ("30min", 1)])
def test_two_sources_serve_a_step_if_their_timestamps_lie_in_the_same_step_of_the_group(
    offset: str, count: int
) -> None:
    given = mock_params(sources=("weather", "model", "meter"), features={"forecast": ["temp"]})
    raw = given.raw.model_copy(update={"grid_offset": {"here": Duration.parse(offset)}})
    params = given.model_copy(update={"raw": raw})
    weather = frames("a", "a")
    model = weather["weather"].assign(valid_time=START - HOUR // 4)
    tables = {**weather, "weather": weather["weather"].assign(valid_time=START + HOUR // 4), "model": model}
    assert [each["steps"] for each in count_doubled(tables, params, "here")] == [1] * count
