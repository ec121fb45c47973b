"""How settings become lessons."""

from __future__ import annotations

import pytest

from pipeline.feed.runs import Grid
from pipeline.learn.lessons import rounded_cut
from tests.learn.networks import small_settings

HOUR = 3_600_000_000_000


@pytest.mark.parametrize(
    ("run_length", "steps"),
    [("25h", 24), ("90min", 24), ("1h", 24), ("71h", 48), ("24h", None), ("60d", None), (None, None)],
)
def test_a_run_length_that_is_no_whole_number_of_samples_is_told(
    run_length: str | None, steps: int | None
) -> None:
    told = rounded_cut(small_settings(run_length=run_length), Grid(24, HOUR))
    assert told.startswith(f"train.run_length: {run_length} plays as {steps} steps" if steps else "")
    assert bool(told) == (steps is not None)


def test_where_nothing_is_cut_nothing_is_told() -> None:
    assert not rounded_cut(small_settings(run_length="25h", mode="windows"), Grid(24, HOUR))
