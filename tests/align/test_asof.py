from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.align.asof import (
    block_starts,
    carried_from,
    is_sorted,
    kept_runs,
    last_at_most,
    newest_known,
    run_starts,
    sort_versions,
)

PLACES = 3


@dataclass(frozen=True)
class Row:
    slot: int
    valid: int
    known: int
    issue: int
    rank: int


few = st.integers(0, 4)
rows_of = st.lists(st.builds(Row, st.integers(0, PLACES - 1), few, few, few, few), max_size=25)


@given(
    rows_of,
    st.lists(st.tuples(st.integers(0, PLACES - 1), st.integers(-1, 5)), max_size=10),
    st.booleans(),
    st.one_of(st.none(), few),
)
def test_of_each_stamp_the_highest_rank_known_at_the_origin_is_taken(
    rows: list[Row], asked: list[tuple[int, int]], by_rank: bool, max_age: int | None
) -> None:
    made = sort_versions(
        np.array([row.slot for row in rows], np.int64),
        (_column(rows, "valid"), _column(rows, "known"), _column(rows, "issue")),
        np.arange(len(rows), dtype=np.float64)[:, None],
        PLACES,
        rank=_column(rows, "rank") if by_rank else None,
    )
    slots, origins = (np.array([pair[at] for pair in asked], np.int64) for at in (0, 1))
    for nth in range(made.stamps_at_most + 1):
        taken = newest_known(made, slots, origins, nth, max_age)
        for at, (slot, origin) in enumerate(asked):
            expected = _slow(rows, slot, origin, nth, by_rank, max_age)
            if expected is None:
                assert taken[at] == -1
            else:
                row = rows[int(made.values[taken[at], 0])]
                # rows of one timestamp with equal rank and moment tell the same
                assert (row.slot, row.valid, row.known, _rank(row, by_rank)) == expected


def _column(rows: list[Row], name: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array([getattr(row, name) for row in rows], np.int64)


def _rank(row: Row, by_rank: bool) -> int:
    return row.rank if by_rank else row.issue


def _slow(
    rows: list[Row], slot: int, origin: int, nth: int, by_rank: bool, max_age: int | None
) -> tuple[int, int, int, int] | None:
    stamps = sorted({row.valid for row in rows if row.slot == slot})
    if nth >= len(stamps):
        return None
    candidates = [row for row in rows if (row.slot, row.valid) == (slot, stamps[nth]) and row.known <= origin]
    if not candidates:
        return None
    best = max((_rank(row, by_rank), row.known) for row in candidates)
    ties = [row for row in candidates if (_rank(row, by_rank), row.known) == best]
    if max_age is not None and all(origin - row.issue > max_age for row in ties):
        return None
    return slot, stamps[nth], best[1], best[0]


def test_an_older_vintage_that_arrives_late_does_not_replace_a_newer_one() -> None:
    known, issue = np.array([2, 5]), np.array([1, 0])
    made = sort_versions(
        np.zeros(2, np.int64), (np.zeros(2, np.int64), known, issue), np.array([[10.0], [20.0]]), 1
    )
    origins = np.array([1, 2, 4, 5, 9])
    taken = newest_known(made, np.zeros(5, np.int64), origins, 0)
    assert [made.values[row, 0] if row >= 0 else None for row in taken] == [None, 10, 10, 10, 10]


def test_what_is_known_at_the_very_moment_of_the_origin_is_known() -> None:
    one = np.array([7])
    made = sort_versions(np.array([0]), (one, one, one), np.array([[1.0]]), 1)
    assert newest_known(made, np.array([0, 0]), np.array([6, 7]), 0).tolist() == [-1, 0]


def test_a_vintage_of_exactly_the_greatest_age_is_taken() -> None:
    one = np.array([10])
    made = sort_versions(np.array([0]), (one, one, one), np.array([[1.0]]), 1)
    assert newest_known(made, np.array([0, 0]), np.array([15, 16]), 0, max_age=5).tolist() == [0, -1]


def test_no_rows_give_nothing() -> None:
    none = np.empty(0, np.int64)
    made = sort_versions(none, (none, none, none), np.empty((0, 2)), 4)
    assert newest_known(made, np.arange(4), np.full(4, 100), 0).tolist() == [-1] * 4


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


steps = st.lists(st.tuples(st.integers(0, 2), st.booleans(), st.booleans()), max_size=30).map(
    lambda rows: sorted(rows, key=lambda row: row[0])
)


@given(steps)
def test_a_run_is_consecutive_covered_steps_of_one_series(rows: list[tuple[int, bool, bool]]) -> None:
    series, covered = (
        np.array([row[0] for row in rows], np.int64),
        np.array([row[1] for row in rows], np.bool_),
    )
    found = run_starts(series, covered).tolist()
    for at in range(len(rows)):
        if not covered[at]:
            assert found[at] == len(rows)
            continue
        start = at
        while start and covered[start - 1] and series[start - 1] == series[at]:
            start -= 1
        assert found[at] == start


@given(steps, st.integers(0, 4))
def test_a_value_is_carried_forward_inside_its_run_and_no_further_than_the_limit(
    rows: list[tuple[int, bool, bool]], limit: int
) -> None:
    series, covered = (
        np.array([row[0] for row in rows], np.int64),
        np.array([row[1] for row in rows], np.bool_),
    )
    missing = np.array([row[2] or not row[1] for row in rows], np.bool_)
    steps_without = np.flatnonzero(missing)
    taken = carried_from(steps_without, run_starts(series, covered), limit).tolist()
    for at, found in zip(steps_without.tolist(), taken, strict=True):
        expected, back = -1, at
        while (
            covered[at] and back >= 0 and at - back <= limit and covered[back] and series[back] == series[at]
        ):
            if not missing[back]:
                expected = back
                break
            back -= 1
        assert found == expected


@given(steps)
def test_sequences_are_the_longest_runs_and_hold_every_kept_step_once(
    rows: list[tuple[int, bool, bool]],
) -> None:
    series, kept = np.array([row[0] for row in rows], np.int64), np.array([row[1] for row in rows], np.bool_)
    found = kept_runs(series, kept).tolist()
    inside = [at for start, stop in found for at in range(start, stop)]
    assert inside == np.flatnonzero(kept).tolist()
    for start, stop in found:
        assert len(set(series[start:stop].tolist())) == 1
        for border, inner in ((start - 1, start), (stop, stop - 1)):
            if 0 <= border < len(rows):
                assert not kept[border] or series[border] != series[inner]


def test_how_long_a_gap_becomes_later_does_not_change_what_is_carried() -> None:
    run = np.zeros(6, np.int64)
    assert carried_from(np.array([1, 2]), run, 2).tolist() == [0, 0]
    assert carried_from(np.array([1, 2, 3, 4]), run, 2).tolist() == [0, 0, -1, -1]
