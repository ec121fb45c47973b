from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.align.asof import carried_from, run_starts, sequences_of

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
    found = carried_from(missing, run_starts(series, covered), limit).tolist()
    for at in range(len(rows)):
        expected, back = -1, at
        while (
            covered[at] and back >= 0 and at - back <= limit and covered[back] and series[back] == series[at]
        ):
            if not missing[back]:
                expected = back
                break
            back -= 1
        assert found[at] == expected


@given(steps)
def test_sequences_are_the_longest_runs_and_hold_every_kept_step_once(
    rows: list[tuple[int, bool, bool]],
) -> None:
    series, kept = np.array([row[0] for row in rows], np.int64), np.array([row[1] for row in rows], np.bool_)
    found = sequences_of(series, kept).tolist()
    inside = [at for start, stop in found for at in range(start, stop)]
    assert inside == np.flatnonzero(kept).tolist()
    for start, stop in found:
        assert len(set(series[start:stop].tolist())) == 1
        for border, inner in ((start - 1, start), (stop, stop - 1)):
            if 0 <= border < len(rows):
                assert not kept[border] or series[border] != series[inner]


def test_how_long_a_gap_becomes_later_does_not_change_what_is_carried() -> None:
    run = np.zeros(6, np.int64)
    short = carried_from(np.array([False, True, True, False, False, False]), run, 2)
    long = carried_from(np.array([False, True, True, True, True, False]), run, 2)
    assert short[:3].tolist() == long[:3].tolist() == [0, 0, 0]
    assert long[3:].tolist() == [-1, -1, 5]
