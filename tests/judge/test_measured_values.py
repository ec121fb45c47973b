"""Measured values of steps, with when they became known: those that alignment finds in tables cut at that moment."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hindcast.pipeline.align.align_group import align_frames
from hindcast.pipeline.judge.calibration import Measured
from hindcast.pipeline.judge.measured_values import MeasuredValues, join_measured
from tests.align.mock import HOUR, START, frame, mock_frames, mock_params


@pytest.mark.parametrize("seed", range(6))
def test_the_newest_value_at_a_moment_is_the_target_of_tables_cut_at_it(seed: int) -> None:
    chosen = mock_params(features={"forecast": [], "known": []}, gaps={"fill": "2h", "longer": "indicator"})
    tables = mock_frames(seed, hours=48, missing=0.05, revised=0.4, shared=float(seed > 3))
    whole = align_frames(tables, chosen, "here", compare_pairs=False)
    steps = [(one.series, int(time)) for one in whole.sequences for time in one.times]
    names, times = np.array([name for name, _ in steps], object), np.array([time for _, time in steps])
    found = MeasuredValues(tables, chosen, "here").of("usage", names, times)
    compared = 0
    for moment in (START + np.array([5, 20, 40, 60, 1000]) * HOUR).tolist():
        newest = {steps[row]: value for row, value in _newest(found, moment).items()}
        cut = {name: table[table["known_time"] <= moment] for name, table in tables.items()}
        aligned = align_frames(cut, chosen, "here", compare_pairs=False)
        expected = {
            (one.series, int(time)): float(value)
            for one in aligned.sequences
            for time, value, weight in zip(one.times, one.Y[:, 0], one.W[:, 0], strict=True)
            if weight > 0
        }
        for step in newest.keys() & expected.keys():
            assert np.float32(newest[step]) == np.float32(expected[step])
        compared += len(newest.keys() & expected.keys())
        assert not [step for step in expected if step in set(steps) and step not in newest]
    assert compared > 50


def _newest(found: Measured, moment: int) -> dict[int, float]:
    newest: dict[int, tuple[int, float]] = {}
    for row, known, value in zip(found.row.tolist(), found.known.tolist(), found.value.tolist(), strict=True):
        if known <= moment and (row not in newest or known >= newest[row][0]):
            newest[row] = (known, value)
    return {row: value for row, (_, value) in newest.items()}


def test_a_revision_counts_if_it_changes_the_value_and_an_unknown_series_has_none() -> None:
    rows = [(0, 2, 10.0), (0, 5, 10.0), (0, 9, 12.0), (1, 3, np.nan), (1, 4, 7.0)]
    meter = frame(
        [
            {"series": "a", "valid": START + valid * HOUR, "known": START + known * HOUR, "usage": value}
            for valid, known, value in rows
        ],
        ("usage", "flow"),
    )
    chosen = mock_params(sources=("meter",))
    series, times = np.array(["b", "a", "a", "a"], object), START + np.array([0, 1, 0, 99]) * HOUR
    found = MeasuredValues({"meter": meter}, chosen, "here").of("usage", series, times)
    assert sorted(zip(found.row.tolist(), (found.known - START) // HOUR, found.value.tolist(), strict=True)) == [
        (1, 4, 7.0), (2, 2, 10.0), (2, 9, 12.0),
    ]  # fmt: skip
    values, newest = MeasuredValues({"meter": meter}, chosen, "here"), START + 99 * HOUR
    for truth, due in (("first", [np.nan, 7.0, 10.0, np.nan]), ("last", [np.nan, 7.0, 12.0, np.nan])):
        np.testing.assert_array_equal(values.at_age("usage", series, times, truth, newest), due)  # type: ignore[arg-type]
    np.testing.assert_array_equal(
        values.at_age("usage", series, times, "first", START + 3 * HOUR), [np.nan, np.nan, 10.0, np.nan]
    )


def test_steps_of_local_days_are_found_by_their_labels() -> None:
    days = pd.date_range("2024-03-28", periods=5, freq="D", tz="Europe/Berlin").tz_convert("UTC")
    meter = frame(
        [
            {"series": "a", "valid": day.value, "known": day.value + 30 * HOUR, "usage": float(place)}
            for place, day in enumerate(days)
        ],
        ("usage", "flow"),
    )
    chosen = mock_params(sources=("meter",), frequency="1d", gaps={"fill": "0h"}, origin={"before": "1d"})
    labels = np.array([np.datetime64(f"2024-03-{day}", "ns").astype(np.int64) for day in (28, 29, 30, 31)])
    found = MeasuredValues({"meter": meter}, chosen, "here").of("usage", np.full(4, "a", object), labels)
    assert found.value.tolist() == [0.0, 1.0, 2.0, 3.0]


def test_parts_are_joined_by_the_rows_they_have() -> None:
    first = Measured(np.array([0, 1]), np.array([5, 6]), np.array([1.0, 2.0]))
    joined = join_measured(
        [
            (np.array([4, 7]), first),
            (np.array([2]), Measured(first.row[:1], first.known[:1], first.value[:1])),
        ]
    )
    assert joined.row.tolist() == [4, 7, 2]
    assert joined.value.tolist() == [1.0, 2.0, 1.0]
    assert not len(join_measured([]).row)
