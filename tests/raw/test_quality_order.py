"""Order statistics of many series at once, against sorting each."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hindcast.pipeline.raw import quality_order
from hindcast.pipeline.raw.quality_order import (
    CODE_SHARE,
    RANGE_TAIL,
    offsets_of,
    quantiles,
    range_limits,
    sort_series,
    step_limits,
    tail_limits,
)
from tests.raw.quality_oracle import _without_codes, tail_limit
from tests.raw.quality_oracle import quantiles as quantiles_of_one


@pytest.fixture(params=[1 << 18, 500])
def cells(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of the usual size, and small ones."""
    monkeypatch.setattr(quality_order, "_CELLS", request.param)


def _ragged(seed: int, kinds: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    lengths = random.integers(1, 400, 40) if seed % 2 else np.full(40, 300)
    parts = []
    for number, count in enumerate(lengths.tolist()):
        values = random.normal(size=count) ** 3
        if number % kinds == 1:
            values = np.round(values)
        if number % kinds == 2:
            values[random.random(count) < 0.03] = -9999.0
        if number % kinds == 3:
            values = np.full(count, 2.0)
        parts.append(values)
    return np.concatenate(parts), offsets_of(lengths), lengths


@pytest.mark.usefixtures("cells")
@pytest.mark.parametrize("seed", range(4))
def test_quantiles_are_order_statistics(seed: int) -> None:
    values, starts, lengths = _ragged(seed)
    shares = (0.001, 0.5, 0.9, 0.99, 1.0)
    found = quantiles(values, starts, lengths, *shares)
    for place, (start, count) in enumerate(zip(starts.tolist(), lengths.tolist(), strict=True)):
        own = values[start : start + count]
        assert found[:, place].tolist() == quantiles_of_one(own, *shares)
        if place < 3:
            assert found[:, place].tolist() == [
                next(each for each in sorted(own) if sum(own <= each) >= share * count - 1e-9)
                for share in shares
            ]


@pytest.mark.usefixtures("cells")
@pytest.mark.parametrize("seed", range(4))
def test_limits_are_those_of_each_series_alone(seed: int) -> None:
    values, starts, lengths = _ragged(seed)
    middle, down, up = (np.empty(len(starts)) for _ in range(3))
    for block, ordered in sort_series(values, starts, lengths):
        middle[block], down[block], up[block] = range_limits(ordered)
    sizes = np.abs(values) * (values > -1)
    steps = step_limits(sizes, starts, lengths, lengths)
    finite = 0
    for place, (start, count) in enumerate(zip(starts.tolist(), lengths.tolist(), strict=True)):
        own = values[start : start + count]
        core = _without_codes(own)
        center = quantiles_of_one(core, 0.5)[0]
        expected = [tail_limit(sign * (core - center), len(core), *RANGE_TAIL) for sign in (-1, 1)]
        assert middle[place] == center
        assert [down[place], up[place]] == pytest.approx(expected, rel=1e-12)
        slow = tail_limit(sizes[start : start + count], count, *quality_order.STEP_TAIL)
        assert steps[place] == pytest.approx(slow, rel=1e-12)
        finite += math.isfinite(slow) + math.isfinite(expected[0])
    assert finite > 20


def test_the_limit_is_the_extrapolated_tail() -> None:
    sizes = -np.log(1 - (np.arange(10_000) + 0.5) / 10_000)  # an exponential distribution: power 1
    found = np.array(quantiles_of_one(sizes, 0.5, 0.9, 0.99))[:, None]
    number, counts = np.array([10_000]), np.array([1000])
    (limit,) = tail_limits(found, number, counts, ((0.5, 0.9, 0.99), 1))
    assert limit == pytest.approx(math.log(1e6), rel=0.01)
    (limit,) = tail_limits(found, number, counts, ((0.5, 0.9, 0.99), 50))
    assert limit == pytest.approx(50 * found[2, 0])
    (limit,) = tail_limits(found, number * 0 + 5, counts, ((0.5, 0.9, 0.99), 1))
    assert limit == math.inf


@pytest.mark.parametrize("repeats", [1, 2, 3, 50, 51])
def test_codes_are_extremes_that_are_repeated_but_rare(repeats: int) -> None:
    values = np.concatenate([np.full(repeats, -1.0), np.linspace(0, 1, 1000 - repeats)])
    ((_, ordered),) = sort_series(values, np.array([0]), np.array([1000]))
    low, high = ordered.codes()
    rare = 3 <= repeats + 1 <= CODE_SHARE * 1000
    assert (low[0], high[0]) == ((repeats, 1) if rare else (0, 0))
