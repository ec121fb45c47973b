"""The blend of a data set: what is fitted where, and what it gains on rows that it has not seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from hindcast.pipeline.digests import write_folder_digests
from hindcast.pipeline.learn.blend_file import Blend, TargetBlend
from hindcast.pipeline.learn.blend_fit import NO_VALUE, NOT_FITTED, fit_blend
from hindcast.pipeline.learn.validation_parts import HELD, WEIGHTS, divide_validation
from tests.judge.mock_judged import MockDataset, mock_dataset, model_with_error
from tests.mock_data import mock_params


def fitted(
    folder: Path, dataset: MockDataset, error: float = 3.0, trees: Any = None, **blend: Any
) -> TargetBlend:
    params = mock_params(train={"blend": blend or True})
    predict = model_with_error(dataset, error)
    parts = divide_validation(cast("Any", dataset))
    found = fit_blend(
        params, cast("Any", dataset), parts, folder, trees, lambda spans: predict("validation", spans)
    )
    write_folder_digests(folder)
    return found[0]


def test_equal_forecasts_get_equal_weights_and_the_gain_is_that_of_a_mean(tmp_path: Path) -> None:
    found = fitted(tmp_path, mock_dataset(days=400))
    assert found.mean["published"] == pytest.approx(0.5, abs=0.1)
    assert found.mean["model"] == pytest.approx(0.45, abs=0.1)
    assert found.left_out == {"trees": NOT_FITTED}
    gain = found.gain
    assert gain.rival == "published"
    due = 1 - (2 / 3**2 + 3 / 8**2) ** -0.5 / 3  # the baselines miss by 8
    assert gain.value == pytest.approx(due, abs=0.03)
    assert gain.low is not None
    assert gain.high is not None
    assert gain.value is not None
    assert gain.low < gain.value < gain.high
    assert Blend(tmp_path).facts["usage"]["expected_gain"]["value"] == gain.value


def test_a_network_without_merit_leaves_the_published_forecast(tmp_path: Path) -> None:
    found = fitted(tmp_path, mock_dataset(days=200, published_error=0.5), error=20)
    assert found.mean["published"] > 0.95
    assert "equal to the published forecast by construction" in str(found)
    assert found.equal == len(found.keys)


def test_without_a_published_forecast_the_network_is_the_start(tmp_path: Path) -> None:
    dataset = mock_dataset(days=200)
    dataset.arrays["published"][:] = np.nan
    found = fitted(tmp_path, dataset)
    assert found.left_out["published"] == NO_VALUE
    assert found.mean["published"] == 0
    assert found.mean["model"] > 0.7
    assert found.gain.rival == "model"


def test_the_weights_do_not_depend_on_the_other_parts_of_validation(tmp_path: Path) -> None:
    plain, changed = mock_dataset(days=200), mock_dataset(days=200)
    parts = divide_validation(cast("Any", plain))
    samples = changed.parts["validation"].indices
    steps = changed.segment_length
    # a sample is a day: its first step gives the part
    time = (
        changed.sequences.start_time[0]
        + (samples % (len(changed.arrays["Y"]) // len(changed.sequences))) * steps * changed.frequency
    )
    outside = samples[~parts.holds(WEIGHTS, time)]
    changed.arrays["published"][outside] += 100
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, other = fitted(tmp_path / "a", plain), fitted(tmp_path / "b", changed)
    assert parts.holds(HELD, time).any()
    inside = samples[parts.holds(WEIGHTS, time)]
    assert len(inside)
    assert one.mean == other.mean
    assert one.gain != other.gain


def test_trees_are_a_member_and_rows_that_lack_one_are_counted(tmp_path: Path) -> None:
    dataset = mock_dataset(days=200)
    exact = model_with_error(dataset, 0.1, seed=5)
    found = fitted(tmp_path, dataset, trees=lambda rows: exact("validation", rows).T)
    assert found.mean["trees"] > 0.9
    assert 0 < found.incomplete < found.rows


def test_members_that_are_not_named_get_no_weight(tmp_path: Path) -> None:
    found = fitted(tmp_path, mock_dataset(days=100), members=["model", "published"])
    assert set(found.mean) == {"model", "published"}
