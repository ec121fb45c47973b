"""The certificate proves what training sees with `train.missing_runs`, and names a value of an issue that is missed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hindcast.pipeline.certify.check_groups import check_groups
from hindcast.pipeline.certify.check_missed import frames_without_missed
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.store.reader import Dataset
from tests.align.mock import mock_frames, mock_params
from tests.certify.test_check_inputs import unsplit, with_missing_runs
from tests.split.workplace import make_data


def some_params(longer: str = "end", **missing_runs: float) -> Params:
    made = mock_params(
        origin={"before": "6h"},
        gaps={"fill": "2h", "longer": longer},
        features={"ahead": 1, "lead": True},
        published={"usage": "weather.temp"},
    )
    return unsplit(with_missing_runs(made, missing_runs or {"weather": 0.4}))


@pytest.mark.parametrize("longer", ["end", "indicator"])
@pytest.mark.parametrize(("array", "check"), [("X", "inputs"), ("published", "published")])
def test_the_values_of_a_missed_issue_are_named(tmp_path: Path, array: str, check: str, longer: str) -> None:
    def spoil(file: Any) -> None:
        file[f"{array}_missed"][...] = file[array][...]  # training would see what has not come

    params = some_params(longer)
    data = make_data(tmp_path, mock_frames(1, hours=96), params, spoil_shard=spoil)
    with Dataset(data / "dataset.h5") as dataset:
        results = check_groups(dataset, data / "tables", params).results
    assert results[check].examples
    assert all("training's" in example for example in results[check].examples)
    assert "without the missed issues" in results[check].examples[0]
    assert results["rebuilt"].violations > 0
    assert results["targets"].passed


def test_a_value_that_training_keeps_must_be_the_recorded_one(tmp_path: Path) -> None:
    def spoil(file: Any) -> None:
        file["X_missed"][...] = file["X_missed"][...] + 1

    params = some_params(weather=0.9)
    data = make_data(tmp_path, mock_frames(1, hours=96), params, spoil_shard=spoil)
    with Dataset(data / "dataset.h5") as dataset:
        found = check_groups(dataset, data / "tables", params).results["inputs"]
    assert any("an input is missing, so it must be" in example for example in found.examples)


def test_other_shares_than_those_of_the_shards_are_a_violation(tmp_path: Path) -> None:
    data = make_data(tmp_path, mock_frames(1, hours=96), some_params())
    with Dataset(data / "dataset.h5") as dataset:
        assert not check_groups(dataset, data / "tables", some_params(weather=0.8)).results["inputs"].passed
        without = check_groups(dataset, data / "tables", unsplit(mock_params(
            origin={"before": "6h"}, features={"ahead": 1, "lead": True}, published={"usage": "weather.temp"}
        ))).results["rebuilt"]  # fmt: skip
    assert any("train.missing_runs requests none" in example for example in without.examples)


def test_rows_of_other_sources_stay() -> None:
    frames = mock_frames(1)
    left = frames_without_missed(frames, some_params(weather=0.5))
    assert 0 < len(left["weather"]) < len(frames["weather"])
    assert all(left[name] is frames[name] for name in frames if name != "weather")
