"""Origins and issue times of every step: those of the rule pass, and each moved one is named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hindcast.pipeline.certify.certificate import certify
from hindcast.pipeline.certify.check_groups import check_groups
from hindcast.pipeline.certify.check_origins import ExpectedOrigins, check_issued, check_origins
from hindcast.pipeline.certify.findings import CheckResult
from hindcast.pipeline.certify.iterate import iter_blocks
from hindcast.pipeline.settings import gates
from hindcast.pipeline.store.reader import Dataset
from tests.certify.small_data import frames, settings
from tests.mock_data import HOUR, mock_dataset, mock_group, mock_params
from tests.split.workplace import kinds, make_data


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dataset]:
    group = mock_group(steps=(300,), lead_hours=24, missing_published=0.0)
    params = mock_params(pack={"segment_length": 24, "codec": "none"})
    with Dataset(mock_dataset(tmp_path_factory.mktemp("origins"), [group], params)) as opened:
        yield opened


class Moved:
    """A data set in which one array is moved by some hours at one step of the first sample."""

    def __init__(self, dataset: Dataset, name: str, step: int, hours: int) -> None:
        self._dataset, self._name, self._step, self._hours = dataset, name, step, hours

    def read(self, name: str, samples: Any) -> Any:
        values = self._dataset.read(name, samples)
        if name == self._name:
            values = values.copy()
            values[np.asarray(samples) == 0, self._step] += self._hours * HOUR
        return values

    def __getattr__(self, name: str) -> Any:
        return getattr(self._dataset, name)


def params_of(hours: int) -> Any:
    params = mock_params(align={"origin": {"before": f"{hours}h"}})
    sources = {"source0": params.raw.sources["weather"]}
    raw = params.raw.model_copy(update={"sources": sources, "zone": "UTC"})
    return params.model_copy(update={"raw": raw})


def origins(dataset: Any, params: Any) -> CheckResult:
    result, expected = CheckResult("origin_rule", ""), ExpectedOrigins(params)
    for block in iter_blocks(dataset):
        check_origins(result, block, "UTC", expected)
    return result


def issued(dataset: Any, params: Any) -> CheckResult:
    result = CheckResult("issued", "")
    for block in iter_blocks(dataset):
        check_issued(result, block, params)
    return result


def test_origins_of_the_rule_pass_and_another_rule_fails_at_every_step(dataset: Dataset) -> None:
    result = origins(dataset, params_of(24))
    assert (result.passed, result.rows_checked, result.tightest_margin) == (True, 600, None)
    other = origins(dataset, params_of(25))
    assert (other.violations, other.tightest_margin) == (600, -HOUR)


def test_a_moved_origin_is_named_with_its_step_and_sample(dataset: Dataset) -> None:
    moved: Any = Moved(dataset, "origin", 5, 1)
    (example,) = origins(moved, params_of(24)).examples
    assert "north/ann track 0 at 2024-01-01T05:00:00Z (sample 0)" in example
    assert "the rule gives 2023-12-31T05:00:00Z" in example


def test_a_vintage_issued_after_the_origin_is_named_and_margins_are_kept(dataset: Dataset) -> None:
    result = issued(dataset, params_of(24))
    assert (result.passed, result.tightest_margin) == (True, HOUR)
    moved: Any = Moved(dataset, "issued", 5, 2)
    late = issued(moved, params_of(24))
    assert (late.violations, late.tightest_margin) == (1, -HOUR)
    assert "the vintage of source0" in late.examples[0]


def test_a_gate_on_a_public_holiday_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Good Friday and Easter Monday lie in the data; the code that makes the shards forgets that they are closed."""
    days = {"monday": "tuesday", "tuesday": "wednesday", "wednesday": "thursday", "thursday": "friday"}
    covers = {**days, "friday": ["saturday", "sunday", "monday"]}
    params = settings(origin={"at": "10:00", "covers": covers, "closed": {"holidays": "DE"}}, features={})
    assert kinds(certify(make_data(tmp_path / "right", frames(), params), params)) == set()
    monkeypatch.setattr(gates, "are_closed", lambda _, days: np.zeros(len(days), np.bool_))
    data = make_data(tmp_path / "wrong", frames(), params)
    with Dataset(data / "dataset.h5") as made:
        origin_rule = check_groups(made, data / "tables", params).results["origin_rule"]
    assert not origin_rule.passed
