"""A split scores every step between its borders, whatever the length of a sample."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.feed.source import scored_steps, split_samples
from tests.feed.memory import HOUR, MemorySource, chronological, in_three_splits, memory_source

worlds = st.tuples(
    st.lists(st.tuples(st.integers(1, 30), st.integers(0, 25)), min_size=1, max_size=5),
    st.lists(st.integers(0, 40), min_size=2, max_size=2, unique=True).map(sorted),
)


def scored_hours(source: MemorySource, split: str) -> set[tuple[int, int]]:
    """(sequence, hour) that the played samples of a split score."""
    part, table = source.split(split), source.sequences
    samples = split_samples(source, part)
    found = set()
    for sample, steps in zip(samples, scored_steps(source, part, samples), strict=True):
        row = int(np.searchsorted(table.first_sample, sample, side="right")) - 1
        for offset in np.flatnonzero(steps):
            step = int((sample - table.first_sample[row]) * source.segment_length + offset)
            if step < table.step_count[row]:
                found.add((row, int(table.start_time[row]) // HOUR + step))
    return found


@given(worlds, st.integers(1, 9), st.sampled_from(["train", "validation", "test"]))
def test_what_a_split_scores_is_every_step_between_its_borders_whatever_the_segment_length(
    world: tuple[list[tuple[int, int]], list[int]], segment_length: int, split: str
) -> None:
    source = in_three_splits(*world, segment_length)
    since, until = source.split(split).from_time // HOUR, source.split(split).until_time // HOUR
    wanted = {
        (row, hour)
        for row, (steps, start) in enumerate(world[0])
        for hour in range(start, start + steps)
        if since <= hour < until
    }
    assert scored_hours(source, split) == wanted


def test_a_sequence_that_starts_just_before_a_border_is_scored_before_it() -> None:
    source = chronological(
        memory_source([40, 10], [0, 22], segment_length=8),
        {"train": (0, 24), "validation": (24, 32), "test": (32, 60)},
    )
    assert {hour for row, hour in scored_hours(source, "train") if row == 1} == {22, 23}
