"""The long rows against a loop over sequences and steps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from hindcast.pipeline.export import long_rows as module
from hindcast.pipeline.export.long_rows import long_rows, row_schema
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.store.reader import Dataset
from tests.mock_data import HOUR, mock_dataset, mock_group, mock_params

PARAMS = mock_params(pack={"segment_length": 7, "chunk_bytes": 400})


def slow_rows(path: Path, names: list[str]) -> list[dict[str, Any]]:
    """One dictionary per step: what the columns of the file say, looked up one by one."""
    rows = []
    with h5py.File(path) as file:
        stored = {name: file[name][()] for name in ("X", "Y", "W", "published", "origin")}
        table = {name: column[()] for name, column in file["sequences"].items()}
        features = [name.decode() for name in file["feature"][()]]
        targets = [name.decode() for name in file["target"][()]]
        splits = {name: file[f"splits/{name}"] for name in ("train", "validation", "test")}
        bounds = {
            name: (item[()].tolist(), int(item.attrs["from_time"]), int(item.attrs["until_time"]))
            for name, item in splits.items()
        }
        length = int(file.attrs["segment_length"])
        for at in range(len(table["row"])):
            for step in range(int(table["step_count"][at])):
                sample, offset = int(table["first_sample"][at]) + step // length, step % length
                time = int(table["start_time"][at]) + step * HOUR
                split = next(
                    (name for name, (_, start, stop) in bounds.items() if start <= time < stop), None
                )
                group, series = table["group"][at].decode(), table["series"][at].decode()
                key = [group.replace("%", "%25").replace("/", "%2F"), series, str(table["track"][at])]
                cells = ["/".join(key), group, series, int(table["track"][at])]
                origin = int(stored["origin"][sample, offset])
                weights = [float(stored["W"][sample, offset, place]) for place in range(len(targets))]
                values = [float(stored["Y"][sample, offset, place]) for place in range(len(targets))]
                published = [
                    float(stored["published"][sample, offset, place]) for place in range(len(targets))
                ]
                cells += [origin, time, (time - origin) / HOUR]
                cells += [float(stored["X"][sample, offset, place]) for place in range(len(features))]
                cells += [
                    value if weight > 0 else None for value, weight in zip(values, weights, strict=True)
                ]
                cells += [None if np.isnan(value) else value for value in published]
                cells += [weight if split else 0.0 for weight in weights]
                rows.append(dict(zip(names, [*cells, split], strict=True)))
    return rows


def found_rows(path: Path, params: Params) -> tuple[list[dict[str, Any]], list[str]]:
    with Dataset(path) as dataset:
        table = pa.concat_tables(long_rows(dataset, params.raw))
        assert table.schema == row_schema(dataset)
    for name in ("origin", "valid_time"):
        table = table.set_column(table.column_names.index(name), name, table[name].cast(pa.int64()))
    return table.to_pylist(), table.column_names


@pytest.mark.parametrize("block", [7, 50, 1 << 17])
def test_rows_are_those_of_the_file_whatever_the_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    groups = [
        mock_group("a/b%", steps=(60, 5), tracks=2, targets=2),
        mock_group("m", series=("x",), seed=1, steps=(90,), targets=2),
    ]
    path = mock_dataset(tmp_path, groups, PARAMS)
    monkeypatch.setattr(module, "_BLOCK_STEPS", block)
    found, names = found_rows(path, PARAMS)
    assert names[:7] == ["unique_id", "group", "series", "track", "origin", "valid_time", "lead"]
    assert names[-7:] == ["y0", "y1", "y0_published", "y1_published", "y0_weight", "y1_weight", "split"]
    expected = slow_rows(path, names)
    assert found == expected
    assert {row["split"] for row in expected} >= {"train", "validation", "test"}
    assert any(row["y0"] is None for row in expected)


def test_keys_are_unique_and_ordered(tmp_path: Path) -> None:
    path = mock_dataset(tmp_path, [mock_group("g", series=("a/b", "a%2Fb"), steps=(30, 20))], PARAMS)
    found, names = found_rows(path, PARAMS)
    keys = [(row["unique_id"], row["valid_time"]) for row in found]
    assert len(set(keys)) == len(keys)
    assert {row["unique_id"] for row in found} == {"g/a%2Fb", "g/a%252Fb"}
    assert names[-2:] == ["weight", "split"]


def test_a_feature_with_the_name_of_another_column_keeps_its_values(tmp_path: Path) -> None:
    group = mock_group("g", steps=(40,))
    names = ["y0", "lead", "y0_published"]
    features = tuple(replace(feature, name=name) for feature, name in zip(group.features, names, strict=True))
    path = mock_dataset(tmp_path, [replace(group, features=features)], PARAMS)
    found, columns = found_rows(path, PARAMS)
    assert columns[7:10] == ["x_y0", "x_lead", "x_y0_published"]
    with h5py.File(path) as file:
        assert found[0]["x_lead"] == file["X"][0, 0, 1]


def test_the_lead_of_a_local_day_counts_from_its_real_start(tmp_path: Path) -> None:
    """2024-03-31 has 23 hours in Berlin; days are named by 00:00 UTC of their date."""
    day = 24 * HOUR
    start = int(np.datetime64("2024-03-25", "ns").astype(np.int64))
    params = mock_params(
        raw={"frequency": "1d", "zone": "Europe/Berlin"},
        pack={"segment_length": 4},
        align={"gaps": {"fill": "2d"}},
    )
    group = mock_group("g", series=("s",), steps=(14,), start=start, frequency=day, missing_targets=0)
    path = mock_dataset(tmp_path, [group], params)
    found, _ = found_rows(path, params)
    for row in found:
        date = pd.Timestamp(row["valid_time"], tz="UTC").strftime("%Y-%m-%d")
        begins = pd.Timestamp(date, tz="Europe/Berlin").value
        assert row["lead"] == (begins - row["origin"]) / HOUR
    assert len({row["lead"] for row in found}) == 2  # summer time begins within them
