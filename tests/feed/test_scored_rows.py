"""Scored rows: those between the borders whose target is known, in order."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.feed.scored_rows import rows_of, scored_rows, scored_spans, thin_spans
from hindcast.pipeline.store.index_types import Split
from tests.feed.memory import HOUR, MemorySource, chronological, memory_source


@given(
    st.lists(st.tuples(st.integers(1, 20), st.integers(0, 12)), min_size=1, max_size=4),
    st.integers(1, 6),
    st.integers(1, 2),
)
def test_rows_are_the_known_steps_between_the_borders_in_order(
    table: list[tuple[int, int]], segment_length: int, targets: int
) -> None:
    source = memory_source(
        [a for a, _ in table], [b for _, b in table], segment_length, targets=targets, unknown=0.5
    )
    chronological(source, {"validation": (8, 17), "test": (17, 60)})
    rows = scored_rows(source, "validation")
    weights = source.arrays["W"].reshape(-1, targets)
    wanted = [
        (row, step, start + step)
        for row, (steps, start) in enumerate(table)
        for step in range(steps)
        if 8 <= start + step < 17
        and weights[int(source.sequences.first_sample[row]) * segment_length + step].any()
    ]
    found = zip(rows.sequence.tolist(), rows.step.tolist(), (rows.time // HOUR).tolist(), strict=True)
    assert list(found) == wanted
    first = source.sequences.first_sample[rows.sequence]
    assert ((rows.sample - first) * segment_length + rows.offset == rows.step).all()


def test_a_split_without_samples_has_no_rows() -> None:
    source = chronological(memory_source([10]), {"test": (30, 60)})
    rows = scored_rows(source, "test")
    assert len(rows) == 0
    assert rows.sequence.dtype == np.int32


worlds = st.tuples(
    st.lists(st.tuples(st.integers(1, 30), st.integers(0, 20)), min_size=1, max_size=4),
    st.integers(1, 7),
    st.integers(0, 99),
)


def make(world: tuple[list[tuple[int, int]], int, int]) -> MemorySource:
    table, segment_length, seed = world
    return memory_source(
        [steps for steps, _ in table], [start for _, start in table], segment_length, seed=seed
    )


@given(worlds, st.sets(st.integers(0, 119)))
def test_some_rows_of_spans_are_those_of_the_whole_split(
    world: tuple[list[tuple[int, int]], int, int], numbers: set[int]
) -> None:
    source = chronological(make(world), {"validation": (3, 17)})
    rows = scored_rows(source, "validation")
    chosen = np.array(sorted(number for number in numbers if number < len(rows)), np.int64)
    found, wanted = rows_of(source, scored_spans(source, "validation"), chosen), rows.take(chosen)
    for field in fields(rows):
        one, other = getattr(found, field.name), getattr(wanted, field.name)
        assert one.tolist() == other.tolist()
        assert one.dtype == other.dtype


def hours(source: MemorySource, split: str) -> list[tuple[int, int]]:
    """(sequence, hour) of the scored rows."""
    rows = scored_rows(source, split)
    return list(zip(rows.sequence.tolist(), (rows.time // HOUR).tolist(), strict=True))


def weighted_rows(source: MemorySource) -> dict[tuple[int, int], tuple[int, int]]:
    """(sequence, hour) -> (sample, offset) of every row with weight, sample by sample."""
    table, found = source.sequences, {}
    for row in range(len(table)):
        for step in range(int(table.step_count[row])):
            sample = int(table.first_sample[row]) + step // source.segment_length
            offset = step % source.segment_length
            if source.arrays["W"][sample, offset, 0] > 0:
                found[row, int(table.start_time[row]) // HOUR + step] = (sample, offset)
    return found


@given(worlds)
def test_a_split_of_drawn_samples_scores_their_rows_and_no_others(
    world: tuple[list[tuple[int, int]], int, int],
) -> None:
    source = make(world)
    count = len(source.arrays["X"])
    drawn = np.random.default_rng(world[2]).permutation(count)
    parts = np.split(drawn, [count // 2, count * 3 // 4])
    for name, part in zip(("train", "validation", "test"), parts, strict=True):
        source.splits[name] = Split(name, np.sort(part), 0, 100 * HOUR, {"policy": "random"})
    every = weighted_rows(source)
    for name, part in zip(("train", "validation", "test"), parts, strict=True):
        assert hours(source, name) == [key for key, (sample, _) in every.items() if sample in part]


@given(worlds, st.lists(st.integers(0, 50), min_size=2, max_size=6, unique=True).map(sorted))
def test_a_split_with_intervals_scores_the_rows_inside_whatever_is_listed(
    world: tuple[list[tuple[int, int]], int, int], edges: list[int]
) -> None:
    source = make(world)
    spans = tuple((edges[at] * HOUR, edges[at + 1] * HOUR) for at in range(0, len(edges) - 1, 2))
    source.splits["train"] = Split("train", np.zeros(0, np.int64), spans[0][0], spans[-1][1], {}, spans)
    due = [key for key in weighted_rows(source) if any(low <= key[1] * HOUR < high for low, high in spans)]
    assert hours(source, "train") == due


@given(worlds, st.integers(1, 4), st.integers(1, 6))
def test_thinned_spans_hold_every_nth_step_that_has_enough_history(
    world: tuple[list[tuple[int, int]], int, int], stride: int, history: int
) -> None:
    source = chronological(make(world), {"train": (4, 30)})
    rows, spans = scored_rows(source, "train"), scored_spans(source, "train")
    thin = thin_spans(spans, stride, history)
    step, span = thin.locate(np.arange(len(thin)))
    kept = (rows.step % stride == 0) & (rows.step >= history - 1)
    wanted = (rows.sample * source.segment_length + rows.offset)[kept]
    assert step.tolist() == wanted.tolist()
    assert thin.sequence[span].tolist() == rows.sequence[kept].tolist()


@given(worlds)
def test_spans_are_grouped_by_the_keys_of_their_sequences(
    world: tuple[list[tuple[int, int]], int, int],
) -> None:
    source = chronological(make(world), {"train": (4, 30)})
    keys = np.arange(len(source.sequences), dtype=np.int32) // 2
    parts = scored_spans(source, "train").by_key(keys)
    rows = scored_rows(source, "train")
    found = {key: part.locate(np.arange(len(part)))[0].tolist() for key, part in parts.items()}
    at = rows.sample * source.segment_length + rows.offset
    assert found == {key: at[keys[rows.sequence] == key].tolist() for key in sorted(set(keys[rows.sequence]))}
