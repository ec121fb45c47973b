"""The modes of training: what an epoch and a pass play, and hints on settings."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.feed.lanes import fill_lanes
from hindcast.pipeline.feed.runs import Runs
from hindcast.pipeline.learn.modes import idle_lanes_hint, run_length_hint
from tests.learn.networks import small_settings

HOUR = 3_600_000_000_000


@pytest.mark.parametrize(
    ("run_length", "steps"),
    [("25h", 24), ("90min", 24), ("1h", 24), ("71h", 48), ("24h", None), ("60d", None), (None, None)],
)
def test_a_run_length_that_is_not_a_whole_number_of_samples_is_reported(
    run_length: str | None, steps: int | None
) -> None:
    hint = run_length_hint(small_settings(run_length=run_length), 24, HOUR)
    assert hint.startswith(f"train.run_length: {run_length} is rounded to {steps} steps" if steps else "")
    assert bool(hint) == (steps is not None)


def test_no_hint_is_given_where_no_run_is_cut() -> None:
    assert not run_length_hint(small_settings(run_length="25h", mode="windows"), 24, HOUR)


@given(st.integers(1, 400), st.integers(1, 500))
def test_idle_lanes_are_reported_with_a_number_that_does_better(samples: int, lanes: int) -> None:
    def idle(number: int) -> float:
        whole = Runs(np.zeros(1, np.int64), np.zeros(1, np.int64), np.array([samples]), np.zeros(1, np.int64))
        return fill_lanes(whole, number, 7, 0).idle_share

    hint = idle_lanes_hint(small_settings(lanes=lanes), idle(lanes), samples)
    assert bool(hint) == (idle(lanes) > 0.05)
    if hint:
        (fewer,) = re.findall(r"train.lanes of (\d+) or less", hint)
        assert idle(int(fewer)) <= 0.05


def test_no_hint_is_given_without_lanes() -> None:
    assert not idle_lanes_hint(small_settings(mode="windows"), None, 9)
    assert "a shorter train.warm_up" in idle_lanes_hint(small_settings(lanes=2, warm_up=99), 0.374, 900)
