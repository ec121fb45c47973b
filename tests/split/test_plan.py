"""The counts and lines of a plan, and the splits that it rejects."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hindcast.pipeline.errors import SplitError
from hindcast.pipeline.settings.split import Chronological
from hindcast.pipeline.split.plan import excluded_lines, kept_lines, plan_splits
from hindcast.pipeline.split.steps import Steps
from tests.split.in_memory import HOUR, NEVER, START, Row, Track, plain_track, steps_of


def test_a_plan_counts_samples_and_scored_steps_a_split() -> None:
    steps = steps_of([plain_track(200), plain_track(200, series="b")], 10)
    plan = plan_splits(steps, Chronological(validation=0.2, test=0.2), seed=7)
    assert [split.name for split in plan.splits] == ["train", "validation", "test"]
    for split in plan.splits:
        assert split.attributes["policy"] == "chronological"
        assert split.attributes["seed"] == 7
        assert split.attributes["sample_count"] == len(split.indices)
    # the embargo is 25 h: origins are 24 h old, and a target is known 2 h after its step begins
    assert [split.attributes["scored_count"] for split in plan.splits] == [2 * 95, 2 * 15, 2 * 40]
    assert [split.attributes["embargoed_count"] for split in plan.splits] == [4, 4, 0]


def test_a_straddler_is_scored_by_both_sides_but_listed_once() -> None:
    steps = steps_of([plain_track(100, lead=0, delay=-1)], 30)
    plan = plan_splits(steps, Chronological(validation=0, test=0.2), seed=0)
    train, _, test = plan.splits
    assert (train.indices.tolist(), test.indices.tolist()) == ([0, 1], [2, 3])
    assert (train.attributes["scored_count"], test.attributes["scored_count"]) == (80, 20)


def test_the_number_of_reads_does_not_grow_with_the_number_of_series() -> None:
    counts = []
    for number in (3, 300):
        bare = steps_of(
            [plain_track(50, series=f"s{place:03}", lead=0, delay=-1) for place in range(number)], 10
        )
        reads: list[str] = []

        def read(name: str, samples: np.ndarray, bare: Steps = bare, reads: list[str] = reads) -> np.ndarray:
            reads.append(name)
            return bare.read(name, samples)

        plan_splits(replace(bare, read=read), Chronological(validation=0.2, test=0.2), seed=0)
        counts.append(len(reads))
    assert counts[0] == counts[1] > 0


@pytest.mark.parametrize(("validation", "test"), [(0, 0), (0, 0.2), (0.2, 0)])
def test_a_part_with_share_zero_may_be_empty(validation: float, test: float) -> None:
    steps = steps_of([plain_track(200)], 10)
    plan = plan_splits(steps, Chronological(validation=validation, test=test), seed=0)
    empty = {split.name for split in plan.splits if not len(split.indices)}
    assert empty == {name for name, share in (("validation", validation), ("test", test)) if not share}
    assert sum("empty, as requested" in line for line in kept_lines(plan)) == len(empty)


def test_an_empty_part_is_refused_with_its_interval_the_groups_spans_and_a_remedy() -> None:
    steps = steps_of([plain_track(50, group="short"), plain_track(200, group="long")], 10)
    with pytest.raises(SplitError) as caught:
        plan_splits(steps, Chronological(validation=START + 300 * HOUR, test=START + 400 * HOUR), seed=0)
    message = str(caught.value)
    assert "validation has no step to score in [2024-01-13T12:00:00Z, 2024-01-17T16:00:00Z)" in message
    assert "test has no step to score" in message
    assert "an earlier date" in message
    assert "group short has steps in [2024-01-01T00:00:00Z, 2024-01-03T02:00:00Z)" in message
    assert "group long has steps in" in message


def test_a_training_part_eaten_by_the_embargo_is_refused_with_the_target_known_too_late() -> None:
    late = Track(
        "g", "a", 0, tuple(Row(START + i * HOUR, START + i * HOUR, START + 9999 * HOUR) for i in range(100))
    )
    with pytest.raises(SplitError, match="became known only at 2025-02-20T15:00:00Z"):
        plan_splits(steps_of([late], 10), Chronological(validation=0, test=0.2), seed=0)


@pytest.mark.parametrize("tracks", [[], [Track("g", "a", 0, (Row(START, START, NEVER),))]])
def test_nothing_observed_is_refused(tracks: list[Track]) -> None:
    with pytest.raises(SplitError, match="nothing to split"):
        plan_splits(steps_of(tracks, 10), Chronological(), seed=0)


def test_series_that_the_test_does_not_see_are_named() -> None:
    steps = steps_of([plain_track(200), plain_track(50, series="early leaver")], 10)
    plan = plan_splits(steps, Chronological(validation=0, test=0.2), seed=0)
    assert plan.series_without_test == (("g", "early leaver"),)
    assert any("g/early leaver" in line for line in excluded_lines(plan, steps))


def test_series_that_begin_after_training_are_named() -> None:
    newcomer = plain_track(30, series="newcomer", begin=170)
    steps = steps_of([plain_track(200), newcomer], 10)
    plan = plan_splits(steps, Chronological(validation=0, test=0.2), seed=0)
    lines = [line for line in excluded_lines(plan, steps) if "g/newcomer" in line]
    assert lines == [
        "1 of 2 series without a scored step in train, which the network treats as unknown series (identity 0): g/newcomer"
    ]


def test_the_embargo_is_reported_with_the_target_that_causes_it() -> None:
    steps = steps_of([plain_track(200)], 10)
    plan = plan_splits(steps, Chronological(validation=0, test=0.2), seed=0)
    assert plan.embargoed == (2, 0, 0)
    (line,) = excluded_lines(plan, steps)
    assert line.startswith(
        "train: the last 25 h (2 whole samples) are left out (embargo): the target of g/a at "
    )
