"""Streams of segments, windows and lanes hold what a plain loop over the same samples holds, in any memory, from any process."""

from __future__ import annotations

import multiprocessing
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.feed.columns import Columns, Example
from hindcast.pipeline.feed.streams import Lanes, Segments, Stream, Windows
from tests.examples import examples
from tests.feed.memory import MemorySource, chronological, memory_source, window_batches_of

PARTS = Columns({"history": (2,), "forecast": (0, 1)}, {"load": 0})


@st.composite
def worlds(draw: st.DrawFn) -> tuple[MemorySource, dict[str, Any]]:
    counts = draw(st.lists(st.integers(1, 25), min_size=1, max_size=4))
    since = draw(st.integers(0, 10))
    length = draw(st.integers(1, 7))
    borders = {"train": (0, since), "test": (since, 60)}
    source = chronological(memory_source(counts, segment_length=length), borders)
    return source, {
        "split": draw(st.sampled_from(["train", "test"])),
        "batch_size": draw(st.integers(1, 4)) * 2,
        "columns": draw(st.sampled_from([PARTS, Columns.whole(3, ["load"])])),
        "seed": 3,
        "epoch": draw(st.integers(0, 2)),
        "shuffle": draw(st.booleans()),
        "memory_bytes": draw(st.sampled_from([0, 3_000, 1 << 20])),
    }


def stacked(batches: list[Example]) -> tuple[dict[str, np.ndarray], ...]:
    """All batches end to end."""
    return tuple(
        {name: np.concatenate([batch[part][name] for batch in batches]) for name in batches[0][part]}
        for part in range(3)
    )


def flat(source: MemorySource, name: str) -> np.ndarray:
    values = source.arrays[name]
    return values.reshape(-1, values.shape[-1])


def scored_steps_of(source: MemorySource, split: str) -> list[tuple[int, int]]:
    """(step, its sequence's first step) of every scored step, counted through all samples, one at a time."""
    part, table, found = source.split(split), source.sequences, []
    for row in range(len(table)):
        base = int(table.first_sample[row]) * source.segment_length
        for step in range(int(table.step_count[row])):
            time = int(table.start_time[row]) + step * source.frequency
            if part.from_time <= time < part.until_time:
                found.append((base + step, base))
    return found


@given(worlds())
def test_segments_are_the_samples_of_the_split_each_once(case: tuple[MemorySource, dict[str, Any]]) -> None:
    source, options = case
    stream = Segments(source, **options)
    steps = scored_steps_of(source, options["split"])
    samples = sorted({step // source.segment_length for step, _ in steps})
    weights = np.zeros(len(source.arrays["W"]) * source.segment_length)
    weights[[step for step, _ in steps]] = 1
    weights = weights.reshape(-1, source.segment_length) * source.arrays["W"][:, :, 0]
    batches = list(stream)
    assert len(batches) == len(stream) == -(-stream.row_count // options["batch_size"])
    if not stream.row_count:
        assert not samples
        return
    inputs, targets, weight = stacked(batches)
    rows = stream._samples[stream.order.rows(0, stream.row_count)]
    assert len(set(rows.tolist())) == len(rows) == len(weight["load"])
    assert set(samples) <= set(
        rows.tolist()
    )  # and perhaps a sample that reaches into the split with its padding alone
    for name, places in options["columns"].inputs.items():
        np.testing.assert_array_equal(inputs[name], source.arrays["X"][rows][:, :, list(places)])
    np.testing.assert_array_equal(targets["load"], source.arrays["Y"][rows])
    np.testing.assert_array_equal(weight["load"], weights[rows])
    assert options["shuffle"] or rows.tolist() == sorted(rows.tolist())


@given(worlds(), st.integers(1, 9), st.integers(1, 4), st.booleans())
def test_windows_are_what_a_plain_loop_cuts(
    case: tuple[MemorySource, dict[str, Any]], lookback: int, stride: int, whole: bool
) -> None:
    source, options = case
    stream = Windows(source, **options, lookback=lookback, stride=stride, whole=whole)
    x, expected = flat(source, "X"), []
    for step, begin in scored_steps_of(source, options["split"]):
        if (step - begin) % stride == 0 and (not whole or step - begin + 1 >= lookback):
            start = max(step - lookback + 1, begin)
            back = [min(start + place, step) for place in range(lookback)]
            expected.append((step, x[back]))
    assert stream.row_count == len(expected)
    if not expected:
        return
    inputs, targets, weights = stacked(list(stream))
    rows = stream.order.rows(0, len(expected))
    assert sorted(rows.tolist()) == list(range(len(expected)))
    for name, places in options["columns"].inputs.items():
        wanted = np.stack([expected[row][1] for row in rows])[:, :, list(places)]
        np.testing.assert_array_equal(inputs[name], wanted)
    steps = [expected[row][0] for row in rows]
    np.testing.assert_array_equal(targets["load"], flat(source, "Y")[steps])
    np.testing.assert_array_equal(weights["load"], flat(source, "W")[steps, 0])


@given(worlds(), st.integers(1, 9))
def test_windows_are_padded_as_training_pads_them(
    case: tuple[MemorySource, dict[str, Any]], lookback: int
) -> None:
    source, options = case
    options |= {"shuffle": False, "columns": Columns.whole(3, ["load"])}
    stream = Windows(source, **options, lookback=lookback)
    streamed = [window for inputs, _, weights in stream for window in inputs["inputs"][weights["load"] > 0]]
    batches = window_batches_of(source, options["split"], lookback, 5)
    trained = [
        window
        for number in range(len(batches))
        for window in batches[number].inputs[batches[number].weights.any(axis=(1, 2))]
    ]
    assert len(streamed) == len(trained)
    assert all((one == other).all() for one, other in zip(streamed, trained, strict=True))


@given(worlds(), st.integers(0, 9))
def test_lanes_play_every_scored_step_once_and_continue_their_samples(
    case: tuple[MemorySource, dict[str, Any]], context: int
) -> None:
    source, options = case
    stream = Lanes(source, **options, run_length=12, context=context)
    steps = scored_steps_of(source, options["split"])
    weight = sum(float(source.arrays["W"].reshape(-1)[step]) for step, _ in steps)
    found = 0.0
    before: list[int] = [-1] * options["batch_size"]
    for number, (inputs, targets, weights) in enumerate(stream):
        samples = stream.plan_of(number)[0].tolist()
        assert inputs["keep"].shape == (options["batch_size"], 1)
        for lane, sample in enumerate(samples):
            if inputs["keep"][lane, 0]:
                assert sample == before[lane] + 1, "carried state belongs to the sample before"
            for name, places in options["columns"].inputs.items():
                wanted = source.arrays["X"][sample][:, list(places)] if sample >= 0 else 0
                assert (inputs[name][lane] == wanted).all()
            if sample >= 0:
                assert (targets["load"][lane] == source.arrays["Y"][sample]).all()
        assert not weights["load"][np.array(samples) < 0].any()
        found += float(weights["load"].sum())
        before = samples
    assert found == pytest.approx(weight)


KINDS: list[tuple[type[Stream], dict[str, Any]]] = [
    (Segments, {}),
    (Windows, {"lookback": 5}),
    (Lanes, {"run_length": 12}),
]


@pytest.mark.parametrize(("kind", "more"), KINDS)
@examples(30)
@given(case=worlds(), asked=st.lists(st.integers(0, 40), max_size=6))
def test_any_batch_may_be_asked_for_at_any_time(
    kind: type[Stream],
    more: dict[str, Any],
    case: tuple[MemorySource, dict[str, Any]],
    asked: list[int],
) -> None:
    source, options = case
    stream = kind(source, **options, **more)
    batches = list(stream)
    for number in asked:
        if number < len(stream):
            assert equal(stream[number], batches[number])
            assert equal(kind(source, **options, **more)[number], batches[number])
        else:
            with pytest.raises(IndexError, match="has no batch"):
                stream[number]
    stream.close()
    assert not batches or equal(stream[0], batches[0])


def equal(one: Example, other: Example) -> bool:
    return all(
        mine.keys() == yours.keys() and all(mine[name].tobytes() == yours[name].tobytes() for name in mine)
        for mine, yours in zip(one, other, strict=True)
    )


@pytest.mark.parametrize(("kind", "more"), KINDS)
@examples(30)
@given(case=worlds())
def test_the_parts_of_two_processes_are_the_batches_of_one(
    kind: type[Stream], more: dict[str, Any], case: tuple[MemorySource, dict[str, Any]]
) -> None:
    source, options = case
    alone = kind(source, **options, **more)
    parts = [kind(source, **options, **more, rank=rank, ranks=2) for rank in range(2)]
    assert [len(part) for part in parts] == [len(alone)] * 2
    for number in range(len(alone)):
        both = stacked([part[number] for part in parts])
        assert equal(both, alone[number])  # type: ignore[arg-type]


@pytest.mark.parametrize(("lookback", "stride"), [(0, 1), (3, 0), (3, -1)])
def test_windows_of_no_step_are_refused(lookback: int, stride: int) -> None:
    source = chronological(memory_source([60]), {"train": (0, 60)})
    with pytest.raises(ValueError, match=f"found lookback={lookback}, stride={stride}"):
        Windows(source, "train", 8, PARTS, lookback=lookback, stride=stride)


@pytest.mark.parametrize(("batch_size", "rank", "ranks"), [(0, 0, 1), (7, 0, 2), (8, 2, 2), (8, -1, 2)])
@pytest.mark.parametrize(("kind", "more"), KINDS)
def test_a_batch_without_an_equal_part_for_each_process_is_refused_before_anything_is_read(
    kind: type[Stream], more: dict[str, Any], batch_size: int, rank: int, ranks: int
) -> None:
    source = chronological(memory_source([60]), {"train": (0, 60)})
    with pytest.raises(ValueError, match=f"found batch_size={batch_size}, rank={rank}, ranks={ranks}"):
        kind(source, "train", batch_size, PARTS, **more, rank=rank, ranks=ranks)


@pytest.mark.parametrize(("kind", "more"), KINDS)
def test_epochs_and_seeds_differ_and_memory_bounds_only_how_far_rows_are_mixed(
    kind: type[Stream], more: dict[str, Any]
) -> None:
    source = chronological(memory_source([60, 50, 41]), {"train": (0, 60)})
    stream = kind(source, "train", 4, PARTS, **more)
    seen = [stacked(list(one))[0]["forecast"].tobytes() for one in (
        stream, stream.at(1), replace(stream, seed=1), stream.at(0)
    )]  # fmt: skip
    assert len(set(seen)) == 3
    assert seen[0] == seen[3]


def _digest(stream: Stream) -> bytes:
    return b"".join(values.tobytes() for batch in stream for part in batch for values in part.values())


def _put(stream: Stream, queue: Any) -> None:
    queue.put(_digest(stream))


@pytest.mark.parametrize(("kind", "more"), KINDS)
def test_a_stream_in_use_can_be_pickled(kind: type[Stream], more: dict[str, Any]) -> None:
    source = chronological(memory_source([30, 22, 7]), {"train": (0, 60)})
    stream = kind(source, "train", 4, PARTS, memory_bytes=3000, **more)
    stream[1]
    again = pickle.loads(pickle.dumps(stream))
    assert _digest(again) == _digest(stream)


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_reads_for_itself() -> None:
    source = chronological(memory_source([30, 22, 7]), {"train": (0, 60)})
    stream = Windows(source, "train", 4, PARTS, memory_bytes=300, lookback=3)
    stream[1]  # the next stretch is in the making
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_put, args=(stream, queue))
    child.start()
    assert queue.get(timeout=60) == _digest(stream)
    child.join(60)
    assert child.exitcode == 0


def test_batches_that_are_views_cannot_be_changed() -> None:
    source = chronological(memory_source([30]), {"train": (0, 60)})
    inputs, _, _ = Segments(source, "train", 4, PARTS)[0]
    with pytest.raises(ValueError, match="read-only"):
        inputs["history"][0] = 1


@pytest.mark.parametrize(("kind", "more"), KINDS)
def test_a_split_that_does_not_exist_is_an_error_at_construction(
    kind: type[Stream], more: dict[str, Any]
) -> None:
    source = chronological(memory_source([60]), {"train": (0, 60)})
    with pytest.raises(KeyError, match="trian"):
        kind(source, "trian", 8, PARTS, **more)


@examples(30)
@given(worlds(), st.sampled_from([Segments, Windows, Lanes]))
def test_the_sequences_of_a_batch_are_those_of_its_inputs(
    case: tuple[MemorySource, dict[str, Any]], kind: type[Stream]
) -> None:
    """The features are numbers that say which sequence their step belongs to."""
    source, options = case
    table = source.sequences
    owner = np.repeat(np.arange(len(table)), table.sample_count)
    source.arrays["X"] = np.broadcast_to(owner[:, None, None], source.arrays["X"].shape).astype(np.float32)
    more: dict[str, Any] = {"lookback": 3} if kind is Windows else {}
    stream = kind(source, **(options | {"columns": Columns.whole(3, ["load"])}), **more)
    for number in range(len(stream)):
        inputs = stream[number][0]
        found = stream.sequences_of(number)
        idle = found < 0
        assert not idle.any() or kind is Lanes
        first = inputs["inputs"][:, 0, 0]
        assert first[~idle].tolist() == found[~idle].tolist()
        assert len(found) == len(first)
