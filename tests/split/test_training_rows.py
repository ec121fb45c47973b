"""Sums of training rows for each key, against a loop over sequences, for every size of blocks and parts."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.split import steps as steps_module
from hindcast.pipeline.split import training_rows
from hindcast.pipeline.split.exact_sums import Sums
from hindcast.pipeline.split.training_rows import Columns, TrainingRows
from hindcast.pipeline.store.index_types import Split
from tests.split.in_memory import HOUR, START, plain_track, steps_of

COLUMNS = Columns(["wind", "lag", "lag_missing"], np.array([-1, 2, -1]), ["power"])
SEQUENCES = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"), st.integers(1, 12), st.integers(0, 12)),
    min_size=1,
    max_size=6,
).map(sorted)


@given(
    sequences=SEQUENCES,
    segment_length=st.integers(1, 5),
    length=st.integers(0, 2),
    hours=st.tuples(st.integers(0, 20), st.integers(0, 20)).map(sorted),
    sizes=st.tuples(st.integers(1, 20), st.integers(1, 20)),
)
def test_the_sums_of_each_key_are_those_of_its_rows(
    sequences: list[tuple[str, str, int, int]],
    segment_length: int,
    length: int,
    hours: list[int],
    sizes: tuple[int, int],
) -> None:
    tracks = [
        plain_track(steps, group=group, series=name, begin=begin) for group, name, steps, begin in sequences
    ]
    bare = steps_of(tracks, segment_length)
    random = np.random.default_rng(len(tracks))
    x = random.normal(size=(bare.sample_count, segment_length, 3)).astype(np.float32)
    x[..., 2] = x[..., 0] > 0
    read = bare.read
    steps = replace(bare, read=lambda name, samples: x[samples] if name == "X" else read(name, samples))
    begin, until = (START + hour * HOUR for hour in hours)
    every = np.arange(bare.sample_count)
    rows = TrainingRows(steps, Split("train", every, begin, until), COLUMNS, length)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steps_module, "_STEPS_PER_BLOCK", sizes[0])
        patch.setattr(training_rows, "_ROWS_PER_PART", sizes[1])
        keys, sums = rows.sums(("features",), None)
    inside = steps.within(every, begin, until)
    expected = {}
    for key, group in groupby(range(len(tracks)), lambda row: sequences[row][:length]):
        mine = np.isin(steps.sequence, list(group))[:, None] & inside
        counted = np.ones((mine.sum(), 3), bool)
        counted[:, 1] = x[mine][:, 2] == 0
        if mine.any():
            expected[key] = Sums.of(x[mine], counted)
    assert keys == list(expected)
    for place, of_key in enumerate(expected.values()):
        found = sums["features"].run(place)
        assert found.count.tolist() == of_key.count.tolist()
        assert found.total.tolist() == of_key.total.tolist()
        assert found.squares.tolist() == of_key.squares.tolist()
