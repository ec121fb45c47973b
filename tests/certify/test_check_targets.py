"""Training targets were known in time, and none is a held-out target."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from hindcast.pipeline.certify.check_targets import TargetsApart, check_embargo, embargoes
from hindcast.pipeline.certify.findings import CheckResult
from hindcast.pipeline.certify.iterate import iter_blocks
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


def embargo_of(planned: Any, settings: Any = SETTINGS) -> CheckResult:
    result, limits = CheckResult("embargo", ""), embargoes(planned, settings)
    for block in iter_blocks(planned):
        check_embargo(result, block, limits)
    return result


def apart_of(planned: Any, settings: Any = SETTINGS) -> CheckResult:
    result, apart = CheckResult("targets_apart", ""), TargetsApart(planned, settings)
    for block in iter_blocks(planned):
        apart.add(result, block)
    apart.finish(result)
    return result


def test_a_plan_keeps_the_embargo_exactly_and_its_targets_apart(dataset: Dataset) -> None:
    planned: Any = PlannedSplits(dataset, SETTINGS)
    embargo, apart = embargo_of(planned), apart_of(planned)
    assert embargo.passed
    assert embargo.tightest_margin == 0
    assert apart.passed
    assert apart.rows_checked == 2 * 300 - 2 * (25 + 25), "two series, and 25 hours of embargo at each border"


@pytest.mark.parametrize("name", ["train", "validation"])
def test_one_step_more_violates_the_embargo_in_every_series(dataset: Dataset, name: str) -> None:
    planned: Any = PlannedSplits(dataset, SETTINGS)
    longer = planned.split(name).until_time + HOUR
    changed: Any = PlannedSplits(dataset, SETTINGS, **{name: {"until_time": longer}})
    result = embargo_of(changed)
    assert (result.violations, result.tightest_margin) == (2, -HOUR)
    assert all(example.startswith(f"{name}: y0 of north/") for example in result.examples)


def test_a_target_that_is_trained_on_and_held_out_is_named(dataset: Dataset) -> None:
    planned: Any = PlannedSplits(dataset, SETTINGS)
    begin = planned.split("test").from_time
    samples = np.arange(dataset.sample_count)
    changed: Any = PlannedSplits(dataset, SETTINGS, train={"until_time": begin + HOUR, "indices": samples})
    result = apart_of(changed)
    assert any("is also held out" in example for example in result.examples)
    validation = planned.split("validation")
    scored = (validation.until_time - validation.from_time) // HOUR
    assert result.violations == 2 * (scored + 1), "all of validation and one step of test, in two series"
