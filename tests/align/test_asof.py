from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.align.asof import newest_known, versions

PLACES = 3


@dataclass(frozen=True)
class Row:
    place: int
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
    made = versions(
        np.array([row.place for row in rows], np.int64),
        (_column(rows, "valid"), _column(rows, "known"), _column(rows, "issue")),
        np.arange(len(rows), dtype=np.float64)[:, None],
        PLACES,
        rank=_column(rows, "rank") if by_rank else None,
    )
    places, origins = (np.array([pair[at] for pair in asked], np.int64) for at in (0, 1))
    for nth in range(made.stamps_at_most + 1):
        taken = newest_known(made, places, origins, nth, max_age)
        for at, (place, origin) in enumerate(asked):
            expected = _slow(rows, place, origin, nth, by_rank, max_age)
            if expected is None:
                assert taken[at] == -1
            else:
                row = rows[int(made.values[taken[at], 0])]
                # rows of one stamp with equal rank and moment tell the same
                assert (row.place, row.valid, row.known, _rank(row, by_rank)) == expected


def _column(rows: list[Row], name: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array([getattr(row, name) for row in rows], np.int64)


def _rank(row: Row, by_rank: bool) -> int:
    return row.rank if by_rank else row.issue


def _slow(
    rows: list[Row], place: int, origin: int, nth: int, by_rank: bool, max_age: int | None
) -> tuple[int, int, int, int] | None:
    stamps = sorted({row.valid for row in rows if row.place == place})
    if nth >= len(stamps):
        return None
    candidates = [
        row for row in rows if (row.place, row.valid) == (place, stamps[nth]) and row.known <= origin
    ]
    if not candidates:
        return None
    best = max((_rank(row, by_rank), row.known) for row in candidates)
    ties = [row for row in candidates if (_rank(row, by_rank), row.known) == best]
    if max_age is not None and all(origin - row.issue > max_age for row in ties):
        return None
    return place, stamps[nth], best[1], best[0]


def test_an_older_vintage_that_arrives_late_does_not_replace_a_newer_one() -> None:
    known, issue = np.array([2, 5]), np.array([1, 0])
    made = versions(
        np.zeros(2, np.int64), (np.zeros(2, np.int64), known, issue), np.array([[10.0], [20.0]]), 1
    )
    origins = np.array([1, 2, 4, 5, 9])
    taken = newest_known(made, np.zeros(5, np.int64), origins, 0)
    assert [made.values[row, 0] if row >= 0 else None for row in taken] == [None, 10, 10, 10, 10]


def test_what_is_known_at_the_very_moment_of_the_origin_is_known() -> None:
    one = np.array([7])
    made = versions(np.array([0]), (one, one, one), np.array([[1.0]]), 1)
    assert newest_known(made, np.array([0, 0]), np.array([6, 7]), 0).tolist() == [-1, 0]


def test_a_vintage_of_exactly_the_greatest_age_is_taken() -> None:
    one = np.array([10])
    made = versions(np.array([0]), (one, one, one), np.array([[1.0]]), 1)
    assert newest_known(made, np.array([0, 0]), np.array([15, 16]), 0, max_age=5).tolist() == [0, -1]


def test_no_rows_give_nothing() -> None:
    none = np.empty(0, np.int64)
    made = versions(none, (none, none, none), np.empty((0, 2)), 4)
    assert newest_known(made, np.arange(4), np.full(4, 100), 0).tolist() == [-1] * 4
