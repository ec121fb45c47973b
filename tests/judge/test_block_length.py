"""Lengths of blocks against the published rule, one number at a time, and against the best length of a known process."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.arrays import Floats
from hindcast.pipeline.judge.block_length import block_lengths
from tests.examples import examples


def slow(values: list[float]) -> float:
    size = len(values)
    mean = sum(values) / size
    e = [value - mean for value in values]
    run = max(5, int(math.log10(size)))
    most = min(math.ceil(math.sqrt(size)) + run, size - 2)

    def correlation(lag: int) -> float:
        product = sum(e[at] * e[at + lag] for at in range(size - lag))
        later, earlier = sum(x * x for x in e[lag + 1 :]), sum(x * x for x in e[: size - lag - 1])
        return abs(product) / math.sqrt(later * earlier)

    critical = 2 * math.sqrt(math.log10(size) / size)
    last = most - 1
    for m in range(most - run + 1):
        if (
            all(correlation(m + k) < critical for k in range(1, run + 1) if m + k < most + 1)
            and m + run <= most
        ):
            last = m
            break
    window = min(2 * max(last, 1), most)
    g, spectrum = 0.0, sum(x * x for x in e) / size
    for lag in range(1, window + 1):
        weight = 1.0 if lag / window <= 0.5 else 2 * (1 - lag / window)
        covariance = sum(e[at] * e[at + lag] for at in range(size - lag)) / size
        g += 2 * weight * lag * covariance
        spectrum += 2 * weight * covariance
    length = math.pow(2 * g**2 / (4 / 3 * spectrum**2) * size, 1 / 3)
    return min(max(length, 1.0), math.ceil(min(3 * math.sqrt(size), size / 3)))


def process(rng: np.random.Generator, size: int, memory: float) -> Floats:
    made = np.zeros(size)
    for at in range(1, size):
        made[at] = memory * made[at - 1] + rng.normal()
    return made


@examples(25)
@given(st.integers(0, 10**6), st.integers(12, 150), st.sampled_from([0.0, 0.5, 0.9, -0.6]))
def test_lengths_are_those_of_the_rule(seed: int, size: int, memory: float) -> None:
    values = np.array([process(np.random.default_rng(seed + at), size, memory) for at in range(3)])
    assert block_lengths(values) == pytest.approx([slow(row.tolist()) for row in values], rel=1e-9)


def test_the_length_is_near_the_best_one_of_a_known_process() -> None:
    memory, size = 0.5, 1000  # of the best length, the autocovariances of this process give a closed form
    g = 2 * memory / (1 - memory) ** 2
    spectrum = (1 + memory) / (1 - memory)
    best = (2 * g**2 / (4 / 3 * spectrum**2)) ** (1 / 3) * size ** (1 / 3)
    values = np.array([process(np.random.default_rng(seed), size, memory) for seed in range(20)])
    assert np.median(block_lengths(values)) == pytest.approx(best, rel=0.25)
    assert np.median(block_lengths(np.random.default_rng(0).normal(size=(20, size)))) < 5


def test_a_series_that_does_not_vary_has_blocks_of_one_day() -> None:
    assert block_lengths(np.zeros((2, 30))).tolist() == [1, 1]
    assert block_lengths(np.ones((1, 2))).tolist() == [1]
