"""Rows of whole series: gaps, usual steps, samples and spans, against one series after another."""

from __future__ import annotations

import numpy as np
import pytest

from hindcast.pipeline.raw.quality_rows import Rows, Spans
from hindcast.pipeline.settings.base import HOUR
from tests.raw.quality_oracle import expected_findings, near_rows, usual_step


def _rows(seed: int, vintages: bool) -> tuple[Rows, list[np.ndarray]]:
    random = np.random.default_rng(seed)
    series = []
    for number in range(12):
        steps = (
            random.choice([1, 1, 1, 1, 2, 9, 40], random.integers(1, 300))
            if number % 3
            else np.ones(200, int)
        )
        times = HOUR * np.cumsum(steps * random.choice([1, 24]))
        series.append(np.repeat(times, random.integers(1, 3, len(times)) if vintages else 1))
    codes = np.repeat(np.arange(len(series)), [len(times) for times in series])
    return Rows(codes, np.concatenate(series), HOUR, "UTC"), series


@pytest.mark.parametrize("vintages", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_rows_are_those_of_each_series_alone(seed: int, vintages: bool) -> None:
    rows, series = _rows(seed, vintages)
    starts = np.cumsum([0, *map(len, series)])
    breaks = np.concatenate(
        [
            start + np.flatnonzero(np.append(~near_rows(times, HOUR), True))
            for start, times in zip(starts, series, strict=False)
        ]
    )
    assert np.array_equal(rows.breaks, breaks)
    assert rows.usual.tolist() == [usual_step(times) for times in series]
    newest = np.concatenate([np.append(np.diff(times) != 0, True) for times in series])
    assert np.array_equal(rows.track.times, rows.times[newest])
    picked, first, lengths = rows.sample
    for place, start in enumerate(starts[:-1].tolist()):
        sampled = picked[first[place] : first[place] + lengths[place]]
        assert sampled.tolist() == list(range(start, start + len(series[place]), 7))
    gaps = [
        (place, found)
        for place, times in enumerate(series)
        for found in expected_findings(times, np.ones(len(times)), HOUR)
        if found.reason == "gap"
    ]
    assert rows.track.gaps == gaps


def test_spans_join_neighbours_of_one_series_and_keep_the_largest_size() -> None:
    rows = Rows(np.repeat([0, 1], 5), HOUR * np.tile(np.arange(5), 2), HOUR, "UTC")
    spans = Spans.of_rows(rows, np.array([4, 3, 5, 3, 9, 0]), np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]))
    assert spans.firsts.tolist() == [0, 3, 5, 9]
    assert spans.stops.tolist() == [1, 5, 6, 10]
    assert spans.sizes.tolist() == [6, 4, 3, 5]
    assert len(Spans.of_rows(rows, np.empty(0, np.int64), np.empty(0)).firsts) == 0
