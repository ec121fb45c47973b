"""Scored rows: those between the borders whose target is known, in order."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.feed.scored_rows import scored_rows
from tests.feed.memory import HOUR, chronological, memory_source


@given(
    st.lists(st.tuples(st.integers(1, 20), st.integers(0, 12)), min_size=1, max_size=4),
    st.integers(1, 6),
    st.integers(1, 2),
)
def test_rows_are_the_known_steps_between_the_borders_in_order(
    table: list[tuple[int, int]], segment_length: int, targets: int
) -> None:
    source = memory_source(
        [a for a, _ in table], [b for _, b in table], segment_length, targets=targets, unknown=0.5
    )
    chronological(source, {"validation": (8, 17), "test": (17, 60)})
    rows = scored_rows(source, "validation")
    weights = source.arrays["W"].reshape(-1, targets)
    wanted = [
        (row, step, start + step)
        for row, (steps, start) in enumerate(table)
        for step in range(steps)
        if 8 <= start + step < 17
        and weights[int(source.sequences.first_sample[row]) * segment_length + step].any()
    ]
    found = zip(rows.sequence.tolist(), rows.step.tolist(), (rows.time // HOUR).tolist(), strict=True)
    assert list(found) == wanted
    first = source.sequences.first_sample[rows.sequence]
    assert ((rows.sample - first) * segment_length + rows.offset == rows.step).all()


def test_a_split_without_samples_has_no_rows() -> None:
    source = chronological(memory_source([10]), {"test": (30, 60)})
    rows = scored_rows(source, "test")
    assert len(rows) == 0
    assert rows.sequence.dtype == np.int32
