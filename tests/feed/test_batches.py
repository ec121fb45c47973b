"""Batches of lanes: full shape, no NaN, weight only where a target counts."""

from __future__ import annotations

import pickle
import threading
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.feed.batches import Batch, BatchSource, LaneBatches
from hindcast.pipeline.feed.lanes import IDLE, LanePlan, assign_whole_runs, fill_lanes
from hindcast.pipeline.feed.prefetch import read_ahead
from hindcast.pipeline.feed.runs import evaluation_runs, training_runs
from hindcast.pipeline.feed.scored_rows import scored_rows
from tests.feed.memory import MemorySource, chronological, memory_source, some_scaling, window_batches_of


def lane_batches(source: MemorySource, split: str, lanes: int, context: int = 3) -> LaneBatches:
    part = source.split(split)
    series = np.arange(len(source.sequences), dtype=np.int32) + 1
    if split == "train":
        plan = fill_lanes(training_runs(source, part, 12), lanes, 0, 0)
    else:
        plan = assign_whole_runs(evaluation_runs(source, part, context), lanes)
    return LaneBatches(BatchSource(source, some_scaling(), series), part, plan)


def test_lanes_without_targets_have_the_same_inputs_and_weight_at_every_scored_step() -> None:
    source = chronological(memory_source([11, 7, 19], segment_length=4), {"train": (0, 9), "test": (9, 60)})
    whole = lane_batches(source, "test", 2)
    bare = replace(whole, source=replace(whole.source, with_targets=False))
    played = [bare[number] for number in range(len(bare))]
    assert source.asked.keys() == {"X"}
    for number, batch in enumerate(played):
        wanted = whole[number]
        for name in ("inputs", "series", "keep", "identity", "begin", "published", "has_published"):
            assert np.array_equal(getattr(batch, name), getattr(wanted, name)), name
        assert batch.weights.shape == batch.targets.shape == wanted.weights.shape
        assert not batch.targets.any()
        assert (batch.weights[wanted.weights > 0] == 1).all()
        assert not batch.weights[batch.identity[:, 1] == IDLE].any()
        assert (batch.weights == batch.weights[:, :1, :1]).all()
    in_context = [(batch.identity[:, 1] != IDLE) & ~batch.weights.any(axis=(1, 2)) for batch in played]
    assert np.any(in_context), "a lane plays the context of a run without weight"


@given(
    st.lists(st.integers(1, 25), min_size=1, max_size=4),
    st.integers(1, 5),
    st.integers(1, 5),
    st.sampled_from(["train", "test"]),
)
def test_the_weighted_steps_of_lanes_are_the_scored_rows(
    counts: list[int], segment_length: int, lanes: int, split: str
) -> None:
    source = chronological(
        memory_source(counts, segment_length=segment_length), {"train": (0, 9), "test": (9, 60)}
    )
    batches = lane_batches(source, split, lanes)
    found = []
    for number in range(len(batches)):
        batch = batches[number]
        assert batch.inputs.shape == (lanes, segment_length, 3)
        assert np.isfinite(batch.inputs).all()
        assert np.isfinite(batch.targets).all()
        idle = batch.identity[:, 1] == IDLE
        assert not batch.weights[idle].any()
        assert not batch.keep[idle].any()
        assert (batch.inputs[idle] == np.array([1, 1.5, 2], np.float32)).all(), "idle lanes show the mean"
        assert (batch.inputs[~idle] == source.arrays["X"][batch.identity[~idle, 1]]).all()
        lane, offset = np.nonzero(batch.weights.any(axis=2))
        found += list(zip(batch.identity[lane, 1].tolist(), offset.tolist(), strict=True))
        assert (
            batch.targets[lane, offset] == (source.arrays["Y"][batch.identity[lane, 1], offset] - 5) / 2
        ).all()
    rows = scored_rows(source, split)
    assert sorted(found) == list(zip(rows.sample.tolist(), rows.offset.tolist(), strict=True))


def test_asking_for_a_batch_twice_or_out_of_turn_changes_nothing() -> None:
    source = chronological(memory_source([30, 22, 7]), {"train": (0, 60)})
    batches = lane_batches(source, "train", 3)
    last, first, again = batches[len(batches) - 1], batches[0], batches[0]
    assert (first.inputs == again.inputs).all()
    assert (last.identity == batches[len(batches) - 1].identity).all()


def test_a_batch_cannot_be_written_to_since_others_are_cut_from_the_same_arrays() -> None:
    batch = lane_batches(chronological(memory_source([30, 22, 7]), {"train": (0, 60)}), "train", 3)[1]
    for one in fields(batch):
        with pytest.raises(ValueError, match="read-only"):
            getattr(batch, one.name)[0] = 0


def in_small_stretches(monkeypatch: pytest.MonkeyPatch, lanes: int = 2) -> tuple[MemorySource, LaneBatches]:
    """Batches of which two are made at once, and their source."""
    monkeypatch.setattr("hindcast.pipeline.feed.lanes._MOST_BATCHES", 2)
    source = chronological(memory_source([40, 40, 40]), {"train": (0, 60)})
    return source, lane_batches(source, "train", lanes)


def test_batches_made_a_few_at_a_time_are_those_made_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    _, few = in_small_stretches(monkeypatch)
    small = [few[number] for number in range(len(few))]
    assert len(few._reader.stretches) > 3
    monkeypatch.undo()
    for found, wanted in zip(small, read_ahead(replace(few)), strict=True):
        for one in fields(Batch):
            np.testing.assert_array_equal(getattr(found, one.name), getattr(wanted, one.name))


def test_an_unreadable_sample_raises_at_its_own_batch_each_time_and_nothing_hangs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source, batches = in_small_stretches(monkeypatch)
    damaged, read = int(batches[4].identity[0, 1]), source.read

    def failing(name: str, samples: Any) -> Any:
        if damaged in samples:
            raise FormatError("shards/north.h5 is damaged")
        return read(name, samples)

    monkeypatch.setattr(source, "read", failing)
    threads, fresh = threading.active_count(), replace(batches)
    seen: list[int] = []
    stream = read_ahead(fresh)
    with pytest.raises(FormatError, match=r"north\.h5 is damaged"):
        seen.extend(int(batch.identity[0, 1]) for batch in stream)
    assert len(seen) == 4, "all batches before the two that were made with the damaged one"
    with pytest.raises(FormatError, match=r"north\.h5 is damaged"):
        fresh[4]
    fresh.close()
    assert threading.active_count() <= threads, "the threads that made batches beforehand have ended"


def test_an_epoch_left_half_way_frees_what_was_made(monkeypatch: pytest.MonkeyPatch) -> None:
    _, batches = in_small_stretches(monkeypatch)
    stream = read_ahead(batches)
    next(stream)
    assert batches._reader.stretches._kept
    stream.close()
    assert not batches._reader.stretches._kept
    assert not batches._reader.stretches._ahead
    assert batches[0].inputs.any(), "asking still works"


def test_the_next_pass_is_begun_when_nothing_is_left_to_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    _, batches = in_small_stretches(monkeypatch)
    after = replace(batches)
    first = replace(batches, next_pass=lambda: after)
    begun = []
    for number in range(len(first)):
        assert first[number].inputs.shape == batches[number].inputs.shape
        begun.append(sorted(after._reader.stretches._ahead))
    last = (len(first) - 1) // 2 * 2  # the first batch of the last stretch
    assert begun[: last - 1] == [[]] * (last - 1)
    assert begun[-1] == [0], "no more than the first stretch: memory holds no more"
    assert after[0].inputs.any()
    assert pickle.loads(pickle.dumps(first)).next_pass is None, "the next pass is not pickled"


def test_a_batch_in_which_every_lane_idles_is_made_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hindcast.pipeline.feed.lanes._MOST_BATCHES", 1)
    source = chronological(memory_source([8, 8]), {"train": (0, 60)})
    runs = training_runs(source, source.split("train"))
    gap = LanePlan(runs, np.array([0, 0]), np.array([0, 3]), 1, 5)  # two samples, nothing, two samples
    batches = LaneBatches(
        BatchSource(source, some_scaling(), np.ones(2, np.int32)), source.split("train"), gap
    )
    assert [bool(batch.weights.any()) for batch in read_ahead(batches)] == [True, True, False, True, True]
    assert (batches[2].inputs == some_scaling().idle_values).all()


def published_of(source: MemorySource, batch: Batch, row: int, step: int) -> float:
    """The published forecast of a row's step, looked up in the samples laid end to end."""
    place = int(batch.identity[row, 1]) * source.segment_length + int(batch.begin[row]) + step
    return float(source.arrays["published"].reshape(-1)[place])


@pytest.mark.parametrize("mode", ["lanes", "windows"])
def test_the_published_forecast_comes_with_a_flag_where_it_is_there(mode: str) -> None:
    source = chronological(memory_source([30, 22, 7]), {"train": (0, 60)})
    plain = lane_batches(source, "train", 3) if mode == "lanes" else window_batches_of(source, "train", 6, 7)
    assert not plain[0].published.any()
    assert not plain[0].has_published.any()
    assert "published" not in source.asked, "an array that is not needed is not read"
    batches = replace(plain, source=replace(plain.source, with_published=True))
    seen = set()
    for number in range(len(batches)):
        batch = batches[number]
        assert np.isfinite(batch.published).all()
        for row, step, _ in np.argwhere(batch.weights > 0):
            wanted = published_of(source, batch, row, step)
            assert batch.has_published[row, step, 0] == np.isfinite(wanted)
            assert batch.published[row, step, 0] == pytest.approx(np.nan_to_num(wanted))
            seen.add(bool(np.isfinite(wanted)))
        assert not batch.published[batch.has_published == 0].any()
    assert seen == {True, False}
