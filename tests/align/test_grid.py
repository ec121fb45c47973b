from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.align.grid import Axis, Grid, make_grid
from hindcast.pipeline.align.source_rows import read_rows
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.settings.stamp_grid import StampGrid
from tests.align.mock import HOUR, MINUTE, START, frame, mock_params


@given(
    st.lists(st.tuples(st.integers(-5, 5), st.integers(0, 4)), min_size=1, max_size=5),
    st.integers(0, 4),
    st.integers(-8, 14),
    st.integers(0, 59),
)
def test_a_slot_is_that_of_the_step_that_holds_the_stamp(
    series: list[tuple[int, int]], number: int, hour: int, minute: int
) -> None:
    number %= len(series)
    axis = Axis(
        StampGrid(HOUR), np.array([one[0] * HOUR for one in series]), np.array([one[1] for one in series])
    )
    steps = [(at, first + step) for at, (first, size) in enumerate(series) for step in range(size)]
    assert axis.times().tolist() == [step * HOUR for _, step in steps]
    assert axis.series().tolist() == [at for at, _ in steps]
    found = axis.slot(np.array([number]), np.array([hour * HOUR + minute * MINUTE])).tolist()
    assert found == [steps.index((number, hour)) if (number, hour) in steps else -1]


def _grid(chosen: Params, **tables: pd.DataFrame) -> Grid:
    names, rows = read_rows(tables, chosen)
    return make_grid(names, rows, chosen)


def _meter(hours: dict[str, list[float]]) -> pd.DataFrame:
    rows: list[dict[str, Any]] = [
        {"series": name, "valid": int(START + hour * HOUR), "known": START}
        for name, many in hours.items()
        for hour in many
    ]
    return frame(rows, ("usage", "flow"))


def _hours(grid: Grid) -> dict[str, list[int]]:
    return {
        name: ((grid.times[grid.series == at] - START) // HOUR).tolist() for at, name in enumerate(grid.names)
    }


def test_a_series_has_every_step_from_its_first_row_to_its_last() -> None:
    grid = _grid(mock_params(), meter=_meter({"a": [0, 3.5], "b": [2]}))
    assert _hours(grid) == {"a": [0, 1, 2, 3], "b": [2]}


def test_own_forecasts_make_steps_and_shared_ones_do_not() -> None:
    def weather(series: str) -> pd.DataFrame:
        rows = [
            {"series": series, "valid": START + hour * HOUR, "issue": START, "known": START}
            for hour in (-2, 6)
        ]
        return frame(rows, ("temp", "rain"))

    meter = _meter({"a": [0, 2]})
    assert _hours(_grid(mock_params(), meter=meter, weather=weather("a"))) == {"a": list(range(-2, 7))}
    assert _hours(_grid(mock_params(), meter=meter, weather=weather(""))) == {"a": [0, 1, 2]}


def test_the_range_cuts_steps_but_rows_before_it_keep_their_slots() -> None:
    bounds: dict[str, Any] = {"from": "2024-03-29T01:00", "until": "2024-03-29T03:00"}
    grid = _grid(mock_params(**bounds), meter=_meter({"a": [0, 1, 2, 3, 4]}))
    assert _hours(grid) == {"a": [1, 2]}
    assert grid.own.slot(np.array([0]), np.array([START])).tolist() == [0]


def test_shared_realized_rows_are_read_before_a_series_begins() -> None:
    estimate = frame([{"valid": START - 5 * HOUR, "known": START, "usage": 1.0}], ("usage",))
    grid = _grid(mock_params(), meter=_meter({"a": [0, 1]}), estimate=estimate)
    assert _hours(grid) == {"a": [0, 1]}
    assert grid.own.first.tolist() == [START - 5 * HOUR]


def test_axes_reach_as_far_ahead_as_features_do() -> None:
    grid = _grid(mock_params(features={"ahead": 3}), meter=_meter({"a": [0, 1], "b": [5]}))
    assert grid.own.size.tolist() == [5, 4]
    assert grid.shared.size.tolist() == [9]
    assert (grid.shared.times()[grid.shared_slot] == grid.times).all()
    assert (grid.own.times()[grid.own_slot] == grid.times).all()
