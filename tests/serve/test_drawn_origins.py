"""Origins are drawn the same way each time, spread over the split, with those at clock changes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.serve.drawn_origins import (
    MOST_GROUPS,
    MOST_SERIES,
    OriginSpan,
    clock_changes,
    draw_origins,
    evenly,
    series_at,
)
from hindcast.pipeline.settings.base import DAY, HOUR

START = int(pd.Timestamp("2024-02-01T10:00Z").value)
SPRING = int(pd.Timestamp("2024-03-31T01:00Z").value)


def span(days: int, offset: int = 0) -> OriginSpan:
    """Daily origins of the next day."""
    origin = START + offset * DAY + np.arange(days) * DAY
    return OriginSpan(origin, origin + 14 * HOUR, origin + 37 * HOUR)


@given(count=st.integers(1, 120), days=st.integers(1, 100), groups=st.integers(1, 3))
def test_there_are_as_many_as_asked_for_or_all(count: int, days: int, groups: int) -> None:
    spans = {str(number): span(days, number) for number in range(groups)}
    every = np.unique(np.concatenate([each.origin for each in spans.values()]))
    drawn = draw_origins(spans, dict.fromkeys(spans, "UTC"), count)
    origins = [each.origin for each in drawn]
    assert origins == sorted(set(origins))
    assert set(origins) <= set(every.tolist())
    assert len(origins) == min(count, len(every))
    assert all(each.groups == tuple(g for g in spans if each.origin in spans[g].origin) for each in drawn)
    if count > 1:
        assert (origins[0], origins[-1]) == (every[0], every[-1])
    assert drawn == draw_origins(spans, dict.fromkeys(spans, "UTC"), count)


@pytest.mark.parametrize("count", [1, 2, 5, 50])
def test_origins_at_a_clock_change_are_always_drawn(count: int) -> None:
    spans = {"ES": span(90), "JP": span(90)}
    drawn = draw_origins(spans, {"ES": "Europe/Madrid", "JP": "Asia/Tokyo"}, count)
    near = [each for each in drawn if each.clock_change]
    assert len(near) == min(count, 2)  # the change comes an hour after the first step of an origin
    ends = {each.origin + 14 * HOUR: each.origin + 37 * HOUR for each in near}
    assert all(first - 2 * HOUR <= SPRING <= last + 2 * HOUR for first, last in ends.items())
    assert len(drawn) == count


def test_of_many_origins_near_a_change_the_first_the_middle_and_the_last_are_drawn() -> None:
    origin = START + np.arange(80 * 24) * HOUR
    spans = {"ES": OriginSpan(origin, origin + 2 * HOUR, origin + 2 * HOUR)}
    drawn = draw_origins(spans, {"ES": "Europe/Madrid"}, 20)
    steps = [each.origin + 2 * HOUR - SPRING for each in drawn if each.clock_change]
    assert steps == [-2 * HOUR, 0, HOUR]
    assert len(drawn) == 20


def test_of_many_groups_all_have_their_turn() -> None:
    spans = {f"{number:03}": span(60) for number in range(100)}
    drawn = draw_origins(spans, dict.fromkeys(spans, "UTC"), 20)
    assert all(len(each.groups) == MOST_GROUPS for each in drawn)
    assert {group for each in drawn for group in each.groups} == set(spans)


def test_many_groups_with_the_same_clock_change_have_their_turn_too() -> None:
    spans = {f"{number:03}": span(60) for number in range(2 * MOST_GROUPS)}
    drawn = [
        each for each in draw_origins(spans, dict.fromkeys(spans, "Europe/Madrid"), 2) if each.clock_change
    ]
    assert len(drawn) == 2
    assert {group for each in drawn for group in each.groups} == set(spans)


def test_clock_changes_are_those_of_the_zone() -> None:
    year = int(pd.Timestamp("2024-01-01T00:00Z").value)
    found = clock_changes("Europe/Madrid", year, year + 366 * DAY)
    assert [str(pd.Timestamp(each)) for each in found] == ["2024-03-31 01:00:00", "2024-10-27 01:00:00"]
    assert not len(clock_changes("UTC", year, year + 366 * DAY))


@given(length=st.integers(0, 50), count=st.integers(0, 60))
def test_indices_are_evenly_spaced(length: int, count: int) -> None:
    found = evenly(length, count)
    assert len(found) == min(length, count)
    assert sorted(set(found.tolist())) == found.tolist()
    if len(found) > 2:
        assert np.ptp(np.diff(found)) <= 1


def test_of_many_series_all_have_their_turn() -> None:
    names = [f"{number:04}" for number in range(3 * MOST_SERIES + 1)]
    assert series_at(7, names[:MOST_SERIES]) is None
    pieces = [series_at(number, names) for number in range(8)]
    assert [name for piece in pieces[:4] for name in piece or ()] == names
    assert pieces[4:] == pieces[:4]
