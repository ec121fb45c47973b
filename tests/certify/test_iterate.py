"""Slices cover every real step once; a split scores steps in its ranges, or of its own samples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.certify import iterate
from hindcast.pipeline.certify.iterate import (
    StepBlock,
    iter_blocks,
    iter_split_sets,
    range_of,
    samples_of,
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


@pytest.mark.parametrize("numbers", [1, 3000, 1 << 22])
def test_blocks_of_any_size_have_every_real_step_once(
    path: Path, numbers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(iterate, "_MOST_NUMBERS", numbers)
    with Dataset(path) as dataset:
        blocks = list(iter_blocks(dataset))
        table, length = dataset.sequences, dataset.segment_length
        expected = [
            (row, int(table.start_time[row]) + place * HOUR, int(table.first_sample[row]) + place // length)
            for row in range(len(table))
            for place in range(table.step_count[row])
        ]
        assert [
            step
            for block in blocks
            for step in zip(block.row.tolist(), block.times.tolist(), block.sample.tolist(), strict=True)
        ] == expected
        every = [
            (sample, place % length)
            for _, time, sample in expected
            for place in [(time - int(dataset.time_of([sample])[0])) // HOUR]
        ]
        for name in ("X", "known", "origin"):
            stored = dataset.read(name, np.arange(dataset.sample_count))
            due = stored[tuple(np.array(every).T)]
            assert np.concatenate([block.read(name) for block in blocks]).tobytes() == due.tobytes()
        row, place = int(blocks[0].row[0]), 3
        assert (
            blocks[0]
            .label(place)
            .startswith(f"{table.group[row]}/{table.series[row]} track {table.track[row]} at ")
        )


def test_the_samples_of_rows_follow_one_another(path: Path) -> None:
    with Dataset(path) as dataset:
        first, count = dataset.sequences.first_sample, dataset.sequences.sample_count
        rows = np.array([2, 0, 1])
        due = [sample for row in rows for sample in range(first[row], first[row] + count[row])]
        assert samples_of(dataset, rows).tolist() == due
        assert samples_of(dataset, rows[:0]).tolist() == []


@given(
    edges=st.lists(st.integers(-9, 9), max_size=8, unique=True).filter(lambda edges: len(edges) % 2 == 0),
    order=st.randoms(use_true_random=False),
    times=st.lists(st.integers(-10, 10), max_size=20),
)
def test_a_time_is_in_the_range_that_holds_it(edges: list[int], order: Any, times: list[int]) -> None:
    ordered = sorted(edges)
    ranges = list(zip(ordered[::2], ordered[1::2], strict=True))
    order.shuffle(ranges)
    due = [
        next((at for at, (start, stop) in enumerate(ranges) if start <= time < stop), -1) for time in times
    ]
    assert range_of(ranges, np.array(times, np.int64)).tolist() == due


def test_a_policy_that_is_not_of_time_scores_only_its_own_samples(path: Path) -> None:
    with Dataset(path) as dataset:
        samples = np.arange(dataset.sequences.sample_count[0])
        piece = StepBlock.of(dataset, samples)
        middle = int(piece.times[len(piece.times) // 2])
        length = dataset.segment_length
        for policy, expected in (
            ("chronological", piece.times < middle),
            ("random", (piece.times < middle) & (np.arange(len(piece.times)) // length == 1)),
        ):
            split = Split("train", samples[1:2], int(piece.times[0]), middle, {"policy": policy})
            assert scored_in(split, piece).tolist() == expected.tolist()


def test_the_sets_of_splits_are_the_main_one_and_each_complete_fold(path: Path) -> None:
    with Dataset(path) as dataset:
        (only,) = iter_split_sets(dataset, Chronological())
        assert [split.name for split in only.splits] == ["train", "validation", "test"]
        rolling: Any = RollingOrigin(policy="rolling_origin", folds=2)
        assert [one.fold for one in iter_split_sets(dataset, rolling)] == [None], "the file has no folds"
    assert split_names(1) == ("folds/1/train", "folds/1/validation", "folds/1/test")
