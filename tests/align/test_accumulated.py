"""Amounts of steps from accumulated forecasts, against a slow loop over the rows of each vintage."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.align.accumulated import ROUNDING, amounts_of, count_amounts
from hindcast.pipeline.align.align_group import align_frames
from hindcast.pipeline.align.source_rows import SourceRows
from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.settings.stamp_grid import StampGrid
from tests.align.mock import HOUR, SOURCES, START, frame, mock_params
from tests.examples import examples

RAIN = {"weather.rain": {"accumulated": "since_issue"}}


def params(**source: Any) -> Params:
    made = mock_params(sources=("weather", "meter"), values=RAIN, gaps={"fill": "0h", "longer": "indicator"})
    weather = made.raw.sources["weather"]
    changed = type(weather).model_validate(weather.model_dump(by_alias=True) | source)
    sources = {**made.raw.sources, "weather": changed}
    return made.model_copy(update={"raw": made.raw.model_copy(update={"sources": sources})})


def rows_of(cells: list[tuple[int, int, float, float]]) -> SourceRows:
    """Rows of series 0 from (series, issue in hours, lead in hours, value)."""
    series, issue, lead, value = (np.array(column) for column in zip(*cells, strict=True))
    issued = START + issue.astype(np.int64) * HOUR
    valid = issued + np.rint(lead * HOUR).astype(np.int64)
    return SourceRows(series.astype(np.int64), valid, issued, issued, {"rain": value.astype(np.float64)})


cells = st.tuples(
    st.integers(0, 1), st.sampled_from([0, 6]), st.integers(-4, 30).map(lambda quarters: quarters / 4),
    st.sampled_from([0.0, 1.0, 1.0005, 2.5, 4.0, -1.0, np.nan]),
)  # fmt: skip


@examples(150)
@given(
    st.lists(cells, min_size=1, max_size=25, unique_by=lambda cell: cell[:3]),
    st.sampled_from([None, "1h", "15min"]),
    st.sampled_from(["start", "end"]),
)
def test_an_amount_is_the_difference_from_the_lead_before(
    given_cells: list[tuple[int, int, float, float]], spacing: str | None, label: str
) -> None:
    source = params(spacing=spacing, valid_time={"column": "v", "label": label}).raw.sources["weather"]
    found = amounts_of(rows_of(given_cells), "rain", source, StampGrid(HOUR))
    declared = {None: None, "1h": 1.0, "15min": 0.25}[spacing]
    gaps = resets = 0
    for at, (series, issue, lead, value) in enumerate(given_cells):
        vintage = sorted(c[2:] for c in given_cells if c[:2] == (series, issue) and not np.isnan(c[3]))
        leads = [each for each, _ in vintage]
        apart = [b - a for a, b in pairwise(leads)]
        longest = declared or min([1.0, *apart])
        before = [each for each in vintage if 0 < lead - each[0] <= longest]
        if np.isnan(value):
            due = np.nan
        elif before:
            due = value - before[-1][1]
            if due * before[-1][1] < 0:
                is_rounding = abs(due) <= ROUNDING * abs(before[-1][1])
                due = 0.0 if is_rounding else np.nan
                resets += not is_rounding
        else:
            due = value if lead + (label == "end") <= longest else np.nan
            gaps += bool(np.isnan(due))
        assert found.value[at] == pytest.approx(due, nan_ok=True), given_cells[at]
    assert (int(found.is_gap.sum()), int(found.is_reset.sum())) == (gaps, resets)


def test_a_missing_lead_makes_no_double_amount_and_everything_is_counted() -> None:
    table = rows_of(
        [(0, 0, lead, value) for lead, value in ((1, 2.0), (2, 3.0), (4, 7.0), (5, 8.5), (6, 1.0), (7, 1.5))]
    )
    chosen = params()
    found = amounts_of(table, "rain", chosen.raw.sources["weather"], StampGrid(HOUR))
    np.testing.assert_array_equal(found.value, [2.0, 1.0, np.nan, 1.5, np.nan, 0.5])
    source, steps = chosen.raw.sources["weather"], StampGrid(HOUR)
    assert count_amounts(table, source, steps, lambda series: f"here/{'a'[series]}") == {
        "rain": {
            "rows": 6,
            "after_a_gap": 1,
            "example_of_after_a_gap": "here/a, issued 2024-03-29T00:00:00Z, for 2024-03-29T04:00:00Z: 7",
            "decreases": 1,
            "example_of_decreases": "here/a, issued 2024-03-29T00:00:00Z, for 2024-03-29T06:00:00Z: 1 after 8.5",
        }
    }


def test_a_coarser_accumulation_is_interpolated_before_it_is_differenced() -> None:
    rows: list[dict[str, Any]] = [
        {
            "series": "a",
            "issue": START,
            "known": START,
            "valid": START + lead * HOUR,
            "rain": 3.0 * lead,
            "temp": 1.0,
        }
        for lead in (0, 3, 6)
    ]
    meter = [
        {"series": "a", "valid": START + hour * HOUR, "known": START + 9 * HOUR, "usage": 1.0}
        for hour in range(7)
    ]
    chosen = params(interpolate="3h")
    chosen = chosen.model_copy(
        update={"align": mock_params(origin={"before": "0h"}, sources=("weather", "meter")).align}
    )
    aligned = align_frames(
        {"weather": frame(rows, ("temp", "rain")), "meter": frame(meter, ("usage", "flow"))}, chosen, "here"
    )
    at = [feature.name for feature in aligned.features].index("rain")
    np.testing.assert_allclose(aligned.sequences[0].X[:, at], [0, 3, 3, 3, 3, 3, 3])
    assert (
        "the amount of rain in the step (the difference of two sums since the issue time)"
        in aligned.features[at].description
    )


@pytest.mark.parametrize(
    ("source", "values", "message"),
    [
        ("model", {"model.guess": {"accumulated": "since_issue"}}, "needs a forecast with an issue_time"),
        ("meter", {"meter.flow": {"accumulated": "since_issue"}}, "needs a forecast with an issue_time"),
        (
            "weather",
            {"weather.rain": {"accumulated": "since_issue", "flag": {"above": 1}}},
            "remove angle, flag",
        ),
    ],
)
def test_rules_that_cannot_hold_are_faults(source: str, values: dict[str, Any], message: str) -> None:
    assert source in SOURCES
    with pytest.raises(SettingsError, match=message):
        mock_params(values=values)


ZONES = {"UTC": None, "Europe/Berlin": "Europe/Berlin", "America/New_York": "America/New_York"}


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("label", ["start", "end"])
def test_days_of_23_and_25_hours_count_as_one_step(zone: str, label: str) -> None:
    """Daily sums of a year, issued on every seventh day at 06:00: each lead has its amount, and one after a hole has none."""
    source = params(valid_time={"column": "v", "label": label}).raw.sources["weather"]
    steps, clock = StampGrid(24 * HOUR, zone=ZONES[zone]), ZoneInfo(zone)
    rows = []
    for week in range(52):
        issued = datetime(2024, 1, 1, 6, tzinfo=clock) + timedelta(days=7 * week)
        for ahead in range(10):
            if (week, ahead) in ((12, 3), (30, 0)):  # holes; the first lies in the week of a clock change
                continue
            day = datetime(2024, 1, 1, tzinfo=clock) + timedelta(days=7 * week + ahead)
            moments = [int(moment.timestamp()) * 10**9 for moment in (issued, day)]
            rows.append((*moments, float(2 ** (ahead + 1) - 1), ahead, (week, ahead) in ((12, 4), (30, 1))))
    issue, valid, value, lead, after_hole = (np.array(column) for column in zip(*rows, strict=True))
    table = SourceRows(np.zeros(len(rows), np.int64), valid, issue, issue, {"rain": value})
    found = amounts_of(table, "rain", source, steps)
    np.testing.assert_array_equal(found.value, np.where(after_hole, np.nan, 2.0**lead))
    assert found.is_gap.sum() == 2
