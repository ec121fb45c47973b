"""The guard lets a plan pass and stops everything else, by name."""

from __future__ import annotations

import numpy as np
import pytest

from hindcast.pipeline.errors import ContinuityError
from hindcast.pipeline.feed.guard import ContinuityGuard
from hindcast.pipeline.feed.lanes import LanePlan, fill_lanes
from hindcast.pipeline.feed.runs import Runs


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
