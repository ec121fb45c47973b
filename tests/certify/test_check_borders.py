"""Borders are those of the settings: each one moved by a step is named, and an earlier end is not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hindcast.pipeline.certify.check_borders import check_borders
from hindcast.pipeline.settings.split import Chronological, HeldOut
from hindcast.pipeline.store.reader import Dataset
from tests.certify.planned import PlannedSplits
from tests.mock_data import HOUR, mock_dataset, mock_group

SETTINGS = Chronological(validation=0.2, test=0.2)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dataset]:
    path = mock_dataset(tmp_path_factory.mktemp("borders"), [mock_group(steps=(300,))])
    with Dataset(path) as opened:
        yield opened


def check(dataset: Dataset, **changes: dict[str, Any]) -> list[str]:
    planned: Any = PlannedSplits(dataset, SETTINGS, **changes)
    return check_borders(planned, SETTINGS, 0).examples


def test_planned_borders_pass_and_so_does_an_earlier_end_of_training(dataset: Dataset) -> None:
    planned: Any = PlannedSplits(dataset, SETTINGS)
    result = check_borders(planned, SETTINGS, 0)
    assert (result.passed, result.rows_checked) == (True, 3)
    assert check(dataset, train={"until_time": planned.split("train").until_time - HOUR}) == []


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
    examples = check(dataset, **{name: {field: moved}})
    assert examples
    assert all(example.startswith(f"{name} is [") for example in examples)


def test_intervals_must_ascend_and_agree_with_the_outer_times(dataset: Dataset) -> None:
    planned: Any = PlannedSplits(dataset, SETTINGS)
    train = planned.split("train")
    middle = train.from_time + 50 * HOUR
    intervals = ((middle, train.until_time), (train.from_time, middle))
    examples = check(dataset, train={"intervals": intervals})
    assert any("its intervals must ascend" in example for example in examples)
    assert any("its from_time and until_time" in example for example in examples)


def test_a_policy_that_is_not_of_time_has_no_borders(dataset: Dataset) -> None:
    result = check_borders(dataset, HeldOut(policy="by_series"), 0)
    assert (result.passed, result.rows_checked) == (True, 0)
    assert "by_series has no borders in time" in result.rule
