"""Amounts between the readings of counters, against a slow loop over the rows of each series."""

from __future__ import annotations

import copy
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.align.align_group import align_frames
from hindcast.pipeline.align.readings import count_counted, counted
from hindcast.pipeline.align.source_rows import SourceRows
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.settings.stamp_grid import StampGrid
from tests.align.mock import HOUR, SOURCES, START, frame, mock_params
from tests.examples import examples


def counter_params(counter: Any = True, **source: Any) -> Params:
    """Settings with `usage` as a counter."""
    meter = copy.deepcopy(SOURCES["meter"])
    meter["values"]["usage"] |= {"counter": counter, "resample": "sum"}
    meter |= {"valid_time": {"column": "v", "label": "end"}, "known": {"after_step": "0h"}, **source}
    return mock_params(sources=("meter",), described={"meter": meter}, gaps={"fill": "0h"})


def rows_of(cells: list[tuple[int, float, float]]) -> SourceRows:
    """Rows from (series, hour, reading)."""
    series, hour, value = (np.array(column) for column in zip(*cells, strict=True))
    valid = START + np.rint(hour * HOUR).astype(np.int64)
    return SourceRows(series.astype(np.int64), valid, valid, valid, {"usage": value.astype(np.float64)})


cells = st.tuples(
    st.integers(0, 1), st.integers(0, 30).map(lambda quarters: quarters / 4),
    st.sampled_from([0.0, 1.0, 3.5, 60.0, 99.5, np.nan]),
)  # fmt: skip


@examples(150)
@given(
    st.lists(cells, min_size=1, max_size=25, unique_by=lambda cell: cell[:2]),
    st.sampled_from([None, "1h", "15min"]),
    st.sampled_from([True, {"rollover": 100}]),
)
def test_an_amount_is_the_difference_from_the_reading_before(
    given_cells: list[tuple[int, float, float]], spacing: str | None, counter: Any
) -> None:
    source = counter_params(counter, spacing=spacing).raw.sources["meter"]
    found = counted(rows_of(given_cells), "usage", source, StampGrid(HOUR))
    declared = {None: None, "1h": 1.0, "15min": 0.25}[spacing]
    gaps = resets = rollovers = 0
    for at, (series, hour, value) in enumerate(given_cells):
        readings = sorted(c[1:] for c in given_cells if c[0] == series and not np.isnan(c[2]))
        hours = [each for each, _ in readings]
        longest = declared or min([1.0, *(b - a for a, b in pairwise(hours))])
        earlier = [each for each in readings if each[0] < hour]
        due = np.nan
        if not np.isnan(value) and earlier:
            if hour - earlier[-1][0] > longest:
                gaps += 1
            elif value >= earlier[-1][1]:
                due = value - earlier[-1][1]
            elif counter is not True and 100 + value - earlier[-1][1] <= 50:
                due, rollovers = 100 + value - earlier[-1][1], rollovers + 1
            else:
                resets += 1
        assert found.value[at] == pytest.approx(due, nan_ok=True), given_cells[at]
    assert (int(found.is_gap.sum()), int(found.is_reset.sum()), int(found.is_rollover.sum())) == (
        gaps, resets, rollovers,
    )  # fmt: skip


def test_missing_readings_resets_and_rollovers_are_counted_with_an_example() -> None:
    table = rows_of(
        [(0, hour, value) for hour, value in ((1, 2.0), (2, 3.0), (4, 7.0), (5, 99.0), (6, 1.0), (7, 0.5))]
    )
    found = count_counted({"meter": table}, counter_params({"rollover": 100}), "here", ("a",))
    assert found == {
        "meter.usage": {
            "rows": 6,
            "after_a_missing_reading": 1,
            "example_of_after_a_missing_reading": "here/a, 2024-03-29T04:00:00Z: 7",
            "resets": 1,
            "example_of_resets": "here/a, 2024-03-29T07:00:00Z: 0.5 after 1",
            "rollovers": 1,
            "example_of_rollovers": "here/a, 2024-03-29T06:00:00Z: 1 after 99",
        }
    }


def test_targets_are_the_amounts_of_steps() -> None:
    meter: list[dict[str, Any]] = [
        {"series": "a", "valid": START + quarter * HOUR // 4, "known": START + (quarter + 1) * HOUR // 4,
         "usage": 100.0 + quarter**2, "flow": 1.0}
        for quarter in range(4 * 72)
    ]  # fmt: skip
    aligned = align_frames({"meter": frame(meter, ("usage", "flow"))}, counter_params(), "here")
    targets = np.concatenate([each.Y[each.W[:, 0] > 0, 0] for each in aligned.sequences])
    last = 4 * 72 - 1
    assert targets[-1] == last**2 - (last - 4) ** 2
    assert aligned.amounts["meter.usage"]["rows"] == 4 * 72
