"""Borders are those of the settings, lists those of the borders: each fault is named, and a correct plan has none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.certify.check_splits import check_borders, check_samples
from hindcast.pipeline.settings.split import Chronological, HeldOut
from hindcast.pipeline.split.policies.chronological import find_borders, list_samples, make_parts
from hindcast.pipeline.store.index_types import Split
from hindcast.pipeline.store.reader import Dataset
from tests.certify.planned import PlannedSplits
from tests.mock_data import mock_dataset, mock_group
from tests.split.in_memory import HOUR, START, plain_track, steps_of

SPANS = {"train": (0, 50), "validation": (60, 80), "test": (80, 100)}
LISTS = {"train": [0, 1, 2, 3, 4], "validation": [6, 7], "test": [8, 9]}


def data_set(lists: dict[str, list[int]], spans: dict[str, tuple[int, int]] = SPANS) -> Any:
    """100 steps in samples of 10; hours 50 to 60 are an embargo."""
    steps = steps_of([plain_track(100)], 10)
    splits = {
        name: Split(
            name, np.array(indices, np.int64), START + spans[name][0] * HOUR, START + spans[name][1] * HOUR
        )
        for name, indices in lists.items()
    }
    return SimpleNamespace(
        splits=tuple(splits),
        split=splits.__getitem__,
        sample_count=steps.sample_count,
        sequences=steps.sequences,
        segment_length=10,
        frequency=HOUR,
    )


def test_correct_lists_pass() -> None:
    found = check_samples(data_set(LISTS), Chronological(), 0)
    assert found.passed
    assert found.rows_checked == 10


@pytest.mark.parametrize(
    ("lists", "words"),
    [
        ({"train": [0, 1, 2, 3, 4, 5]}, "sample 5 .* is in train, expected in no list"),
        ({"train": [0, 1, 2, 3]}, "sample 4 .* is in no list, expected in train"),
        ({"train": [0, 1, 2, 3, 4, 8], "test": [9]}, "sample 8 .* is in train, expected in test"),
        ({"train": [0, 1, 2, 3, 4, 8]}, "sample 8 is listed in train and in test"),
        ({"test": [8, 9, 10]}, "test: sample 10 is not one of the 10 samples"),
        ({"test": [9, 8]}, "test: the list does not ascend"),
        ({"validation": [6, 6, 7]}, "validation: the list does not ascend"),
    ],
)
def test_a_list_that_is_wrong_by_one_sample_is_named(lists: dict[str, list[int]], words: str) -> None:
    examples = check_samples(data_set(LISTS | lists), Chronological(), 0).examples
    assert any(re.search(words, example) for example in examples), examples


def test_intervals_that_overlap_are_named() -> None:
    examples = check_samples(data_set(LISTS, SPANS | {"validation": (40, 80)}), Chronological(), 0).examples
    assert any("train ends at" in example for example in examples)


def test_a_missing_split_is_named() -> None:
    lists = {name: LISTS[name] for name in ("train", "test")}
    assert check_samples(data_set(lists), Chronological(), 0).examples == [
        "validation: missing; run the stage `split` again"
    ]


@given(
    length=st.integers(60, 400),
    segment_length=st.integers(1, 60),
    validation=st.sampled_from([0.0, 0.1, 0.3]),
    test=st.sampled_from([0.0, 0.1, 0.3]),
    late=st.integers(0, 50),
    lead=st.integers(0, 40),
)
def test_every_plan_passes(
    length: int, segment_length: int, validation: float, test: float, late: int, lead: int
) -> None:
    tracks = [plain_track(length, lead=lead), plain_track(length, series="b", begin=late, lead=lead)]
    steps = steps_of(tracks, segment_length)
    parts = make_parts(steps, find_borders(steps, Chronological(validation=validation, test=test)))
    splits = {part.name: list_samples(steps, part) for part in parts}
    planned: Any = SimpleNamespace(
        splits=tuple(splits),
        split=splits.__getitem__,
        sample_count=steps.sample_count,
        sequences=steps.sequences,
        segment_length=segment_length,
        frequency=HOUR,
    )
    found = check_samples(planned, Chronological(), 0)
    assert found.passed, found.examples


SETTINGS = Chronological(validation=0.2, test=0.2)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dataset]:
    path = mock_dataset(tmp_path_factory.mktemp("borders"), [mock_group(steps=(300,))])
    with Dataset(path) as opened:
        yield opened


def examples_of_borders(dataset: Dataset, **changes: dict[str, Any]) -> list[str]:
    planned: Any = PlannedSplits(dataset, SETTINGS, **changes)
    return check_borders(planned, SETTINGS, 0).examples


def test_planned_borders_pass_and_so_does_an_earlier_end_of_training(dataset: Dataset) -> None:
    planned: Any = PlannedSplits(dataset, SETTINGS)
    result = check_borders(planned, SETTINGS, 0)
    assert (result.passed, result.rows_checked) == (True, 3)
    assert examples_of_borders(dataset, train={"until_time": planned.split("train").until_time - HOUR}) == []


@pytest.mark.parametrize(
    ("name", "field", "hours"),
    [
        ("train", "from_time", 1),
        ("train", "until_time", 100),
        ("validation", "from_time", -1),
        ("test", "from_time", 1),
        ("test", "until_time", -1),
    ],
)
def test_a_moved_border_is_named_with_its_split(
    dataset: Dataset, name: str, field: str, hours: int, tmp_path: Path
) -> None:
    planned: Any = PlannedSplits(dataset, SETTINGS)
    moved = getattr(planned.split(name), field) + hours * HOUR
    examples = examples_of_borders(dataset, **{name: {field: moved}})
    assert examples
    assert all(example.startswith(f"{name} is [") for example in examples)


def test_intervals_must_ascend_and_agree_with_the_outer_times(dataset: Dataset) -> None:
    planned: Any = PlannedSplits(dataset, SETTINGS)
    train = planned.split("train")
    middle = train.from_time + 50 * HOUR
    intervals = ((middle, train.until_time), (train.from_time, middle))
    examples = examples_of_borders(dataset, train={"intervals": intervals})
    assert any("its intervals must ascend" in example for example in examples)
    assert any("its from_time and until_time" in example for example in examples)


def test_a_policy_that_is_not_of_time_has_no_borders(dataset: Dataset) -> None:
    result = check_borders(dataset, HeldOut(policy="by_series"), 0)
    assert (result.passed, result.rows_checked) == (True, 0)
    assert "by_series has no borders in time" in result.rule
