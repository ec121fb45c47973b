from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from hindcast.pipeline.align.aligned import NOT_ISSUED
from hindcast.pipeline.align.features.registry import forecast_input
from hindcast.pipeline.align.group_inputs import Prepared, prepare
from hindcast.pipeline.align.vintages import OfAxis, first_that_has
from tests.align.mock import HOUR, START, frame, mock_params


def _forecasts(*rows: tuple[str, int, int, float]) -> pd.DataFrame:
    """Rows (series, valid hour, issue hour, value of temp); known when issued."""
    made: list[dict[str, Any]] = [
        {
            "series": series,
            "valid": START + valid * HOUR,
            "issue": START + issue * HOUR,
            "known": START + issue * HOUR,
            "temp": value,
        }
        for series, valid, issue, value in rows
    ]
    return frame(made, ("temp", "rain"))


def _group(weather: pd.DataFrame, hours: int = 4, **settings: Any) -> Prepared:
    meter = [
        {"series": "a", "valid": START + hour * HOUR, "known": START, "usage": 1.0} for hour in range(hours)
    ]
    chosen = mock_params(origin={"before": "0h"}, sources=("weather", "meter"), **settings)
    return prepare({"weather": weather, "meter": frame(meter, ("usage", "flow"))}, chosen, "here")


def _temp(group: Prepared, ahead: int = 0) -> tuple[list[float | None], list[int | None]]:
    source = group.vintages["weather"]
    found = source.at(group.grid, group.origins_of(0), ahead)
    column = found.values[:, source.names.index("temp")]  # noqa: PD011 (no DataFrame)
    issued = [None if one == NOT_ISSUED else (one - START) // HOUR for one in found.issued.tolist()]
    return [None if np.isnan(value) else value for value in column.tolist()], issued


def test_each_step_has_the_newest_vintage_known_at_its_origin() -> None:
    weather = _forecasts(("a", 1, -3, 10), ("a", 1, 0, 11), ("a", 1, 2, 12), ("a", 2, 1, 20))
    assert _temp(_group(weather)) == ([None, 11, 20, None], [None, 0, 1, None])


def test_rows_of_the_group_speak_where_the_series_has_no_vintage() -> None:
    weather = _forecasts(("a", 1, 0, 11), ("", 1, 1, 90), ("", 2, 1, 91))
    assert _temp(_group(weather)) == ([None, 11, 91, None], [None, 0, 1, None])


def test_the_step_ahead_is_told_by_what_this_step_s_origin_knew() -> None:
    weather = _forecasts(("a", 1, 0, 11), ("a", 2, 0, 20), ("a", 2, 2, 22), ("", 4, 1, 40))
    group = _group(weather, features={"ahead": 1})
    assert _temp(group, 1) == ([11, 20, None, 40], [0, 0, None, 1])


def test_a_vintage_may_be_too_old() -> None:
    weather = _forecasts(("a", 2, -1, 20), ("a", 3, -1, 30))
    assert _temp(_group(weather, vintage={"max_age": "3h"})) == (
        [None, None, 20, None],
        [None, None, -1, None],
    )


def test_an_empty_newest_vintage_is_a_gap_or_falls_back_as_the_rule_says() -> None:
    weather = _forecasts(("a", 1, -1, 10), ("a", 1, 0, np.nan))
    assert _temp(_group(weather)) == ([None] * 4, [None, 0, None, None])
    filled = _group(weather, vintage={"take": "newest_filled"})
    assert _temp(filled) == ([None, 10, None, None], [None, -1, None, None])


def test_a_vintage_with_any_value_is_not_empty() -> None:
    weather = _forecasts(("a", 1, -1, 10), ("a", 1, 0, np.nan))
    weather["rain"] = [1.0, 2.0]
    filled = _group(weather, vintage={"take": "newest_filled"})
    assert _temp(filled) == ([None] * 4, [None, 0, None, None])


def test_of_several_sources_the_first_that_has_the_step_gives_it() -> None:
    weather = _forecasts(("a", 1, 0, 11), ("a", 2, 0, np.nan))
    model = _forecasts(*[("", hour, 0, 90 + hour) for hour in range(4)]).rename(columns={"rain": "guess"})
    meter = frame(
        [{"series": "a", "valid": START + hour * HOUR, "known": START} for hour in range(4)],
        ("usage", "flow"),
    )
    chosen = mock_params(origin={"before": "0h"})
    group = prepare({"weather": weather, "model": model, "meter": meter}, chosen, "here")
    read = {
        name: (source, source.at(group.grid, group.origins_of(0))) for name, source in group.vintages.items()
    }
    single = first_that_has(forecast_input(chosen, "temp"), read, 4)
    assert isinstance(single, np.ndarray)
    assert single.tolist() == [90, 11, 92, 93]
    shared = first_that_has(forecast_input(chosen, "model.temp"), read, 4)
    assert isinstance(shared, OfAxis)
    assert shared.values[group.grid.shared_place].tolist() == [90, 91, 92, 93]  # noqa: PD011 (no DataFrame)


def test_a_forecast_source_is_joined_even_where_none_of_its_values_is_read() -> None:
    group = _group(_forecasts(("a", 1, 0, 11)), features={"forecast": []})
    found = group.vintages["weather"].at(group.grid, group.origins_of(0))
    assert found.values.shape == (4, 0)  # noqa: PD011 (no DataFrame)
    assert (found.issued != NOT_ISSUED).tolist() == [False, True, False, False]
