"""Quantiles with and without enough memory, against each other and against numpy."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.arrays import Flags, Floats
from hindcast.pipeline.certify import robust_moments as module
from hindcast.pipeline.certify.robust_moments import robust_moments


@given(st.integers(0, 2**32 - 1), st.integers(1, 300), st.sampled_from([1, 3, 100]), st.booleans())
def test_little_memory_gives_the_same_scales(seed: int, count: int, few: int, coarse: bool) -> None:
    random = np.random.default_rng(seed)
    values = random.normal(0, 10, (count, 2)).round(0 if coarse else 6).astype(np.float32).astype(np.float64)
    present = random.random(values.shape) < 0.9
    cuts = np.sort(random.integers(0, count + 1, 3))

    def rows() -> Iterator[tuple[tuple[str, ...], Floats, Flags]]:
        parts = zip(np.split(values, cuts), np.split(present, cuts), strict=True)
        return ((("a",), *part) for part in parts if len(part[0]))

    deviation: dict[tuple[str, ...], Floats] = {("a",): np.array([7.0, 7.0])}
    plain = robust_moments(rows, 1, deviation)[("a",)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MOST_CELLS", 1)
        patch.setattr(module, "_EDGES", few)
        between = robust_moments(rows, 1, deviation)[("a",)]
    for column in range(2):
        own = values[present[:, column], column]
        if len(own):
            assert plain[0][column] == np.quantile(own, 0.5)
        for one, other in zip(plain, between, strict=True):
            assert other[column] == pytest.approx(one[column], rel=1e-12, abs=1e-12)
