"""scaler.json is read whole and refused where it is another data set's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.feed.scaling import read_scaling, series_numbers
from hindcast.pipeline.files import write_json
from tests.feed.memory import memory_source


def written(folder: Path, **parts: Any) -> Path:
    entry = {"mean": 2.0, "std": 4.0, "count": 9}
    content = {
        "format": "hindcast-scaler/2", "by": "feature", "target": "feature", "min_rows": 100, "fingerprint": "f",
        "features": [{"name": "a", **entry}, {"name": "b", **entry, "mean": 3.0}],
        "targets": [{"name": "y", **entry, "std": 0.5}],
        "groups": [], "series": [], **parts,
    }  # fmt: skip
    write_json(folder / "scaler.json", content)
    return folder / "scaler.json"


def part(mean: float, std: float, columns: int) -> dict[str, list[float]]:
    return {"mean": [mean] * columns, "std": [std] * columns, "count": [9] * columns}


GROUPS = [{"group": group, "targets": part(mean, 10.0, 1)} for group, mean in (("g", 100.0), ("h", 200.0))]
SERIES = [
    {"group": "g", "series": "1", "targets": part(7.0, 0.5, 1)},
    {"group": "h", "series": "1", "targets": part(8.0, 0.25, 1)},
]
KNOWN = [("h", "1"), ("g", "of few rows"), ("g", "1"), ("new", "1")]


def test_means_and_deviations_come_in_the_order_of_the_columns(tmp_path: Path) -> None:
    scaling = read_scaling(written(tmp_path), ("a", "b"), ("y",), "f")
    assert scaling.feature_mean.tolist() == [2, 3]
    assert scaling.feature_std.tolist() == [4, 4]
    scaled = scaling.scaled_targets(np.array([[3.0]], np.float32), np.array([5], np.int32))
    assert scaled.tolist() == [[2.0]]


def test_a_table_has_a_row_for_none_then_for_each_known_series_then_for_each_group(tmp_path: Path) -> None:
    scaling = read_scaling(written(tmp_path, groups=GROUPS, series=SERIES), ("a", "b"), ("y",), "f", KNOWN)
    assert scaling.groups == ("g", "h")
    # the scaler knows no series `of few rows` of g: its group's scale; nothing of the group `new`: that of all
    assert scaling.target_mean[:, 0].tolist() == [2.0, 8.0, 100.0, 7.0, 2.0, 100.0, 200.0]
    assert scaling.feature_mean.tolist() == [2, 3], "features are scaled alike, so no table"
    assert scaling.target_count == 1


def test_targets_are_scaled_by_the_row_of_their_series(tmp_path: Path) -> None:
    scaling = read_scaling(written(tmp_path, groups=GROUPS, series=SERIES), ("a", "b"), ("y",), "f", KNOWN)
    steps = np.full((3, 2, 1), 9.0, np.float32)  # (row, step, target)
    scaled = scaling.scaled_targets(steps, np.array([1, 3, 0], np.int32))
    assert scaled[:, :, 0].tolist() == [[4.0, 4.0], [4.0, 4.0], [14.0, 14.0]]
    rows = scaling.scaled_targets(steps[:, 0], np.array([1, 3, 0], np.int32))
    assert rows.tolist() == scaled[:, 0].tolist()


def test_a_series_never_seen_has_the_index_of_its_group_behind_those_of_the_series() -> None:
    sequences = memory_source([5, 5, 5], [0, 0, 0]).sequences
    keys = [(str(sequences.group[row]), str(sequences.series[row])) for row in range(3)]
    assert len(set(keys)) == 3
    seen = [keys[1]]
    other_group = [group for group, _ in keys if group != keys[1][0]]
    groups = list(dict.fromkeys(["elsewhere", keys[0][0]]))
    numbers = series_numbers(sequences, seen, groups)
    expected = [1 if key in seen else 3 if key[0] == keys[0][0] else 0 for key in keys]
    assert numbers.tolist() == expected
    assert series_numbers(sequences, seen).tolist() == [int(key in seen) for key in keys]
    assert len(other_group) < 3


def test_idle_rows_show_the_mean_of_all(tmp_path: Path) -> None:
    features = [{"group": "g", "features": part(50.0, 1.0, 2)}]
    scaling = read_scaling(written(tmp_path, groups=features), ("a", "b"), ("y",), "f", [("g", "1")])
    assert scaling.feature_mean.shape == (3, 2)
    assert scaling.idle_values.tolist() == [2, 3]


def test_the_scaler_of_another_data_set_is_rejected_with_everything_that_differs(tmp_path: Path) -> None:
    with pytest.raises(FormatError) as fault:
        read_scaling(written(tmp_path), ("a",), ("z",), "g")
    assert [each.split(":")[0] for each in fault.value.faults] == ["fingerprint", "features", "targets"]


def test_a_scaler_of_another_version_is_rejected_with_the_stage_to_run(tmp_path: Path) -> None:
    with pytest.raises(
        FormatError, match=r"scaler.json cannot be used: another version .*scaler/1; .*stage `scale` again"
    ):
        read_scaling(written(tmp_path, format="hindcast-scaler/1"), ("a", "b"), ("y",), "f")


def test_targets_are_shares_of_the_capacity_that_the_scaler_names(tmp_path: Path) -> None:
    scaling = read_scaling(written(tmp_path, capacity={"y": "b"}), ("a", "b"), ("y",), "f")
    assert scaling.capacity == (1,)
    inputs = np.array([[9, 4], [9, 0], [9, -2]], np.float32)
    sizes = scaling.sizes(inputs)
    assert sizes.tolist() == [[4], [0], [-2]]
    series, values = np.zeros(3, np.int32), np.array([[8], [8], [8]], np.float32)
    shares = np.array([[2], [8], [8]], np.float32)
    np.testing.assert_array_equal(
        scaling.scaled_targets(values, series, sizes), scaling.scaled_targets(shares, series)
    )
    with pytest.raises(FormatError, match="the data set has no feature c"):
        read_scaling(written(tmp_path, capacity={"y": "c"}), ("a", "b"), ("y",), "f")
