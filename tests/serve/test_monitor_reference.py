"""The reference of the skill is the test split of the evaluation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.serve.monitor_reference import first_test_time, reference_differences


def predictions(folder: Path) -> pd.DataFrame:
    random = np.random.default_rng(0)
    valid = pd.date_range("2024-01-01", periods=24 * 12, freq="h", tz="UTC")
    frame = pd.DataFrame(
        {
            "split": np.where(np.arange(len(valid)) < 24 * 4, "validation", "test"),
            "group": np.where(np.arange(len(valid)) % 2, "a", "b"),
            "target": "usage",
            "valid_time": valid,
            "origin": valid - pd.Timedelta("1D"),
            "actual": random.normal(size=len(valid)),
        }
    )
    frame["model"] = frame["actual"] + random.normal(size=len(valid))
    frame["published"] = frame["actual"] + 2 * random.normal(size=len(valid))
    frame.loc[::9, "published"] = np.nan
    (folder / "reports").mkdir()
    frame.to_parquet(folder / "reports/predictions.parquet", row_group_size=50)
    return frame


def test_differences_are_those_of_the_rows_of_the_test_split(tmp_path: Path) -> None:
    frame = predictions(tmp_path).query("split == 'test'").dropna()
    found = reference_differences(tmp_path, "usage", "published")
    assert found is not None
    assert found.groups == ("a", "b")
    day = (frame["origin"] - frame["origin"].min().floor("D")).dt.days
    for scope, rows in ((0, frame), (1, frame[frame["group"] == "a"]), (2, frame[frame["group"] == "b"])):
        for at in range(8):
            here = rows[day[rows.index] == at]
            ours, theirs = ((here[name] - here["actual"]).abs().sum() for name in ("model", "published"))
            assert found.relative[scope, at] == pytest.approx((ours - theirs) / (ours + theirs))


def test_the_reference_of_the_inputs_ends_where_the_test_split_begins(tmp_path: Path) -> None:
    frame = predictions(tmp_path).query("split == 'test'")
    assert first_test_time(tmp_path) == frame["valid_time"].min().as_unit("ns").value


def test_without_an_evaluation_there_is_none(tmp_path: Path) -> None:
    assert first_test_time(tmp_path) is None
    assert reference_differences(tmp_path, "usage", "published") is None
    predictions(tmp_path)
    assert reference_differences(tmp_path, "usage", "trees") is None
    assert reference_differences(tmp_path, "load", "published") is None


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    predictions(tmp_path)
    path = tmp_path / "reports/predictions.parquet"
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(FormatError, match=r"predictions\.parquet is damaged"):
        first_test_time(tmp_path)
