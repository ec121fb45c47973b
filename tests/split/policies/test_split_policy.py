"""What policies share: counts of shares, and drafts over all time."""

from __future__ import annotations

import numpy as np
import pytest

from hindcast.pipeline.arrays import TIME_MAX
from hindcast.pipeline.split.policies.split_policy import Late, Part, count_of_share, split_over_all_time
from tests.split.in_memory import HOUR, START, plain_track, steps_of


@pytest.mark.parametrize(
    ("share", "total", "count"),
    [(0.0, 10, 0), (0.1, 10, 1), (0.01, 10, 1), (0.25, 10, 2), (0.35, 10, 4), (0.9, 1, 1)],
)
def test_a_share_above_zero_holds_out_the_nearest_number_and_at_least_one(
    share: float, total: int, count: int
) -> None:
    assert count_of_share(share, total) == count


def test_a_part_ends_at_its_border_or_at_its_late_target() -> None:
    assert Part("train", 0, 10).until_time == 10
    assert Part("train", 0, 10, 8, Late(0, 7, 9)).until_time == 7
    assert Part("train", 0, 10).next_origin == TIME_MAX


def test_a_draft_over_all_time_ends_after_padding_and_an_empty_part_is_an_empty_range() -> None:
    steps = steps_of([plain_track(25)], 10)
    samples = [np.array([0, 2]), np.array([1]), np.zeros(0, np.int64)]
    draft = split_over_all_time(steps, samples)
    end = START + 30 * HOUR
    assert [(part.from_time, part.until_time) for part in draft.parts] == [
        (START, end),
        (START, end),
        (end, end),
    ]
    assert [split.indices.tolist() for split in draft.splits] == [[0, 2], [1], []]
    assert [(split.name, split.from_time, split.until_time) for split in draft.splits] == [
        (part.name, part.from_time, part.until_time) for part in draft.parts
    ]
