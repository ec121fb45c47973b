"""Blocks against a loop over single rows."""

from __future__ import annotations

import hashlib
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hindcast.pipeline.errors import SplitError
from hindcast.pipeline.settings.base import Duration
from hindcast.pipeline.settings.split import Blocked
from hindcast.pipeline.split.plan import plan_splits
from hindcast.pipeline.split.policies.blocked import draw_blocks
from tests.split.in_memory import HOUR, NEVER, START, Track, plain_track, steps_of
from tests.split.slow_rows import Key, every_row, scored, tracks_of_any_kind


def blocked(days: int = 2, validation: float = 0.1, test: float = 0.2) -> Blocked:
    return Blocked(policy="blocked", block=Duration.parse(f"{days}d"), validation=validation, test=test)


def oracle(tracks: list[Track], settings: Blocked, seed: int, distance: int) -> list[set[Key]]:
    """The rows of training, validation and test: block by block, row by row."""
    every = list(every_row(tracks))
    observed = [row.time for _, row in every if row.weight]
    first, end, length = min(observed), max(observed) + HOUR, settings.block.ns
    count = max(1, round((end - first) / length + 1e-9))
    shares = (settings.validation, settings.test)
    wanted = [max(1, round(share * count)) if share else 0 for share in shares]

    def draw(word: str, number: int) -> int:
        return int(hashlib.sha256(f"{seed}\0{word}\0{number}".encode()).hexdigest(), 16)

    pieces = sum(wanted)
    assume(pieces < count)
    by_draw = sorted(range(pieces), key=lambda number: draw("part", number))
    owner = dict.fromkeys(range(count), 0)
    for number in range(pieces):
        low, high = number * count // pieces, (number + 1) * count // pieces
        owner[low + draw("block", number) % (high - low)] = 1 if number in by_draw[: wanted[0]] else 2

    stretches: list[tuple[int, int, int]] = []  # (split, start, end), neighbouring blocks of one split as one
    for number in range(count):
        start = -NEVER if number == 0 else first + number * length
        end = NEVER if number == count - 1 else first + (number + 1) * length
        if stretches and stretches[-1][0] == owner[number]:
            start = stretches.pop()[1]
        stretches.append((owner[number], start, end))

    found: list[set[Key]] = [set(), set(), set()]
    for me, start, end in stretches:
        behind = start + distance if me == 0 and start > -NEVER else start
        mine = [(key, row) for key, row in every if behind <= row.time < end and row.weight]
        held_out = [(low, high) for other, low, high in stretches if other > me and low >= end]
        origins = [row.origin for _, row in every if any(low <= row.time < high for low, high in held_out)]
        late = [row.time for _, row in mine if origins and row.known > min(origins)]
        found[me] |= {key for key, row in mine if not late or row.time < min(late)}
    return found


@given(
    tracks=tracks_of_any_kind(longest=200),
    days=st.integers(1, 3),
    validation=st.sampled_from([0.0, 0.2]),
    test=st.sampled_from([0.0, 0.2, 0.3]),
    distance=st.sampled_from([0, 1, 5, 30]),
    seed=st.integers(0, 5),
    segment_length=st.sampled_from([1, 24, 25, 60]),
)
def test_the_rows_of_each_split_are_those_of_the_oracle(
    tracks: list[Track],
    days: int,
    validation: float,
    test: float,
    distance: int,
    seed: int,
    segment_length: int,
) -> None:
    assume(any(row.weight for _, row in every_row(tracks)))
    settings, steps = blocked(days, validation, test), steps_of(tracks, segment_length)
    due = oracle(tracks, settings, seed, distance * HOUR)
    try:
        plan = plan_splits(steps, settings, seed, reach=distance * HOUR)
    except SplitError:
        wanted = (True, bool(validation), bool(test))
        assert any(not rows and asked for rows, asked in zip(due, wanted, strict=True))
        return
    assert [scored(steps, split) for split in plan.splits] == due
    assert [split.attributes["scored_count"] for split in plan.splits] == [len(rows) for rows in due]


@given(tracks=tracks_of_any_kind(longest=200), segment_length=st.integers(1, 60), seed=st.integers(0, 5))
def test_a_sample_is_in_one_list_at_most_and_none_of_training_holds_a_held_out_step(
    tracks: list[Track], segment_length: int, seed: int
) -> None:
    assume(any(row.weight for _, row in every_row(tracks)))
    steps = steps_of(tracks, segment_length)
    try:
        plan = plan_splits(steps, blocked(1), seed, reach=3 * HOUR)
    except SplitError:
        assume(False)
    listed = np.concatenate([split.indices for split in plan.splits])
    assert len(listed) == len(set(listed.tolist()))
    last = steps.stop - HOUR
    for owner, start, stop in draw_blocks(steps, blocked(1), seed).runs():
        if owner:
            train = plan.splits[0].indices
            assert not ((steps.start[train] < stop) & (last[train] >= start)).any()
    for split in plan.splits:
        for sample in split.indices.tolist():
            assert split.holds(np.arange(steps.start[sample], steps.stop[sample], HOUR)).any(), (
                "no step to score"
            )


def test_training_comes_no_nearer_than_the_reach_behind_what_is_held_out() -> None:
    steps = steps_of([plain_track(2000)], 24)
    plan = plan_splits(steps, blocked(7), seed=1, reach=50 * HOUR)
    train, *held_out = plan.splits
    ends = [stop for split in held_out for _, stop in split.intervals]
    behind = [
        start - stop for start, _ in train.intervals for stop in ends if 0 <= start - stop < 7 * 24 * HOUR
    ]
    assert behind
    assert min(behind) == 50 * HOUR


def test_held_out_blocks_are_spread_and_the_seed_draws_them() -> None:
    steps = steps_of([plain_track(24 * 100)], 24)
    settings = blocked(1, 0.1, 0.2)
    drawn = [draw_blocks(steps, settings, seed).owner.tolist() for seed in range(4)]
    assert len({tuple(owner) for owner in drawn}) > 1
    for owner in drawn:
        assert (owner.count(1), owner.count(2)) == (10, 20)
        places = [place for place, split in enumerate(owner) if split]
        assert max(later - before for before, later in pairwise(places)) <= 7, "no long stretch without one"


def test_holding_out_every_block_is_rejected_and_so_is_a_distance_that_leaves_no_training() -> None:
    steps = steps_of([plain_track(24 * 10)], 24)
    with pytest.raises(SplitError, match="validation and test would hold out 1 and 1 of 2 blocks of 5d"):
        plan_splits(steps, blocked(5, 0.1, 0.2), seed=0)
    with pytest.raises(SplitError, match=r"split\.block to a longer duration"):
        plan_splits(steps, blocked(1, 0.3, 0.4), seed=0, reach=1000 * HOUR)


def test_a_rest_of_less_than_half_a_block_belongs_to_the_last_one() -> None:
    for hours, count in ((24 * 10 + 11, 10), (24 * 10 + 12, 11)):
        blocks = draw_blocks(steps_of([plain_track(hours)], 24), blocked(1), seed=0)
        assert len(blocks.owner) == count
        assert blocks.borders[-1] == START + hours * HOUR
