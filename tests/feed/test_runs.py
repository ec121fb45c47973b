"""Runs play every sample of a split, in one go where they can and with enough context before them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.feed.runs import evaluation_runs, training_runs
from hindcast.pipeline.feed.source import split_samples
from tests.feed.memory import HOUR, chronological, in_three_splits, memory_source

worlds = st.tuples(
    st.lists(st.tuples(st.integers(1, 30), st.integers(0, 25)), min_size=1, max_size=5),
    st.lists(st.integers(0, 40), min_size=2, max_size=2, unique=True).map(sorted),
)


@given(worlds, st.integers(1, 9), st.one_of(st.none(), st.integers(1, 20)))
def test_training_runs_play_every_sample_once_in_parts_no_longer_than_asked(
    world: tuple[list[tuple[int, int]], list[int]], segment_length: int, run_length: int | None
) -> None:
    source = in_three_splits(*world, segment_length)
    part, table = source.split("train"), source.sequences
    runs = training_runs(source, part, run_length)
    played = [
        (sample, row)
        for row, first, count in zip(runs.sequence, runs.first_sample, runs.sample_count, strict=True)
        for sample in range(first, first + count)
    ]
    assert sorted(sample for sample, _ in played) == list(split_samples(source, part))
    assert all(
        table.first_sample[row] <= sample < table.first_sample[row] + table.sample_count[row]
        for sample, row in played
    )
    assert not runs.context.any()
    if run_length is not None:
        assert (runs.sample_count <= max(1, run_length // segment_length)).all()
    lengths = {int(row): runs.sample_count[runs.sequence == row] for row in runs.sequence}
    assert all(parts.max() - parts.min() <= 1 for parts in lengths.values()), "parts as equal as can be"


@given(worlds, st.integers(1, 9), st.integers(0, 30))
def test_evaluation_runs_are_whole_and_begin_early_enough(
    world: tuple[list[tuple[int, int]], list[int]], segment_length: int, context: int
) -> None:
    source = in_three_splits(*world, segment_length)
    part, table = source.split("test"), source.sequences
    runs = evaluation_runs(source, part, context)
    assert len(set(runs.sequence.tolist())) == len(runs), "one run a sequence"
    for row, first, count, before in zip(
        runs.sequence, runs.first_sample, runs.sample_count, runs.context, strict=True
    ):
        begin = int(table.start_time[row]) // HOUR + int(first - table.first_sample[row]) * segment_length
        first_scored = max(part.from_time // HOUR, int(table.start_time[row]) // HOUR)
        at_start = first == table.first_sample[row]
        assert begin <= first_scored - context or at_start
        assert begin > first_scored - context - segment_length or before == 0, (
            "no more than a sample too much"
        )
        assert before < count
        assert first + count == table.first_sample[row] + table.sample_count[row]


def test_a_border_at_the_end_of_all_time_does_not_overflow() -> None:
    source = chronological(memory_source([40], [5]), {"test": (10, 60)})
    part = source.split("test")
    endless = type(part)("test", part.indices, part.from_time, np.iinfo(np.int64).max)
    runs = training_runs(source, endless)
    assert runs.total == len(part.indices)


def test_a_gap_in_the_list_of_samples_ends_a_run() -> None:
    source = memory_source([40])
    part = type(chronological(source, {"train": (0, 60)}).split("train"))(
        "train", np.array([0, 1, 4, 5, 6]), 0, 60 * HOUR
    )
    runs = training_runs(source, part)
    assert [(int(a), int(b)) for a, b in zip(runs.first_sample, runs.sample_count, strict=True)] == [
        (0, 2),
        (4, 3),
    ]
    assert all(a < b for a, b in pairwise(runs.first_sample))
