"""The days of a source, compared with a slow grouping."""

from __future__ import annotations

import numpy as np
import pandas as pd

from hindcast.pipeline.serve.daily_inputs import Daily, read_daily
from tests.serve.input_rows import DAY, HOUR, START, measured


def read(frame: pd.DataFrame, days: int, **changes: int) -> Daily:
    given = {"window": 8, "longest": 1000, "reference_until": START + (days - 10) * DAY} | changes
    found = read_daily(frame, "meters", "g", ("usage",), moment=START + days * DAY + HOUR, **given)
    assert found is not None
    return found


def test_the_figures_of_a_day_are_those_of_its_rows() -> None:
    frame = measured(20)
    frame = frame.sample(frac=0.8, random_state=1).sort_values(["series", "valid_time"], ignore_index=True)
    frame.loc[::7, "usage"] = np.nan
    daily = read(frame, 20)
    end = START + 20 * DAY + HOUR
    day = daily.days - 1 - (end - frame["known_time"]) // DAY
    for number, name in enumerate(daily.series):
        for at in range(daily.days):
            rows = frame[(frame["series"] == name) & (day == at)]
            assert daily.rows[number, at] == len(rows)
            assert daily.present[number, 0, at] == rows["usage"].notna().sum()
            np.testing.assert_allclose(daily.total[number, 0, at], rows["usage"].sum())
            if rows["usage"].notna().any():
                assert daily.low[number, 0, at] == np.float32(rows["usage"].min())
                assert daily.high[number, 0, at] == np.float32(rows["usage"].max())
    assert np.nanmax(np.abs(daily.delay - 2)) < 1e-9


def test_reference_days_end_before_the_window_and_before_their_limit() -> None:
    daily = read(measured(40), 40)
    assert daily.is_reference.sum() == 29
    assert not daily.is_reference[-8:].any()
    assert read(measured(40), 40, reference_until=START + 100 * DAY).is_reference.sum() == daily.days - 8


def test_rows_that_became_known_after_the_moment_change_nothing() -> None:
    frame = measured(30)
    early = frame[frame["known_time"] <= START + 20 * DAY + HOUR]
    whole, cut = read(frame, 20), read(early, 20)
    np.testing.assert_array_equal(whole.rows, cut.rows)
    np.testing.assert_array_equal(whole.total, cut.total)


def test_revisions_are_counted_and_have_no_delay_of_their_own() -> None:
    frame = measured(20)
    again = frame[frame["valid_time"] < START + 10 * DAY].copy()
    again["known_time"] += 3 * DAY
    both = pd.concat([frame, again]).sort_values(["series", "valid_time", "known_time"], ignore_index=True)
    both["series"] = both["series"].astype("category")
    daily = read(both, 20)
    assert daily.again.sum() == len(again)
    assert np.nanmax(np.abs(daily.delay - 2)) < 1e-9


def test_a_source_without_rows_has_no_days() -> None:
    frame = measured(3)
    assert (
        read_daily(
            frame, "meters", "g", ("usage",), moment=START - DAY, window=8, longest=100, reference_until=START
        )
        is None
    )
