"""Slices cover every real step once; a split scores steps in its ranges, or of its own samples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hindcast.pipeline.certify import iterate
from hindcast.pipeline.certify.iterate import (
    BlockReader,
    iter_sequences,
    iter_split_sets,
    scored_in,
    split_names,
)
from hindcast.pipeline.settings.split import Chronological, RollingOrigin
from hindcast.pipeline.store.index_types import Split
from hindcast.pipeline.store.reader import Dataset
from tests.mock_data import HOUR, mock_dataset


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mock_dataset(tmp_path_factory.mktemp("iterate"))


@pytest.mark.parametrize("longest", [1, 30, 1 << 15])
def test_slices_of_any_length_cover_every_real_step_once(
    path: Path, longest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(iterate, "_LONGEST", longest)
    with Dataset(path) as dataset:
        pieces = list(iter_sequences(dataset))
        table = dataset.sequences
        expected = [
            (str(group), str(series), int(start) + place * HOUR)
            for group, series, start, count in zip(
                table.group, table.series, table.start_time, table.step_count, strict=True
            )
            for place in range(count)
        ]
        assert [(one.group, one.series, time) for one in pieces for time in one.times.tolist()] == expected
        for piece in pieces:
            assert len(piece.read("X")) == len(piece.times)
            first = dataset.time_of(np.array([piece.sample_of(0)]))
            assert first.tolist() == [piece.times[0]]


def test_a_policy_that_is_not_of_time_scores_only_its_own_samples(path: Path) -> None:
    with Dataset(path) as dataset:
        piece = next(iter_sequences(dataset))
        middle = int(piece.times[len(piece.times) // 2])
        length = dataset.segment_length
        for policy, expected in (
            ("chronological", piece.times < middle),
            ("random", (piece.times < middle) & (np.arange(len(piece.times)) // length == 1)),
        ):
            split = Split(
                "train", np.array([piece.first + 1]), int(piece.times[0]), middle, {"policy": policy}
            )
            assert scored_in(split, piece).tolist() == expected.tolist()


def test_the_sets_of_splits_are_the_main_one_and_each_complete_fold(path: Path) -> None:
    with Dataset(path) as dataset:
        (only,) = iter_split_sets(dataset, Chronological())
        assert [split.name for split in only.splits] == ["train", "validation", "test"]
        rolling: Any = RollingOrigin(policy="rolling_origin", folds=2)
        assert [one.fold for one in iter_split_sets(dataset, rolling)] == [None], "the file has no folds"
    assert split_names(1) == ("folds/1/train", "folds/1/validation", "folds/1/test")


@pytest.mark.parametrize("longest", [0, 30, 100, 1 << 15])
def test_a_block_holds_the_samples_of_many_ranges(path: Path, longest: int) -> None:
    with Dataset(path) as dataset:
        counts = dataset.sequences.sample_count.tolist()
        firsts = dataset.sequences.first_sample.tolist()
        for name in ("X", "Y", "known"):
            reader = BlockReader(dataset, longest)
            for first, count in zip(firsts, counts, strict=True):
                found = reader.read(name, first, first + count)
                assert found.tobytes() == dataset.read(name, np.arange(first, first + count)).tobytes()
            again = reader.read(name, 0, counts[0])  # a range before the block
            assert again.tobytes() == dataset.read(name, np.arange(counts[0])).tobytes()
