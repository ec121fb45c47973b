"""Sums of float32 are exact: against fractions and math.fsum, however the rows are cut."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.split.exact_sums import Sums

floats = st.floats(width=32, allow_nan=False, allow_infinity=False)
measured = st.floats(-1e6, 1e6, width=32)
values_of_a_column = st.lists(st.one_of(floats, measured), max_size=60)


def sums_of(values: list[float], counted: list[bool] | None = None) -> Sums:
    column = np.array(values, np.float32)[:, None]
    there = np.ones(len(values), bool) if counted is None else np.array(counted, bool)
    return Sums.of(column, there[:, None])


def same(one: Sums, other: Sums) -> bool:
    pairs = ((one.count, other.count), (one.total, other.total), (one.squares, other.squares))
    return all(a.tolist() == b.tolist() for a, b in pairs)


@given(values_of_a_column)
def test_sums_are_those_of_fractions(values: list[float]) -> None:
    found, exact = sums_of(values), [Fraction(float(value)) for value in values]
    assert found.count.tolist() == [len(values)]
    assert Fraction(found.total[0], 2**149) == sum(exact, Fraction(0))
    assert Fraction(found.squares[0], 2**298) == sum((one * one for one in exact), Fraction(0))


@given(st.lists(measured, min_size=1, max_size=60))
def test_the_mean_is_that_of_fsum_to_the_last_bit_but_one(values: list[float]) -> None:
    # fsum rounds the sum and its division rounds again; ours rounds once
    mean = math.fsum(values) / len(values)
    assert abs(sums_of(values).mean[0] - mean) <= math.ulp(mean)


@given(values_of_a_column, st.lists(st.integers(0, 60), max_size=6), st.randoms())
def test_any_cut_and_any_order_of_the_blocks_give_the_same_bits(values, cuts, random) -> None:
    edges = [0, *sorted(min(cut, len(values)) for cut in cuts), len(values)]
    blocks = [sums_of(values[a:b]) for a, b in pairwise(edges)]
    random.shuffle(blocks)
    merged = Sums.none(1)
    for block in blocks:
        merged = merged.plus(block)
    whole = sums_of(values)
    assert same(merged, whole)
    assert merged.mean.tobytes() == whole.mean.tobytes()
    assert merged.deviation.tobytes() == whole.deviation.tobytes()


@given(st.lists(st.tuples(measured, st.booleans()), max_size=40))
def test_what_is_not_counted_adds_nothing(rows: list[tuple[float, bool]]) -> None:
    found = sums_of([value for value, _ in rows], [there for _, there in rows])
    assert same(found, sums_of([value for value, there in rows if there]))


@pytest.mark.parametrize("length", [1023, 1024, 1025, 4096, 4097, 9000])
def test_many_rows_are_added_as_few_are(length: int) -> None:
    random = np.random.default_rng(length)
    values = (random.normal(size=(length, 3)) * [1.0, 1e-30, 1e30]).astype(np.float32)
    found = Sums.of(values, np.ones(values.shape, bool))
    for column in range(3):
        exact = [Fraction(value) for value in values[:, column].tolist()]
        assert Fraction(found.total[column], 2**149) == sum(exact, Fraction(0))
        assert Fraction(found.squares[column], 2**298) == sum((one**2 for one in exact), Fraction(0))


def test_small_noise_on_a_huge_offset_keeps_its_deviation() -> None:
    random = np.random.default_rng(0)
    noise = random.integers(-3, 4, 100_000) * 64.0  # the distance of float32 numbers at a milliard
    values = (1e9 + noise).astype(np.float32)[:, None]
    found = Sums.of(values, np.ones(values.shape, bool))
    assert found.mean[0] == pytest.approx(1e9 + noise.mean(), abs=1e-6)
    assert found.deviation[0] == pytest.approx(noise.std(), rel=1e-12)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e9, -3e38, 1e-45])
def test_a_constant_has_deviation_zero_exactly(value: float) -> None:
    found = sums_of([value] * 7001)
    assert found.deviation[0] == 0
    assert found.mean[0] == np.float32(value)


def test_what_is_no_number_breaks_its_column_and_no_other() -> None:
    values = np.array([[1, 2, 3], [np.nan, 4, np.inf]], np.float32)
    found = Sums.of(values, np.ones(values.shape, bool))
    assert found.broken.tolist() == [True, False, True]
    assert found.mean[1] == 3
