"""Lane plans: everything once, in order, kept and dropped where it must be; small for any number of sequences."""

from __future__ import annotations

import tracemalloc
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.errors import ContinuityError
from hindcast.pipeline.feed.lanes import IDLE, ContinuityGuard, LanePlan, assign_whole_runs, fill_lanes
from hindcast.pipeline.feed.runs import Runs

lengths = st.lists(st.integers(1, 12), min_size=1, max_size=12)


def runs_of(counts: list[int], context: list[int] | None = None) -> Runs:
    """One run a sequence, samples numbered through, with a gap between sequences."""
    counts_ = np.array(counts, np.int64)
    first = np.cumsum(counts_ + 1) - counts_
    return Runs(np.arange(len(counts)), first, counts_, np.array(context or [0] * len(counts), np.int64))


def check_plan(plan: LanePlan, runs: Runs) -> None:
    """What holds for every plan."""
    seen: list[tuple[int, int]] = []
    last: dict[int, tuple[int, int]] = {}
    starts = set(zip(plan.runs.sequence.tolist(), plan.runs.first_sample.tolist(), strict=True))
    for number in range(plan.batch_count):
        batch = plan.batch(number)
        for lane in range(plan.lanes):
            identity = (int(batch.sequence[lane]), int(batch.sample[lane]))
            if identity[1] == IDLE:
                assert identity[0] == IDLE
                assert batch.keep[lane] == 0
                assert not batch.weighted[lane]
                last.pop(lane, None)
                continue
            seen.append(identity)
            continues = last.get(lane) == (identity[0], identity[1] - 1)
            assert batch.keep[lane] == (0 if identity in starts else 1), "dropped exactly where a run starts"
            assert continues or identity in starts
            last[lane] = identity
    wanted = [
        (int(row), sample)
        for row, first, count in zip(runs.sequence, runs.first_sample, runs.sample_count, strict=True)
        for sample in range(first, first + count)
    ]
    assert sorted(seen) == sorted(wanted), "every sample exactly once"


@given(lengths, st.integers(1, 7), st.integers(0, 3), st.integers(0, 3))
def test_filled_lanes_play_everything_once_and_hardly_idle(
    counts: list[int], lanes: int, seed: int, epoch: int
) -> None:
    runs = runs_of(counts)
    plan = fill_lanes(runs, lanes, seed, epoch)
    check_plan(plan, runs)
    assert plan.batch_count == -(-sum(counts) // lanes), "as few batches as can be"
    assert len(plan.runs) <= len(runs) + lanes - 1
    assert plan.idle_share == pytest.approx(1 - sum(counts) / (lanes * plan.batch_count))


@given(lengths, st.integers(1, 7), st.integers(1, 4), st.integers(0, 3), st.data())
def test_with_warm_up_every_sample_has_weight_once_and_a_cut_is_preceded_by_what_led_to_it(
    counts: list[int], lanes: int, warm_up: int, seed: int, data: st.DataObject
) -> None:
    context = [min(data.draw(st.integers(0, warm_up)), count - 1) for count in counts]
    runs = runs_of(counts, context)
    plan = fill_lanes(runs, lanes, seed, 0, warm_up)
    assert plan.batch_count <= -(-sum(counts) // lanes) + warm_up
    last: dict[int, tuple[int, int]] = {}
    warmed: dict[int, int] = {}
    weighted: list[tuple[int, int]] = []
    for number in range(plan.batch_count):
        batch = plan.batch(number)
        for lane in range(lanes):
            row, sample = int(batch.sequence[lane]), int(batch.sample[lane])
            if sample == IDLE:
                continue
            if batch.keep[lane]:
                assert last[lane] == (row, sample - 1), "what is kept continues"
            warmed[lane] = warmed[lane] + 1 if batch.keep[lane] else 1
            last[lane] = (row, sample)
            if batch.weighted[lane]:
                weighted.append((row, sample))
                before = sample - int(runs.first_sample[row])
                assert warmed[lane] > min(warm_up, before), (
                    "the state was warmed up as far as the run reaches back"
                )
    wanted = [
        (row, int(runs.first_sample[row]) + place)
        for row, count in enumerate(counts)
        for place in range(context[row], count)
    ]
    assert sorted(weighted) == wanted


@given(lengths, st.integers(1, 7), st.data())
def test_whole_runs_are_never_cut_and_warm_up_without_weight(
    counts: list[int], lanes: int, data: st.DataObject
) -> None:
    context = [data.draw(st.integers(0, count - 1)) for count in counts]
    runs = runs_of(counts, context)
    plan = assign_whole_runs(runs, lanes)
    check_plan(plan, runs)
    assert len(plan.runs) == len(runs)
    assert plan.batch_count <= sum(counts) / lanes + max(counts)
    weighted = defaultdict(list)
    for number in range(plan.batch_count):
        batch = plan.batch(number)
        for lane in np.flatnonzero(batch.sample != IDLE):
            weighted[int(batch.sequence[lane])].append(bool(batch.weighted[lane]))
    assert all(
        weighted[row] == [False] * before + [True] * (counts[row] - before)
        for row, before in enumerate(context)
    )


@given(lengths, st.integers(1, 5))
def test_a_batch_can_be_asked_for_alone_and_again(counts: list[int], lanes: int) -> None:
    plan, again = (fill_lanes(runs_of(counts), lanes, 3, 1) for _ in range(2))
    forward = [plan.batch(number).sample.tolist() for number in range(plan.batch_count)]
    backward = [again.batch(number).sample.tolist() for number in reversed(range(plan.batch_count))]
    assert forward == backward[::-1]


def test_each_epoch_has_its_own_order_drawn_from_the_seed() -> None:
    runs = runs_of([5] * 20)

    def order(seed: int, epoch: int) -> list[int]:
        samples: list[int] = fill_lanes(runs, 4, seed, epoch).batch(0).sample.tolist()
        return samples

    assert order(1, 0) == order(1, 0)
    assert order(1, 0) != order(1, 1)
    assert order(1, 0) != order(2, 0)


def test_a_batch_outside_the_plan_is_refused() -> None:
    plan = fill_lanes(runs_of([4, 4]), 2, 0, 0)
    for number in (-1, plan.batch_count):
        with pytest.raises(IndexError, match="has no batch"):
            plan.batch(number)


def test_no_runs_make_an_empty_plan() -> None:
    for plan in (fill_lanes(runs_of([]), 3, 0, 0), assign_whole_runs(runs_of([]), 3)):
        assert plan.batch_count == 0
        assert plan.idle_share == 0


@pytest.mark.parametrize("ragged", [False, True])
def test_more_sequences_than_fit_a_batch_are_planned_in_little_memory(ragged: bool) -> None:
    """125,973 sequences of 1,000 steps in parts of 25, and a ragged million."""
    count = 1_000_000 if ragged else 125_973
    counts = np.random.default_rng(0).integers(1, 40, count) if ragged else np.full(count, 40)
    runs = Runs(np.arange(count), np.cumsum(counts) - counts, counts, np.zeros(count, np.int64))
    tracemalloc.start()
    filled = fill_lanes(runs, 256, 0, 0)
    filled.batch(filled.batch_count // 2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 250 * count
    assert filled.idle_share < 1e-3
    played = sum(
        int((filled.batch(number).sample != IDLE).sum()) for number in range(0, filled.batch_count, 997)
    )
    assert played >= 256 * len(range(0, filled.batch_count, 997)) - 256
    if not ragged:
        whole = assign_whole_runs(runs, 256)
        assert whole.batch_count == -(-count // 256) * 40


@pytest.fixture
def plan() -> LanePlan:
    counts = np.array([7, 5, 9])
    return fill_lanes(Runs(np.arange(3), np.cumsum(counts) - counts, counts, counts * 0), 2, 0, 0)


def play(guard: ContinuityGuard, plan: LanePlan, numbers: list[int]) -> None:
    for number in numbers:
        batch = plan.batch(number)
        guard.check(np.stack([batch.sequence, batch.sample], axis=1), batch.keep[:, None])


def test_a_plan_played_in_order_passes(plan: LanePlan) -> None:
    play(ContinuityGuard(2), plan, list(range(plan.batch_count)))


def test_a_batch_left_out_is_named_with_lane_series_and_samples(plan: LanePlan) -> None:
    with pytest.raises(ContinuityError) as fault:
        play(ContinuityGuard(2, lambda sequence: f"series S{sequence}"), plan, [0, 2])
    kept = np.flatnonzero(plan.batch(2).keep)
    lane = int(kept[0])
    found = plan.batch(2)
    assert f"lane {lane}: expected sample" in str(fault.value)
    assert f"found sample {found.sample[lane]} of series S{found.sequence[lane]}" in str(fault.value)


def test_batches_played_backwards_are_stopped(plan: LanePlan) -> None:
    with pytest.raises(ContinuityError, match="order of their plan"):
        play(ContinuityGuard(2), plan, [3, 2])


def test_a_state_kept_at_the_very_beginning_is_stopped() -> None:
    with pytest.raises(ContinuityError, match="the start of a run"):
        ContinuityGuard(1).check(np.array([[0, 4]]), np.ones((1, 1)))


def test_a_batch_of_another_number_of_lanes_is_stopped() -> None:
    with pytest.raises(ContinuityError, match="must hold 2 lanes, found 1"):
        ContinuityGuard(2).check(np.array([[0, 4]]), np.zeros((1, 1)))
