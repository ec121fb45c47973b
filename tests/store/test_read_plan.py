"""The plan of a read, held against one sample at a time."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.store.read_plan import Parts, plan_reads


@st.composite
def parts_and_samples(draw: st.DrawFn) -> tuple[Parts, np.ndarray]:
    counts = np.array(draw(st.lists(st.integers(1, 9), min_size=1, max_size=5)), np.int64)
    chunks = np.array([draw(st.integers(1, 10)) for _ in counts], np.int64)
    total = int(counts.sum())
    samples = draw(st.lists(st.integers(0, total - 1), max_size=30))
    return Parts(np.cumsum(counts) - counts, counts, chunks), np.array(samples, np.int64)


@given(parts_and_samples())
def test_each_place_of_the_answer_gets_its_sample_from_one_whole_chunk(
    case: tuple[Parts, np.ndarray],
) -> None:
    parts, samples = case
    answer = np.full(len(samples), -1)
    chunks = []
    for pick in plan_reads(parts, samples):
        size = int(parts.chunk_samples[pick.part])
        assert pick.start % size == 0
        assert pick.stop == min(pick.start + size, int(parts.sample_count[pick.part]))
        assert (answer[pick.places] == -1).all()
        answer[pick.places] = parts.first_sample[pick.part] + pick.start + pick.offsets
        assert (pick.offsets < pick.stop - pick.start).all()
        chunks.append((pick.part, pick.start))
    np.testing.assert_array_equal(answer, samples)
    assert chunks == sorted(set(chunks))


def test_nothing_asked_for_reads_nothing() -> None:
    parts = Parts(np.array([0]), np.array([5]), np.array([2]))
    assert list(plan_reads(parts, np.zeros(0, np.int64))) == []
