"""Validation is divided into parts that are a horizon apart; a part alone is scored."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.errors import TrainingError
from hindcast.pipeline.feed.scored_rows import rows_of, scored_spans
from hindcast.pipeline.learn.validation_parts import (
    PARTS,
    STOPPING,
    WEIGHTS,
    ValidationParts,
    divide,
    divide_validation,
)
from hindcast.pipeline.settings.base import DAY, HOUR
from tests.judge.mock_judged import mock_dataset

WEEK = 7 * DAY


@given(st.integers(1, 1500), st.integers(1, 72))
def test_parts_are_apart_by_a_horizon_and_nothing_else_is_lost(days: int, hours: int) -> None:
    first, horizon = 19_000 * DAY, hours * HOUR
    end = first + days * DAY
    parts = divide(first, end, horizon)
    assert tuple(parts) == PARTS
    found = sorted((start, stop, part) for part, ranges in parts.items() for start, stop in ranges)
    if not all(parts.values()):
        assert end - first <= 3 * (horizon + DAY)
        return
    assert found[0][0] == first
    assert found[-1][1] == end
    for (_, stop, part), (start, _, after) in pairwise(found):
        assert start - stop == horizon
        assert PARTS[(PARTS.index(part) + 1) % 3] == after
    if days >= 21:
        assert all((start - end) % WEEK == horizon % WEEK for start, _, _ in found[1:])
    counts = {part: len(ranges) for part, ranges in parts.items()}
    assert len(set(counts.values())) == 1


def test_a_year_of_validation_gives_every_part_several_seasons() -> None:
    parts = divide(19_000 * DAY, 19_366 * DAY, 36 * HOUR)
    assert all(len(ranges) >= 4 for ranges in parts.values())


def test_a_part_alone_is_scored_and_training_is_unchanged() -> None:
    dataset = cast("Any", mock_dataset(days=240))
    parts = divide_validation(dataset)
    assert parts.horizon == int((times_of(dataset, "validation") - origins_of(dataset)).max())
    seen = []
    for part in PARTS:
        source = parts.source(dataset, part)
        times = times_of(source, "validation")
        assert len(times)
        assert parts.holds(part, times).all()
        assert np.array_equal(
            np.unique(times), np.unique((whole := times_of(dataset, "validation"))[parts.holds(part, whole)])
        )
        for split in ("train", "test"):
            assert np.array_equal(times_of(source, split), times_of(dataset, split))
        seen.append(np.unique(times))
    for early in seen:
        for late in seen:
            if early is not late:
                assert not np.isin(early, late).any()
    both = times_of(parts.source(dataset, STOPPING, WEIGHTS), "validation")
    assert np.array_equal(np.unique(both), np.unique(np.concatenate(seen[:2])))
    assert ValidationParts.from_json(parts.as_json()) == parts


def test_a_validation_that_is_too_short_is_refused_with_the_remedy() -> None:
    with pytest.raises(
        TrainingError, match=r"three parts.*set a larger split.validation, or train.blend=false"
    ):
        divide_validation(cast("Any", mock_dataset(days=8)))


def times_of(source: Any, split: str) -> Any:
    spans = scored_spans(source, split)
    return rows_of(source, spans, np.arange(len(spans))).time


def origins_of(dataset: Any) -> Any:
    spans = scored_spans(dataset, "validation")
    rows = rows_of(dataset, spans, np.arange(len(spans)))
    return dataset.arrays["origin"][rows.sample, rows.offset]
