"""Evidence over days: what it computes, how seldom it alarms if nothing is wrong, and how soon if something is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hindcast.pipeline.arrays import Floats
from hindcast.pipeline.serve.sequential import (
    BETS,
    FEWEST_REFERENCE_DAYS,
    LOOKS_A_YEAR,
    days_of_memory,
    evidence_of_ranks,
    mean_evidence,
    rank_evidence,
    rank_factors,
    shares_of_reference,
    tail_shares,
    threshold_of,
)
from tests.examples import examples

ONE = np.ones(200)
YEARS = 8
SCORES = arrays(np.float64, (3, 9), elements=st.sampled_from([0.0, 1.0, 2.0, 3.0, np.nan]))


@given(SCORES, SCORES)
@examples(60)
def test_shares_are_those_of_a_loop(scores: Floats, reference: Floats) -> None:
    for unit in range(3):
        days = [value for value in reference[unit] if not np.isnan(value)]
        for day, value in enumerate(scores[unit]):
            share = tail_shares(scores, reference)[unit, day]
            slow = (1 + sum(other >= value for other in days)) / (1 + len(days))
            assert np.isnan(share) if np.isnan(value) else share == slow
        own = shares_of_reference(reference)[unit]
        for day, value in enumerate(reference[unit]):
            slow = sum(other >= value for other in days) / max(len(days), 1)
            assert np.isnan(own[day]) if np.isnan(value) else own[day] == pytest.approx(slow)


@given(arrays(np.float64, (2, 6), elements=st.floats(0.01, 1.0)))
@examples(40)
def test_evidence_is_the_sum_over_all_starts_of_the_product_of_the_days(shares: Floats) -> None:
    factors = 0.25 * shares**-0.75
    slow = [
        [sum(factors[unit, start : day + 1].prod() for start in range(day + 1)) for day in range(6)]
        for unit in range(2)
    ]
    np.testing.assert_allclose(rank_evidence(shares, ONE[:2]), slow)


@given(arrays(np.float64, (2, 6), elements=st.floats(-1.0, 1.0)))
@examples(40)
def test_evidence_of_a_mean_bets_several_shares(differences: Floats) -> None:
    slow = np.zeros((2, 6))
    for bet in BETS:
        factors = 1 + bet * differences
        for day in range(6):
            slow[:, day] += sum(factors[:, start : day + 1].prod(axis=1) for start in range(day + 1)) / len(
                BETS
            )
    np.testing.assert_allclose(mean_evidence(differences, ONE[:2]), slow, rtol=1e-9)


def test_a_day_without_a_number_adds_nothing_but_a_start() -> None:
    shares = np.array([[0.1, np.nan, 0.1]])
    first = 0.25 * 0.1**-0.75
    np.testing.assert_allclose(rank_evidence(shares, ONE[:1])[0], [first, 1 + first, (2 + first) * first])


@pytest.mark.parametrize("memory", [0.0, 0.3, 0.6, 0.9])
def test_few_years_of_daily_looks_have_a_false_alarm(memory: float) -> None:
    """100 units watched for some years with nothing wrong: below one alarm a year, also if days depend on each other."""
    random, units, window, reference = np.random.default_rng(3), 100, 28, 365
    false = 0
    threshold = threshold_of(units, 1, 1.0)
    for _ in range(YEARS):
        noise = random.normal(size=(units, reference + window + LOOKS_A_YEAR))
        for day in range(1, noise.shape[1]):
            noise[:, day] = memory * noise[:, day - 1] + np.sqrt(1 - memory**2) * noise[:, day]
        before = noise[:, :reference]
        shares = tail_shares(noise[:, reference:], before)
        own = shares_of_reference(before)
        memory_days = days_of_memory(np.log(rank_factors(own)))
        highest = rank_evidence(own, memory_days).max(axis=1)
        beyond = np.zeros((units, LOOKS_A_YEAR), np.bool_)
        for day in range(LOOKS_A_YEAR):  # as each look does, from the days of its window
            path = rank_evidence(shares[:, day : day + window], memory_days)
            beyond[:, day] = path[:, -1] >= np.maximum(threshold, highest)
        false += int((np.diff(beyond, axis=1, prepend=False) & beyond).sum())
    assert false <= YEARS


def test_a_year_of_looks_at_equal_forecasts_is_seldom_called_worse() -> None:
    random, units = np.random.default_rng(5), 50
    threshold = threshold_of(units, 2, 1.0)
    false = 0
    for _ in range(YEARS):
        differences = np.clip(random.normal(scale=0.5, size=(units, 28 + LOOKS_A_YEAR)), -1, 1)
        for day in range(LOOKS_A_YEAR):
            false += int(
                (mean_evidence(differences[:, day : day + 28], ONE[:units])[:, -1] >= threshold).any()
            )
    assert false <= YEARS


def test_days_that_are_worse_than_all_of_a_year_are_noticed_within_a_week() -> None:
    random = np.random.default_rng(1)
    reference = random.normal(size=(200, 365))
    scores = random.normal(size=(200, 28))
    scores[:, -7:] += 10
    names = tuple(f"s{unit}" for unit in range(200))
    evidence = evidence_of_ranks("late", ("meters", "", "g"), names, scores, reference)
    units, days = evidence.alarms(threshold_of(200, 8, 1.0))
    assert len(units) == 200
    assert days.min() >= 1


def test_memory_is_that_of_a_process_of_the_first_order() -> None:
    random = np.random.default_rng(0)
    for correlation in (0.0, 0.5, 0.8):
        noise = random.normal(size=(50, 2000))
        for day in range(1, noise.shape[1]):
            noise[:, day] += correlation * noise[:, day - 1]
        expected = 1 + 3 * correlation / (1 - correlation)
        assert days_of_memory(noise).mean() == pytest.approx(expected, rel=0.1)
    noise[:, ::3] = np.nan
    assert np.isfinite(days_of_memory(noise)).all()
    assert days_of_memory(np.zeros((2, 9))).tolist() == [1, 1]


def test_a_short_reference_judges_nothing() -> None:
    short = np.zeros((1, FEWEST_REFERENCE_DAYS - 1))
    evidence = evidence_of_ranks("late", ("meters", "", "g"), ("a",), np.ones((1, 28)), short)
    assert not evidence.judged.any()
    assert not len(evidence.alarms(0.0)[0])


def test_what_the_reference_had_as_often_is_no_alarm() -> None:
    reference = np.zeros((1, 300))
    reference[0, 100:110] = 1.0  # ten days in a row
    scores = np.zeros((1, 28))
    scores[0, -10:] = 1.0
    evidence = evidence_of_ranks("late", ("meters", "", "g"), ("a",), scores, reference)
    assert not len(evidence.alarms(1e-3)[0])


def test_equal_numbers_remember_nothing_and_what_is_new_after_them_is_noticed_within_a_week() -> None:
    """A mean that is rounded must not make equal days depend on each other: a source that never was revised has such days alone."""
    threshold = threshold_of(8, 9, 1.0)
    for days in range(FEWEST_REFERENCE_DAYS, 400):
        equal = np.full((2, days), np.log(0.25))
        equal[1, ::3] = np.nan
        assert days_of_memory(equal).tolist() == [1.0, 1.0], days
        scores = np.where(np.arange(28) >= 21, 0.5, 0.0)[None]
        units, _ = evidence_of_ranks("revised", ("a", "", "b"), ("c",), scores, np.zeros((1, days))).alarms(
            threshold
        )
        assert len(units), days
