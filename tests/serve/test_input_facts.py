"""Figures of the inputs, of one group and of several."""

from __future__ import annotations

import numpy as np

from hindcast.pipeline.serve.daily_inputs import read_daily
from hindcast.pipeline.serve.input_facts import InputFacts, facts_of
from tests.serve.input_rows import DAY, HOUR, START, measured


def facts(days: int, late: int = 0) -> InputFacts:
    frame = measured(days)
    frame.loc[::10, "usage"] = np.nan
    recent = frame["known_time"] > START + (days - 8) * DAY
    frame.loc[recent, "known_time"] += late
    moment = START + days * DAY + 12 * HOUR
    daily = read_daily(
        frame, "meters", "g", ("usage",), moment=moment, window=8, longest=100, reference_until=moment
    )
    assert daily is not None
    return facts_of(daily, frame)


def test_figures_are_those_of_the_window() -> None:
    found = facts(30).as_dict()
    assert found["series"] == 2
    assert found["rows"] == 2 * (8 * 24 - 11)  # the last rows became known eleven hours before the moment
    assert 0.09 < found["empty"] / found["rows"] < 0.11
    assert found["values"] + found["empty"] == found["rows"]
    assert found["delay_hours"] == found["usual_delay_hours"] == 2
    assert found["newest_valid"] == "2024-01-30T23:00:00Z"


def test_a_later_delay_is_beside_the_usual_one() -> None:
    found = facts(30, late=3 * HOUR).as_dict()
    assert 4 < found["delay_hours"] <= 5
    assert 2 <= found["usual_delay_hours"] < 2.2


def test_groups_add_up() -> None:
    one, other = facts(30), facts(20)
    both = InputFacts.joined([one, other])
    assert (both.groups, both.series, both.rows) == (2, 4, one.rows + other.rows)
    assert both.newest_known == one.newest_known
    assert both.as_dict()["delay_hours"] == 2
