"""Shards are joined in the order of their groups, or not at all; a failure leaves the old data set whole."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.errors import FormatError, MissingInputError, SplitError
from hindcast.pipeline.files import digest_of_file
from hindcast.pipeline.store.index_types import Split
from hindcast.pipeline.store.join_shards import list_shards, write_dataset
from hindcast.pipeline.store.layout import ARRAYS
from hindcast.pipeline.store.reader import Dataset
from tests.examples import examples
from tests.mock_data import mock_dataset, mock_group, mock_params, mock_shards

PARAMS = mock_params(pack={"segment_length": 6, "codec": "none", "chunk_bytes": 150})


def _no_splits(_: Dataset) -> list[Split]:
    return []


@examples(15)
@given(
    sizes=st.lists(st.tuples(st.integers(1, 15), st.integers(1, 3)), min_size=1, max_size=4),
    names=st.permutations(["a", "B", "é", "a b", "%", "z.h5"]),
)
def test_the_join_is_the_shards_end_to_end(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[tuple[int, int]], names: Sequence[str]
) -> None:
    folder = tmp_path_factory.mktemp("join")
    groups = [
        mock_group(name, steps=(steps,), series=tuple("abc"[:count]), seed=steps)
        for name, (steps, count) in zip(names, sizes, strict=False)
    ]
    path = mock_dataset(folder, groups, PARAMS)
    shards = list_shards(folder / "packed")
    ordered = sorted(groups, key=lambda group: group.group)
    with h5py.File(path) as joined, Dataset(path) as dataset:
        assert list(dict.fromkeys(dataset.sequences.group)) == [group.group for group in ordered]
        for array in ARRAYS:
            parts = []
            for shard in shards:
                with h5py.File(shard) as file:
                    parts.append(file[array.name][()])
            np.testing.assert_array_equal(joined[array.name][()], np.concatenate(parts))
        assert dataset.first_target_time == min(group.first_target_time for group in groups)
        assert dataset.last_target_time == max(group.last_target_time for group in groups)
        np.testing.assert_array_equal(joined["sequence"], dataset.sequence_of(range(dataset.sample_count)))


def test_a_second_join_at_another_time_and_place_has_the_same_bytes(tmp_path: Path) -> None:
    first = mock_dataset(tmp_path / "here", params=PARAMS)
    time.sleep(1.1)  # HDF5 counts in seconds
    second = mock_dataset(tmp_path / "somewhere else", params=PARAMS)
    assert digest_of_file(first) == digest_of_file(second)


def test_the_fingerprint_depends_on_shards_and_identity(tmp_path: Path) -> None:
    shards = mock_shards(tmp_path / "packed", [mock_group("a"), mock_group("b")], PARAMS)
    found = [
        write_dataset(tmp_path / "dataset.h5", chosen, _no_splits, identity).fingerprint
        for chosen, identity in (
            (shards, {"seed": 1}),
            (shards, {"seed": 2}),
            (shards[:1], {"seed": 1}),
            (shards, {"seed": 1}),
        )
    ]
    assert found[0] == found[3]
    assert len(set(found)) == 3


def test_shards_that_differ_are_an_error_with_every_difference(tmp_path: Path) -> None:
    shards = mock_shards(tmp_path, [mock_group("a")], PARAMS)
    other = mock_params(pack={"segment_length": 5}, raw={"frequency": "30min"})
    half = mock_group("b", features=2, frequency=1_800_000_000_000)
    shards = mock_shards(tmp_path, [half], other)
    with pytest.raises(FormatError) as caught:
        write_dataset(tmp_path / "dataset.h5", shards, _no_splits, {})
    for words in ("b.h5: segment_length is 5, but 6", "b.h5: frequency is", "b.h5: features is ('f0', 'f1')"):
        assert words in str(caught.value)
    assert not (tmp_path / "dataset.h5").exists()


def test_shards_outside_the_folder_are_an_error(tmp_path: Path) -> None:
    shards = mock_shards(tmp_path / "elsewhere", [mock_group()], PARAMS)
    with pytest.raises(FormatError, match="folder of"):
        write_dataset(tmp_path / "data" / "dataset.h5", shards, _no_splits, {})


def test_a_split_that_fails_leaves_the_old_data_set(tmp_path: Path) -> None:
    path = mock_dataset(tmp_path, params=PARAMS)
    before = path.read_bytes()

    def fail(joined: Dataset) -> list[Split]:
        raise SplitError(f"{joined.sample_count} are too few")

    with pytest.raises(SplitError):
        write_dataset(path, list_shards(tmp_path / "packed"), fail, {})
    assert path.read_bytes() == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["dataset.h5", "packed"]


def test_a_folder_without_shards_names_the_stage_to_run(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="`pack`"):
        list_shards(tmp_path)
