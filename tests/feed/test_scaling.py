"""scaler.json is read whole and refused where it is another data set's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import FormatError
from pipeline.feed.scaling import read_scaling
from pipeline.files import write_json


def written(folder: Path) -> Path:
    entry = {"mean": 2.0, "std": 4.0, "count": 9}
    content = {
        "format": "hindcast-scaler/1", "by": "feature", "fingerprint": "f",
        "features": [{"name": "a", **entry}, {"name": "b", **entry, "mean": 3.0}],
        "targets": [{"name": "y", **entry, "std": 0.5}],
    }  # fmt: skip
    write_json(folder / "scaler.json", content)
    return folder / "scaler.json"


def test_means_and_deviations_come_in_the_order_of_the_columns(tmp_path: Path) -> None:
    scaling = read_scaling(written(tmp_path), ("a", "b"), ("y",), "f")
    assert scaling.feature_mean.tolist() == [2, 3]
    assert scaling.feature_std.tolist() == [4, 4]
    assert scaling.scaled_targets(np.array([[3.0]], np.float32)).tolist() == [[2.0]]


def test_a_foreign_scaler_is_refused_with_everything_that_differs(tmp_path: Path) -> None:
    with pytest.raises(FormatError) as fault:
        read_scaling(written(tmp_path), ("a",), ("z",), "g")
    assert [each.split(":")[0] for each in fault.value.faults] == ["fingerprint", "features", "targets"]
