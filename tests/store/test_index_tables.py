"""Tables and splits come back as they were written, all fields of them."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.store.index_tables import (
    read_splits,
    read_table,
    write_splits,
    write_table,
)
from hindcast.pipeline.store.index_types import Sequences, Shards, Split
from hindcast.pipeline.store.open_files import create_file, open_to_read


def _sequences(count: int) -> Sequences:
    numbers = np.arange(count, dtype=np.int64)
    names = np.array([f"ser\u00efes {number} \u2603" for number in range(count)], dtype=object)
    return Sequences(
        names, names[::-1].copy(), numbers, numbers - 2**62, numbers * 3, numbers + 1, numbers + 2
    )


@pytest.mark.parametrize("count", [0, 1, 5])
def test_tables_come_back_whole(tmp_path: Path, count: int) -> None:
    path = tmp_path / "file.h5"
    sequences = _sequences(count)
    names, numbers = sequences.group, sequences.track
    shards = Shards(names, names, names, numbers, numbers + 1, numbers + 2)
    with create_file(path) as file:
        file.attrs["format"] = "hindcast/1"
        write_table(file, "sequences", sequences)
        write_table(file, "shards", shards)
    with open_to_read(path) as file:
        read_sequences = read_table(file, "sequences", Sequences, path)
        read_shards = read_table(file, "shards", Shards, path)
    for read, made in ((read_sequences, sequences), (read_shards, shards)):
        assert len(read) == count
        for column in fields(type(made)):
            np.testing.assert_array_equal(getattr(read, column.name), getattr(made, column.name))


def test_pandas_reads_the_table_of_sequences(tmp_path: Path) -> None:
    path = tmp_path / "file.h5"
    with create_file(path) as file:
        write_table(file, "sequences", _sequences(3))
    with h5py.File(path) as file:
        frame = pd.DataFrame({name: column[()] for name, column in file["sequences"].items()})
    assert frame["series"].str.decode("utf-8").tolist() == [
        f"ser\u00efes {number} \u2603" for number in (2, 1, 0)
    ]
    assert frame["first_sample"].tolist() == [0, 3, 6]


def test_splits_come_back_with_their_times_and_attributes_in_the_order_of_the_data(tmp_path: Path) -> None:
    path = tmp_path / "file.h5"
    made = [
        Split("folds/1/train", np.arange(3), 1, 2, {"policy": "blocked"}),
        Split("test", np.array([7, 9]), -5, 2**62, {"policy": "chronological", "seed": 3, "share": 0.5}),
        Split("train", np.zeros(0, np.int64), 0, 0, {}),
    ]
    with create_file(path) as file:
        file.attrs["format"] = "hindcast/1"
        write_splits(file, made)
    with open_to_read(path) as file:
        read = read_splits(file, path)
    assert list(read) == ["train", "test", "folds/1/train"]
    for split in made:
        np.testing.assert_array_equal(read[split.name].indices, split.indices)
        assert (read[split.name].from_time, read[split.name].until_time) == (
            split.from_time,
            split.until_time,
        )
        assert dict(read[split.name].attributes) == dict(split.attributes)


def test_columns_of_different_length_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "file.h5"
    with create_file(path) as file:
        file.attrs["format"] = "hindcast/1"
        write_table(file, "sequences", _sequences(3))
        del file["sequences/track"]
        file["sequences/track"] = np.arange(2)
    with open_to_read(path) as file, pytest.raises(FormatError, match=r"one length.*'track': 2"):
        read_table(file, "sequences", Sequences, path)
