from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.align.asof import block_starts, is_sorted, last_at_most

small = st.integers(-5, 5)


@given(st.lists(st.tuples(st.lists(small, max_size=9), small), max_size=12))
def test_many_blocks_are_searched_as_each_would_be_alone(cases: list[tuple[list[int], int]]) -> None:
    blocks = [sorted(block) for block, _ in cases]
    start = np.cumsum([0, *map(len, blocks)])
    joined = np.array([value for block in blocks for value in block], np.int64)
    wanted = np.array([value for _, value in cases], np.int64)
    found = last_at_most(joined, start[:-1], start[1:], wanted) if len(joined) else start[:-1] - 1
    for at, (block, (_, value)) in enumerate(zip(blocks, cases, strict=True)):
        assert found[at] == start[at] + sum(one <= value for one in block) - 1


@given(st.lists(st.integers(0, 6)))
def test_block_starts_count_the_rows_before_each_block(blocks: list[int]) -> None:
    found = block_starts(np.array(sorted(blocks), np.int64), 7)
    assert found.tolist() == [sum(one < block for one in blocks) for block in range(8)]


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 2)), max_size=6))
def test_rows_are_sorted_when_tuples_of_their_keys_are(rows: list[tuple[int, int, int]]) -> None:
    keys = np.array(rows, np.int64).reshape(-1, 3).T
    assert is_sorted(*keys) == (rows == sorted(rows))
