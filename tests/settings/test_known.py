from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.settings.known import AfterStep, AtIssuePlus, BeforeStep, DayAt
from hindcast.pipeline.settings.stamp_grid import StampGrid
from tests.settings.slow_clock import HOUR, local, stamp_of, stamps, zones

frequencies = st.sampled_from([15 * 60 * 10**9, HOUR, 3 * HOUR])
hours = st.integers(0, 72)


@given(stamps, frequencies, hours)
def test_after_step_counts_from_the_end_of_the_step_that_holds_the_stamp(
    times: list[int], frequency: int, delay: int
) -> None:
    rule = AfterStep(after_step=f"{delay}h")  # type: ignore[arg-type]
    expected = [time // frequency * frequency + frequency + delay * HOUR for time in times]
    assert rule.moments(np.array(times), None, StampGrid(frequency), "UTC").tolist() == expected


@given(stamps, frequencies, hours)
def test_before_step_counts_from_the_start_of_the_step_that_holds_the_stamp(
    times: list[int], frequency: int, early: int
) -> None:
    rule = BeforeStep(before_step=f"{early}h")  # type: ignore[arg-type]
    expected = [time // frequency * frequency - early * HOUR for time in times]
    assert rule.moments(np.array(times), None, StampGrid(frequency), "UTC").tolist() == expected


@given(stamps, hours)
def test_at_issue_plus_counts_from_the_issue_time(times: list[int], delay: int) -> None:
    rule = AtIssuePlus(at_issue_plus=f"{delay}h")  # type: ignore[arg-type]
    valid = np.array(times)
    assert rule.moments(valid, valid - 7, StampGrid(HOUR), "UTC").tolist() == [
        time - 7 + delay * HOUR for time in times
    ]


def test_at_issue_plus_needs_an_issue_time() -> None:
    rule = AtIssuePlus(at_issue_plus="1h")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="issue_time"):
        rule.moments(np.array([0]), None, StampGrid(HOUR), "UTC")


@given(stamps, zones, zones, st.integers(-3, 3), st.integers(0, 23), st.sampled_from([0, 30]))
def test_a_daily_batch_comes_at_a_local_time_some_local_days_away(
    times: list[int], zone: str, group_zone: str, day: int, hour: int, minute: int
) -> None:
    for named, resolved in ((zone, zone), ("group", group_zone)):
        rule = DayAt(day=day, at=f"{hour:02}:{minute:02}", zone=named)
        expected = []
        for time in times:
            midnight = local(time, resolved).replace(hour=0, minute=0, second=0)
            expected.append(stamp_of(midnight + timedelta(days=day, hours=hour, minutes=minute), resolved))
        assert rule.moments(np.array(times), None, StampGrid(HOUR), group_zone).tolist() == expected
