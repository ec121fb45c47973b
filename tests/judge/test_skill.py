"""Skill is 1 - a ratio of errors, with an interval that is narrow where days agree and wide where they do not."""

from __future__ import annotations

import numpy as np
import pytest

from hindcast.pipeline.judge.metrics import ErrorSums
from hindcast.pipeline.judge.skill import (
    Estimate,
    block_days,
    compute_skill,
    compute_skills,
    lengths_of,
    verdict,
)


def by_day(errors: np.ndarray) -> ErrorSums:
    """(day, row) errors as sums by day."""
    count = np.full(len(errors), errors.shape[1], float)
    return ErrorSums(np.stack([count, np.abs(errors).sum(1), (errors**2).sum(1), errors.sum(1)]))


def normal(days: int, size: float, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, size, (days, 24))


def test_skill_is_one_minus_the_ratio_of_errors() -> None:
    ours, theirs = normal(30, 1.0, 1), normal(30, 2.0, 2)
    found = compute_skill(by_day(ours), "published", by_day(theirs), 7)
    assert found.mae.value == pytest.approx(1 - np.abs(ours).mean() / np.abs(theirs).mean())
    assert found.rmse.value == pytest.approx(1 - np.sqrt((ours**2).mean() / (theirs**2).mean()))
    assert (found.n, found.days) == (30 * 24, 30)


@pytest.mark.parametrize(("ours", "theirs", "expected"), [(1, 2, "better"), (2, 1, "worse"), (1, 1, "open")])
def test_the_verdict_follows_the_interval_both_ways(ours: float, theirs: float, expected: str) -> None:
    found = compute_skill(by_day(normal(60, ours, 1)), "published", by_day(normal(60, theirs, 2)), 7)
    assert verdict(found.mae) == expected
    assert found.mae.low is not None
    assert found.mae.high is not None
    assert found.mae.value is not None
    assert found.mae.low < found.mae.value < found.mae.high


def test_the_interval_covers_the_true_skill_about_as_often_as_it_should() -> None:
    covered = 0
    for seed in range(60):
        estimate = compute_skill(
            by_day(normal(40, 1, 2 * seed)), "x", by_day(normal(40, 1, 2 * seed + 1)), seed
        ).mae
        assert estimate.low is not None
        assert estimate.high is not None
        covered += estimate.low <= 0 <= estimate.high
    assert 48 <= covered <= 60  # blocks and a percentile interval are a little too narrow for 40 days


def test_the_same_seed_gives_the_same_interval_and_a_gap_in_the_days_changes_nothing() -> None:
    ours, theirs = by_day(normal(30, 1, 1)), by_day(normal(30, 2, 2))
    gap = np.zeros((4, 5))
    with_gap = [
        ErrorSums(np.concatenate([sums.values[:, :9], gap, sums.values[:, 9:]], axis=1))
        for sums in (ours, theirs)
    ]
    assert compute_skill(ours, "x", theirs, 7) == compute_skill(with_gap[0], "x", with_gap[1], 7)
    assert compute_skill(ours, "x", theirs, 7) != compute_skill(ours, "x", theirs, 8)


def test_too_few_days_have_no_interval_and_prove_nothing() -> None:
    found = compute_skill(by_day(normal(7, 1, 1)), "x", by_day(normal(7, 9, 2)), 7)
    assert found.mae.value is not None
    assert found.mae.low is None
    assert verdict(found.mae) == "open"


def test_a_forecaster_that_errs_where_the_other_is_exact_is_worse_though_the_ratio_is_infinite() -> None:
    exact = by_day(np.zeros((30, 24)))
    found = compute_skill(by_day(normal(30, 1, 1)), "x", exact, 7).mae
    assert found == Estimate(None, None, None, is_beaten=True)
    assert verdict(found) == "worse"
    assert verdict(compute_skill(exact, "x", exact, 7).mae) == "open"
    assert verdict(compute_skill(exact, "x", by_day(normal(30, 1, 1)), 7).mae) == "better"
    few = compute_skill(by_day(normal(7, 1, 1)), "x", by_day(np.zeros((7, 24))), 7).mae
    assert verdict(few) == "open"  # too few days for any verdict


def test_a_rival_that_is_exact_on_nearly_all_days_is_better() -> None:
    theirs = np.zeros((60, 24))
    theirs[3, 5] = 1e-3
    found = compute_skill(by_day(normal(60, 1, 1)), "x", by_day(theirs), 7).mae
    assert found.value is not None
    assert found.value < -1000
    assert found.low is None  # minus infinity
    assert verdict(found) == "worse"
    calm = np.where(np.arange(60)[:, None] % 2, normal(60, 1.0, 4), 0.0)  # both exact on every other day
    same = compute_skill(by_day(calm), "x", by_day(calm), 7).mae
    assert (same.value, same.low, same.high) == (0.0, 0.0, 0.0)
    assert verdict(same) == "open"


@pytest.mark.parametrize(("days", "length"), [(1, 1), (8, 2), (27, 6), (28, 7), (1000, 7)])
def test_blocks_are_weeks_where_there_are_enough_days(days: int, length: int) -> None:
    assert block_days(days) == length


def test_blocks_are_longer_where_the_differences_of_days_depend_on_each_other_for_longer() -> None:
    rng = np.random.default_rng(3)
    noise = rng.normal(size=(20, 365))
    slow = noise.copy()
    for day in range(1, 365):
        slow[:, day] += 0.95 * slow[:, day - 1]
    assert lengths_of(noise).tolist() == [7] * 20
    assert np.median(lengths_of(slow)) > 20
    assert lengths_of(slow).max() <= 365 // 4
    assert lengths_of(slow[:, :28]).tolist() == [7] * 20, "at most a quarter of the days"
    assert lengths_of(slow[:, :9]).tolist() == [2] * 20


def test_a_pair_has_the_same_interval_alone_and_among_pairs_with_other_blocks() -> None:
    rng = np.random.default_rng(5)
    pairs = []
    for memory in (0.0, 0.95, 0.5):
        error = rng.gamma(2, size=(2, 200))
        for day in range(1, 200):
            error[:, day] += memory * error[:, day - 1]
        pairs.append(tuple(ErrorSums(np.stack([np.ones(200), each, each**2, each])) for each in error))
    together = compute_skills([(ours, theirs) for ours, theirs in pairs], "published", 7)
    lengths = [lengths_of(ours.values[1:2] - theirs.values[1:2]) for ours, theirs in pairs]
    assert len({int(length[0]) for length in lengths}) > 1
    for skill, (ours, theirs) in zip(together, pairs, strict=True):
        assert compute_skill(ours, "published", theirs, 7) == skill
