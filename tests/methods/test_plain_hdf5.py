"""The plain loop reads every sample of a permutation once."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hindcast.pipeline.methods.plain_hdf5 import plain_batches, read_sample_count, split_permutation
from hindcast.pipeline.store.reader import Dataset
from tests.mock_data import mock_dataset


def test_the_plain_loop_reads_each_training_sample_once_and_as_the_reader_does(tmp_path: Path) -> None:
    path = mock_dataset(tmp_path)
    count = read_sample_count(path)
    training, validation = split_permutation(count, 0.2, seed=7)
    assert sorted([*training, *validation]) == list(range(count))
    assert len(validation) == count - int(count * 0.8)
    batches = list(plain_batches(path, training, 4))
    assert [len(x) for x, _ in batches[:-1]] == [4] * (len(batches) - 1)
    order = np.concatenate([np.sort(training[start : start + 4]) for start in range(0, len(training), 4)])
    with Dataset(path) as dataset:
        for name, values in zip("XY", zip(*batches, strict=True), strict=True):
            np.testing.assert_array_equal(np.concatenate(values), dataset.read(name, order))
