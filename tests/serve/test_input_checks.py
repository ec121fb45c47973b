"""Each fault of an input, planted, is named by its check and by no other one; clean rows raise none."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from hindcast.pipeline.serve.alarms import Alarm, raise_alarms
from hindcast.pipeline.serve.daily_inputs import read_daily
from hindcast.pipeline.serve.input_checks import check_inputs
from tests.serve.input_rows import DAY, HOUR, START, measured

DAYS = 3 * 365
MOMENT = START + DAYS * DAY


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return measured(DAYS)


def alarms_of(frame: pd.DataFrame, moment: int = MOMENT) -> list[Alarm]:
    frame = frame.sort_values(["series", "valid_time", "known_time"], ignore_index=True)
    frame["series"] = frame["series"].astype("category")
    daily = read_daily(
        frame,
        "meters",
        "g",
        ("usage",),
        moment=moment,
        window=28,
        longest=2000,
        reference_until=START + 730 * DAY,
    )
    assert daily is not None
    return raise_alarms(list(check_inputs(daily)), 1.0, moment)[0]


def late(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[(frame["series"] != "a") | (frame["known_time"] < MOMENT - 6 * DAY)]


def delayed(frame: pd.DataFrame) -> pd.DataFrame:
    frame["known_time"] += np.where(frame["known_time"] > MOMENT - 7 * DAY, 5 * HOUR, 0)
    return frame


def revised(frame: pd.DataFrame) -> pd.DataFrame:
    again = frame[(frame["known_time"] > MOMENT - 8 * DAY) & (frame["known_time"] <= MOMENT - DAY)].copy()
    again["known_time"] += DAY
    return pd.concat([frame, again])


def missing(frame: pd.DataFrame) -> pd.DataFrame:
    gone = (
        (frame["known_time"] > MOMENT - 6 * DAY)
        & (frame["series"] == "b")
        & (frame["valid_time"] // HOUR % 3 == 0)
    )
    frame.loc[gone, "usage"] = np.nan
    return frame


def frozen(frame: pd.DataFrame) -> pd.DataFrame:
    frame.loc[(frame["known_time"] > MOMENT - 6 * DAY) & (frame["series"] == "b"), "usage"] = 21.5
    return frame


def outside(frame: pd.DataFrame) -> pd.DataFrame:
    frame.loc[(frame["known_time"] > MOMENT - 6 * DAY) & (frame["series"] == "a"), "usage"] += 40
    return frame


def drifted(frame: pd.DataFrame) -> pd.DataFrame:
    recent = frame["known_time"] > MOMENT - 56 * DAY
    frame.loc[recent, "usage"] -= 5  # summer's values in winter: none is outside the range
    return frame


@pytest.mark.parametrize("fault", [late, delayed, revised, missing, frozen, outside, drifted])
def test_a_planted_fault_is_named(fault: Callable[[pd.DataFrame], pd.DataFrame], rows: pd.DataFrame) -> None:
    found = alarms_of(fault(rows.copy()))
    assert {alarm.check for alarm in found} == {fault.__name__}
    for alarm in found:
        assert MOMENT - 6 * DAY < alarm.since <= MOMENT
        assert alarm.text.startswith("meters")


def test_nothing_is_unusual_in_a_clean_year(rows: pd.DataFrame) -> None:
    found = {alarm.check for day in range(730 + 28, DAYS, 11) for alarm in alarms_of(rows, START + day * DAY)}
    assert not found


def test_only_the_series_with_the_fault_are_named(rows: pd.DataFrame) -> None:
    (alarm,) = alarms_of(late(rows.copy()))
    assert alarm.series == ("a",)
    assert "no row for 6 days" in alarm.text


def test_a_series_that_ended_long_ago_is_not_watched(rows: pd.DataFrame) -> None:
    ended = rows[(rows["series"] != "a") | (rows["known_time"] < MOMENT - 40 * DAY)]
    assert not alarms_of(ended)


def test_a_first_year_has_no_season_to_compare_with(rows: pd.DataFrame) -> None:
    young = rows[rows["valid_time"] >= START + 730 * DAY].copy()
    daily = read_daily(
        young,
        "meters",
        "g",
        ("usage",),
        moment=MOMENT,
        window=28,
        longest=2000,
        reference_until=MOMENT - 28 * DAY,
    )
    assert daily is not None
    (evidence,) = (each for each in check_inputs(daily) if each.check == "drifted")
    assert not evidence.judged.any()
