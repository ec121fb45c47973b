"""A split scores every step between its borders, whatever the length of a sample."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.feed.batches import Batch, BatchSource, LaneBatches, WindowBatches
from hindcast.pipeline.feed.columns import Columns
from hindcast.pipeline.feed.lanes import assign_whole_runs
from hindcast.pipeline.feed.runs import training_runs
from hindcast.pipeline.feed.scored_rows import scored_spans
from hindcast.pipeline.feed.source import read_weights, scored_steps, split_samples
from hindcast.pipeline.feed.streams import Lanes, Segments, Stream, Windows
from hindcast.pipeline.feed.windows import WindowPlan
from tests.feed.memory import (
    HOUR,
    MemorySource,
    chronological,
    in_three_splits,
    memory_source,
    some_scaling,
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


@pytest.mark.parametrize("residual", [False, True])
def test_a_flagged_published_forecast_has_no_weight_where_its_error_is_learned(residual: bool) -> None:
    source = in_three_splits([(30, 0), (25, 3)], [12, 22], 4)
    marks = np.random.default_rng(0).integers(0, 4, source.arrays["W"].shape).astype(np.uint8)
    source.arrays["flagged"] = marks
    every, out = np.arange(len(marks)), (marks > 0) if residual else (marks % 2 == 1)
    weights = source.arrays["W"] * (1 - out)
    assert (read_weights(source, "train", every, residual=residual) == weights).all()
    assert (read_weights(source, "test", every, residual=residual) == source.arrays["W"]).all()
    samples = split_samples(source, source.split("train"))
    inside = scored_steps(source, source.split("train"), samples)[..., None]
    part, spans = source.split("train"), scored_spans(source, "train", residual=residual)
    batch_source = BatchSource(source, some_scaling(), np.ones(2, np.int32), with_published=residual)
    made: list[WindowBatches | LaneBatches] = [
        WindowBatches(batch_source, WindowPlan(spans, source.segment_length, 3), 8),
        LaneBatches(batch_source, part, assign_whole_runs(training_runs(source, part), 2)),
    ]
    for batches in made:
        total = sum(float(batches[number].weights.sum()) for number in range(len(batches)))
        assert total == (weights[samples] * inside).sum() > 0
    assert len(spans) == total


def _batches(made: WindowBatches) -> list[Batch]:
    return [made[number] for number in range(len(made))]
