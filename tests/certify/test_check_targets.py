"""Training targets were known in time, and none is a held-out target."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from hindcast.pipeline.certify.check_targets import check_embargo, check_targets_apart
from hindcast.pipeline.settings.split import Chronological
from hindcast.pipeline.store.reader import Dataset
from tests.certify.planned import PlannedSplits
from tests.mock_data import HOUR, mock_dataset, mock_group

SETTINGS = Chronological(validation=0.2, test=0.2)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dataset]:
    path = mock_dataset(tmp_path_factory.mktemp("targets"), [mock_group(steps=(300,), missing_targets=0.0)])
    with Dataset(path) as opened:
        yield opened


def test_a_plan_keeps_the_embargo_exactly_and_its_targets_apart(dataset: Dataset) -> None:
    planned: Any = PlannedSplits(dataset, SETTINGS)
    embargo, apart = check_embargo(planned, SETTINGS), check_targets_apart(planned, SETTINGS)
    assert embargo.passed
    assert embargo.tightest_margin == 0
    assert apart.passed
    assert apart.rows_checked == 2 * 300 - 2 * (25 + 25), "two series, and 25 hours of embargo at each border"


@pytest.mark.parametrize("name", ["train", "validation"])
def test_one_step_more_violates_the_embargo_in_every_series(dataset: Dataset, name: str) -> None:
    planned: Any = PlannedSplits(dataset, SETTINGS)
    longer = planned.split(name).until_time + HOUR
    changed: Any = PlannedSplits(dataset, SETTINGS, **{name: {"until_time": longer}})
    result = check_embargo(changed, SETTINGS)
    assert (result.violations, result.tightest_margin) == (2, -HOUR)
    assert all(example.startswith(f"{name}: y0 of north/") for example in result.examples)


def test_a_target_that_is_trained_on_and_held_out_is_named(dataset: Dataset) -> None:
    planned: Any = PlannedSplits(dataset, SETTINGS)
    begin = planned.split("test").from_time
    samples = np.arange(dataset.sample_count)
    changed: Any = PlannedSplits(dataset, SETTINGS, train={"until_time": begin + HOUR, "indices": samples})
    result = check_targets_apart(changed, SETTINGS)
    assert any("is also held out" in example for example in result.examples)
    validation = planned.split("validation")
    scored = (validation.until_time - validation.from_time) // HOUR
    assert result.violations == 2 * (scored + 1), "all of validation and one step of test, in two series"
