"""Every column has a name of its own."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.feed.row_columns import name_columns, unique_ids
from hindcast.pipeline.store.index_types import Sequences

NAMES = st.sampled_from(["a", "b", "weight", "split", "a_published", "x_a", "y_weight", "a_weight", "lead"])


def test_usual_names_are_kept() -> None:
    columns = name_columns(["temperature", "lag"], ["usage"], ["split"])
    assert columns.features == ("temperature", "lag")
    assert columns.targets == ("usage",)
    assert columns.published == ("usage_published",)
    assert columns.weights == ("weight",)
    assert name_columns([], ["a", "b"]).weights == ("a_weight", "b_weight")


@given(st.lists(NAMES, unique=True), st.lists(NAMES, unique=True, min_size=1), st.lists(NAMES, unique=True))
def test_no_name_is_used_twice(features: list[str], targets: list[str], others: list[str]) -> None:
    columns = name_columns(features, targets, others)
    names = [*columns.features, *columns.targets, *columns.published, *columns.weights, *others]
    assert len(names) == len(set(names))
    for before, after in zip(features, columns.features, strict=True):
        assert after.endswith(before)


def test_names_of_series_are_unique_whatever_they_hold() -> None:
    ones = np.ones(4, np.int64)
    table = Sequences(
        np.array(["a", "a/b", "a%2Fb", "a"], object),
        np.array(["b/c", "c", "c", "d"], object),
        ones * 0,
        ones,
        ones,
        ones,
        ones,
    )
    assert unique_ids(table).tolist() == ["a/b%2Fc", "a%2Fb/c", "a%252Fb/c", "a/d"]
    tracked = Sequences(table.group, table.series, np.array([0, 0, 0, 1]), ones, ones, ones, ones)
    assert unique_ids(tracked).tolist()[-1] == "a/d/1"
