"""The plan of a read, held against one sample at a time."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.store.index_types import Shards
from hindcast.pipeline.store.read_plan import plan_reads


def _shards(counts: np.ndarray, chunks: np.ndarray) -> Shards:
    names = np.full(len(counts), "", object)
    return Shards(names, names, names, np.cumsum(counts) - counts, counts, chunks)


@st.composite
def shards_and_samples(draw: st.DrawFn) -> tuple[Shards, np.ndarray]:
    counts = np.array(draw(st.lists(st.integers(1, 9), min_size=1, max_size=5)), np.int64)
    chunks = np.array([draw(st.integers(1, 10)) for _ in counts], np.int64)
    total = int(counts.sum())
    samples = draw(st.lists(st.integers(0, total - 1), max_size=30))
    return _shards(counts, chunks), np.array(samples, np.int64)


@given(shards_and_samples())
def test_each_place_of_the_answer_gets_its_sample_from_one_whole_chunk(
    case: tuple[Shards, np.ndarray],
) -> None:
    shards, samples = case
    answer = np.full(len(samples), -1)
    chunks = []
    for read in plan_reads(shards, samples):
        size = int(shards.chunk_samples[read.shard])
        assert read.start % size == 0
        assert read.stop == min(read.start + size, int(shards.sample_count[read.shard]))
        assert (answer[read.rows] == -1).all()
        answer[read.rows] = shards.first_sample[read.shard] + read.start + read.offsets
        assert (read.offsets < read.stop - read.start).all()
        chunks.append((read.shard, read.start))
    np.testing.assert_array_equal(answer, samples)
    assert chunks == sorted(set(chunks))


def test_nothing_asked_for_reads_nothing() -> None:
    shards = _shards(np.array([5]), np.array([2]))
    assert list(plan_reads(shards, np.zeros(0, np.int64))) == []
