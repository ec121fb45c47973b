"""The index of a shard: what a file holds, and the same again from a JSON-like value."""

from __future__ import annotations

import json
import os
from dataclasses import fields
from pathlib import Path

import h5py
import numpy as np
import pytest

from hindcast.pipeline.errors import FormatError, MissingInputError
from hindcast.pipeline.store import shards as module
from hindcast.pipeline.store.file_header import Header, read_header
from hindcast.pipeline.store.index_types import Sequences
from hindcast.pipeline.store.join_shards import write_dataset
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.store.shard_index import ShardIndex
from tests.mock_data import mock_group, mock_params, mock_shards

PARAMS = mock_params(pack={"segment_length": 6, "codec": "none", "chunk_bytes": 150})


def make(folder: Path) -> list[Path]:
    groups = [
        mock_group("%é b", steps=(20, 9), series=("ann", "ö")),
        mock_group("south", steps=(1,), tracks=2),
    ]
    return mock_shards(folder / "packed", groups, PARAMS)


def test_an_index_is_that_of_the_file_also_after_a_way_through_json(tmp_path: Path) -> None:
    for path in make(tmp_path):
        index = ShardIndex.read(path)
        again = ShardIndex.from_plain(json.loads(json.dumps(index.plain())), path)
        with h5py.File(path) as file, Dataset(path) as dataset:
            assert index.chunk_samples == file["X"].chunks[0]
            assert index.header == again.header == dataset.header
            for column in fields(Sequences):
                values = [getattr(table, column.name) for table in (dataset.sequences, index.sequences)]
                other = getattr(again.sequences, column.name)
                assert len({values[0].dtype, values[1].dtype, other.dtype}) == 1
                assert values[0].tolist() == values[1].tolist() == other.tolist()
        assert (again.path, again.version, again.chunk_samples) == (path, index.version, index.chunk_samples)


def test_a_damaged_or_missing_shard_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = make(tmp_path)[0]
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(FormatError, match="packed/"):
        ShardIndex.read(path)
    path.unlink()
    with pytest.raises(MissingInputError, match="packed/"):
        ShardIndex.read(path)


def test_with_indexes_no_header_is_read_again_unless_a_shard_was_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = make(tmp_path)
    indexes = [ShardIndex.read(path) for path in paths]
    write_dataset(tmp_path / "dataset.h5", paths, lambda _: (), {}, indexes)
    read: list[Path] = []

    def noted(file: h5py.File, path: Path) -> Header:
        read.append(path)
        return read_header(file, path)

    monkeypatch.setattr(module, "read_header", noted)
    with Dataset(tmp_path / "dataset.h5", indexes=indexes) as dataset:
        whole = dataset.read("Y", np.arange(dataset.sample_count))
    assert not read
    os.utime(paths[1], ns=(0, 0))
    with Dataset(tmp_path / "dataset.h5", indexes=indexes) as dataset:
        np.testing.assert_array_equal(dataset.read("Y", np.arange(dataset.sample_count)), whole)
    assert read == [paths[1]]
