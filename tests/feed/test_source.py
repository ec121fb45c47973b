"""A split scores every step between its borders, whatever the length of a sample."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.feed.batches import Batch, WindowBatches
from hindcast.pipeline.feed.columns import Columns
from hindcast.pipeline.feed.source import read_weights, scored_steps, split_samples
from hindcast.pipeline.feed.streams import Lanes, Segments, Stream, Windows
from tests.feed.memory import (
    HOUR,
    MemorySource,
    chronological,
    in_three_splits,
    memory_source,
    window_batches_of,
)

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


@pytest.mark.parametrize("mode", ["lanes", "windows", "segments"])
def test_flagged_targets_have_no_weight_in_training_and_keep_it_in_validation_and_test(mode: str) -> None:
    source = in_three_splits([(30, 0), (25, 3)], [12, 22], 4)
    source.arrays["flagged"] = (np.random.default_rng(0).random(source.arrays["W"].shape) < 0.3).astype(
        np.uint8
    )
    every = np.arange(len(source.arrays["W"]))
    assert (
        read_weights(source, "folds/1/train", every) == source.arrays["W"] * (1 - source.arrays["flagged"])
    ).all()
    columns = Columns.whole(3, ["y"])
    for split in ("train", "validation", "test"):
        made: dict[str, Stream] = {
            "lanes": Lanes(source, split, 2, columns, shuffle=False),
            "windows": Windows(source, split, 8, columns, shuffle=False, lookback=3),
            "segments": Segments(source, split, 8, columns, shuffle=False),
        }
        total = sum(float(np.sum(weights["y"])) for _, _, weights in made[mode])
        samples = split_samples(source, source.split(split))
        inside = scored_steps(source, source.split(split), samples)[..., None]
        flagged = source.arrays["flagged"][samples] * inside * source.arrays["W"][samples]
        assert flagged.sum() > 0
        kept = (source.arrays["W"][samples] * inside).sum()
        assert total == (kept - flagged.sum() if split == "train" else kept)


def test_training_windows_and_lanes_have_no_weight_at_flagged_targets() -> None:
    source = in_three_splits([(30, 0), (25, 3)], [12, 22], 4)
    source.arrays["flagged"] = np.zeros(source.arrays["W"].shape, np.uint8)
    plain = sum(float(batch.weights.sum()) for batch in _batches(window_batches_of(source, "train", 3, 8)))
    source.arrays["flagged"][1] = 1
    found = sum(float(batch.weights.sum()) for batch in _batches(window_batches_of(source, "train", 3, 8)))
    assert found == plain - source.segment_length
    source.arrays["flagged"][:] = 1
    assert len(window_batches_of(source, "train", 3, 8)) == 0
    assert len(window_batches_of(source, "test", 3, 8)) > 0


def _batches(made: WindowBatches) -> list[Batch]:
    return [made[number] for number in range(len(made))]
