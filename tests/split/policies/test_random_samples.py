"""The plain permutation of method 3, and the overlaps that it counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hindcast.pipeline.errors import SplitError
from hindcast.pipeline.settings.split import RandomSamples
from hindcast.pipeline.split.plan import plan_splits
from hindcast.pipeline.store.index_types import Split
from tests.split.in_memory import HOUR, Track, plain_track, steps_of
from tests.split.slow_rows import Key, every_row, scored, tracks_of_any_kind


def settings(validation: float = 0.1, test: float = 0.2) -> RandomSamples:
    return RandomSamples(policy="random", validation=validation, test=test)


def rows_of(tracks: list[Track], segment_length: int, split: Split) -> list[set[Key]]:
    """The rows of each listed sample, cut from the tracks one after another."""
    samples = [
        {(track.series, track.track, row.time) for row in track.rows[first : first + segment_length]}
        for track in tracks
        for first in range(0, len(track.rows), segment_length)
    ]
    return [samples[index] for index in split.indices.tolist()]


@given(
    tracks=tracks_of_any_kind(longest=150),
    segment_length=st.sampled_from([1, 7, 24]),
    reach=st.integers(0, 60),
    seed=st.integers(0, 9),
)
def test_lists_are_a_permutation_cut_by_shares_and_overlaps_are_counted_row_by_row(
    tracks: list[Track], segment_length: int, reach: int, seed: int
) -> None:
    assume(any(row.weight for _, row in every_row(tracks)))
    steps = steps_of(tracks, segment_length)
    try:
        plan = plan_splits(steps, settings(), seed, reach=reach * HOUR)
    except SplitError:
        assume(False)
    count = steps.sample_count
    drawn = np.random.default_rng(seed).permutation(count).tolist()
    first, second = count * 7 // 10, count * 8 // 10
    parts = [drawn[:first], drawn[first:second], drawn[second:]]
    assert [split.indices.tolist() for split in plan.splits] == [sorted(part) for part in parts]

    weighed = {key for key, row in every_row(tracks) if row.weight}
    samples = [rows_of(tracks, segment_length, split) for split in plan.splits]
    for split, mine in zip(plan.splits, samples, strict=True):
        assert scored(steps, split) == set().union(*mine) & weighed, "whole samples are scored"
    held = [{(name, time) for rows in part for name, _, time in rows} for part in samples]
    for number, others in ((0, held[1] | held[2]), (1, held[0]), (2, held[0])):
        seen = [
            {(name, time - back * HOUR) for name, _, time in rows for back in range(reach + 1)}
            for rows in samples[number]
        ]
        due = sum(bool(one & others) for one in seen)
        assert plan.splits[number].attributes["overlap_count"] == due


def test_the_seed_draws_the_permutation() -> None:
    steps = steps_of([plain_track(1000)], 10)
    lists = [plan_splits(steps, settings(), seed).splits[2].indices.tolist() for seed in (1, 1, 2)]
    assert lists[0] == lists[1] != lists[2]


def test_the_warning_says_how_much_leaks_and_which_policies_do_not() -> None:
    steps = steps_of([plain_track(1000)], 10)
    plan = plan_splits(steps, settings(), seed=0, reach=200 * HOUR)
    assert "the inputs of 100% of the samples of validation and 100% of the samples of test" in plan.warning
    assert "chronological, rolling_origin, by_series or by_group" in plan.warning


@pytest.mark.parametrize(("validation", "test"), [(0, 0.2), (0.2, 0), (0, 0)])
def test_a_part_of_zero_is_empty(validation: float, test: float) -> None:
    steps = steps_of([plain_track(200)], 10)
    plan = plan_splits(steps, settings(validation, test), seed=0)
    assert [len(split.indices) for split in plan.splits] == [
        20 - round(20 * (validation + test)),
        20 * validation,
        20 * test,
    ]


def test_a_part_too_small_for_a_sample_is_refused() -> None:
    with pytest.raises(SplitError, match="validation has no step to score"):
        plan_splits(steps_of([plain_track(30)], 10), settings(0.1, 0.2), seed=0)
