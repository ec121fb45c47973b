"""The value of 52 weeks before, found the slow way: one row at a time, over sequences with gaps, tracks and revisions."""

from __future__ import annotations

import numpy as np
import pytest

from hindcast.pipeline.feed.scored_rows import scored_rows
from hindcast.pipeline.judge.seasonal_year import seasonal_year
from hindcast.pipeline.store.index_types import Sequences, Split
from tests.align.mock import DAY
from tests.judge.mock_judged import START, MockDataset

WEEK = 7 * DAY


def weekly_dataset(seed: int, segment: int) -> MockDataset:
    """Two series with two tracks; each track has two sequences with a gap of random length between them."""
    random, rows, times = np.random.default_rng(seed), [], []
    first = 0
    for series in ("a", "b"):
        for track in (0, 1):
            begin = START + int(random.integers(3)) * WEEK
            for _ in range(2):
                steps = int(random.integers(60, 100))
                count = -(-steps // segment)
                rows.append(("g", series, track, begin, first, count, steps))
                times.append(begin + np.arange(count * segment) * WEEK)
                first, begin = first + count, begin + (steps + int(random.integers(1, 9))) * WEEK
    columns = [
        np.array(column, object if place < 2 else np.int64)
        for place, column in enumerate(zip(*rows, strict=True))
    ]
    time = np.concatenate(times).reshape(-1, segment)
    shape = (first, segment, 2)
    arrays = {
        "Y": random.normal(size=shape).astype(np.float32),
        "W": (random.random(shape) < 0.8).astype(np.float32),
        "known": time[..., None] + random.integers(1, 120, shape) * WEEK,
        "origin": time - random.integers(0, 3, time.shape) * WEEK,
    }
    split = Split("test", np.arange(first), START + 80 * WEEK, START + 900 * WEEK)
    names = ("one", "two")
    return MockDataset(
        arrays, Sequences(*columns), {"test": split}, segment, (), names, names, frequency=WEEK
    )


@pytest.mark.parametrize("seed", range(5))
def test_the_value_is_the_last_one_of_the_same_week_known_at_the_origin(seed: int) -> None:
    dataset = weekly_dataset(seed, segment=[1, 4, 7, 52, 200][seed])
    rows, arrays, table = scored_rows(dataset, "test"), dataset.arrays, dataset.sequences
    origin = arrays["origin"][rows.sample, rows.offset]
    found = seasonal_year(dataset, rows, origin)
    known = dict[tuple[str, int, int, int], tuple[float, int]]()
    for row in range(len(table)):
        for step in range(int(table.step_count[row])):
            at = int(table.first_sample[row]) + step // dataset.segment_length, step % dataset.segment_length
            for target in range(2):
                if arrays["W"][at][target]:
                    key = (
                        table.series[row],
                        int(table.track[row]),
                        int(table.start_time[row]) + step * WEEK,
                        target,
                    )
                    known[key] = float(arrays["Y"][at][target]), int(arrays["known"][at][target])
    filled = 0
    for number in range(len(rows)):
        row, time = int(rows.sequence[number]), int(rows.time[number])
        for target in range(2):
            due = np.nan
            for back in (3, 2, 1):
                key = table.series[row], int(table.track[row]), time - back * 52 * WEEK, target
                if key in known and known[key][1] <= origin[number]:
                    due = known[key][0]
            np.testing.assert_equal(float(found[target, number]), due)
            filled += not np.isnan(due)
    assert filled > 20
    assert np.isnan(found).any()
