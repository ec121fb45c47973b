from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from hindcast.pipeline.align.aligned import NEVER_KNOWN
from hindcast.pipeline.align.grid import make_grid
from hindcast.pipeline.align.inputs import realized_inputs
from hindcast.pipeline.align.realized import Realized, read_realized
from hindcast.pipeline.align.source_rows import read_rows
from hindcast.pipeline.settings.params import Params
from tests.align.mock import HOUR, MINUTE, START, frame, mock_params

NAN = math.nan


def _read(chosen: Params | None = None, **tables: pd.DataFrame) -> Realized:
    chosen = chosen or mock_params()
    names, rows = read_rows(tables, chosen)
    ((_, usage),) = realized_inputs(chosen, ["usage"])
    return read_realized(usage, rows, make_grid(names, rows, chosen), chosen)


def _rows(*rows: tuple[float, float, float], series: str = "a") -> pd.DataFrame:
    """Rows (valid hour, known hour, value)."""
    made: list[dict[str, Any]] = [
        {
            "series": series,
            "valid": int(START + valid * HOUR),
            "known": int(START + known * HOUR),
            "usage": value,
        }
        for valid, known, value in rows
    ]
    return frame(made, ("usage", "flow"))


def _at(value: Realized, slot: int, hours: list[float]) -> list[float | None]:
    origins = np.array([int(START + hour * HOUR) for hour in hours])
    found = value.at(np.full(len(hours), slot), origins).tolist()
    return [None if math.isnan(one) else one for one in found]


def test_inputs_see_the_revision_known_at_the_origin_and_targets_the_last() -> None:
    value = _read(meter=_rows((0, 1, 10), (0, 5, 11), (0, 9, 12)))
    assert _at(value, 0, [0, 1, 4, 5, 8, 9, 99]) == [None, 10, 10, 11, 11, 12, 12]
    final, known = value.final
    assert (final.tolist(), known.tolist()) == ([12], [START + 9 * HOUR])


def test_a_revision_without_a_value_does_not_withdraw_the_one_before() -> None:
    value = _read(meter=_rows((0, 1, 10), (0, 5, NAN)))
    assert _at(value, 0, [1, 6]) == [10, 10]
    assert value.final[0].tolist() == [10]
    assert value.final[1].tolist() == [START + 5 * HOUR]  # by then it was known to stand


def test_a_missing_step_is_never_known() -> None:
    value = _read(meter=_rows((0, 1, 10), (1, 2, NAN), (2, 3, 30)))
    assert _at(value, 1, [99]) == [None]
    assert value.final[1].tolist() == [START + HOUR, NEVER_KNOWN, START + 3 * HOUR]


def test_quarters_that_become_known_one_by_one_make_an_hour_as_soon_as_half_of_it_is_known() -> None:
    quarters = [(at / 4, at + 1.0, float(at)) for at in range(4)]
    value = _read(meter=_rows(*quarters, (1, 9, 7)))
    assert _at(value, 0, [0, 1, 2, 3, 4]) == [None, 0, 0.5, 1, 1.5]


def test_the_first_source_in_the_settings_gives_a_step_as_soon_as_it_has_one() -> None:
    estimate = _rows((0, 1, 1), (1, 2, 2), series="").drop(columns="flow")
    value = _read(meter=_rows((0, 6, 100), (2, 9, 300)), estimate=estimate)
    assert _at(value, 0, [0, 1, 5, 6]) == [None, 1, 1, 100]
    assert _at(value, 1, [1, 2, 99]) == [None, 2, 2]
    final, known = value.final
    assert final.tolist() == [100, 2, 300]
    assert known.tolist() == [START + 6 * HOUR, START + 2 * HOUR, START + 9 * HOUR]


def test_rows_of_the_series_come_before_those_of_the_group() -> None:
    both = pd.concat([_rows((0, 1, 5), (1, 2, 6), series=""), _rows((1, 9, 60), (3, 4, 80))])
    value = _read(meter=both)
    assert value.final[0].tolist()[:2] == [5, 60]
    assert _at(value, 1, [2, 9]) == [6, 60]


def test_the_newest_step_is_the_latest_with_a_known_value_whatever_the_order_of_arrival() -> None:
    value = _read(meter=_rows((0, 8, 1), (1, 3, 2), (2, 5, 3), (3, 4, NAN), (4, 20, 5)))
    hours = [2, 3, 4, 5, 8, 19, 20]
    found = value.newest(np.zeros(len(hours), np.int64), START + np.array(hours) * HOUR)
    assert found.tolist() == [-1, 1, 1, 2, 2, 2, 4]


def test_a_series_sees_only_its_own_newest_step() -> None:
    value = _read(meter=pd.concat([_rows((0, 1, 1), (1, 2, 2)), _rows((0, 5, 3), series="b")]))
    found = value.newest(np.array([0, 1, 1]), START + np.array([2, 2, 5]) * HOUR)
    assert found.tolist() == [1, -1, 2]


def test_a_slot_that_is_none_has_no_value() -> None:
    value = _read(meter=_rows((0, 1, 10), (0, 2, 11)))
    assert math.isnan(value.at(np.array([-1]), np.array([START + 99 * HOUR]))[0])


def test_a_value_that_no_source_of_the_group_has_is_never_known() -> None:
    chosen = mock_params(sources=("weather", "meter"))
    weather = frame(
        [{"series": "a", "valid": START, "issue": START, "known": START, "temp": 1.0}], ("temp", "rain")
    )
    value = _read(chosen, weather=weather)
    assert _at(value, 0, [99]) == [None]
    assert value.newest(np.array([0]), np.array([START])).tolist() == [-1]


def test_stamps_between_the_steps_belong_to_the_step_that_holds_them() -> None:
    late = _rows((0, 1, 10))
    late["valid_time"] += 59 * MINUTE
    assert _at(_read(meter=late), 0, [1]) == [10]
