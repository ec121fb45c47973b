"""What is kept of a training's course."""

from __future__ import annotations

import time
from typing import Any

import pytest

from hindcast.pipeline.learn.history import History, Pace
from hindcast.pipeline.learn.modes import training_data
from tests.learn.networks import (
    batch_source_of,
    small_learner,
    small_settings,
    small_source,
)


@pytest.mark.parametrize(
    ("losses", "epochs", "unfinished"),
    [
        ([3.0, 2.0, 1.0], 3, True),
        ([3.0, 1.0, 2.0], 3, False),  # the best came before the last
        ([3.0, 2.0], 3, False),  # stopped before its time
        ([3.0], 1, False),  # one epoch has nothing to compare with
    ],
)
def test_a_training_that_was_still_getting_better_at_its_end_is_unfinished(
    losses: list[float], epochs: int, unfinished: bool
) -> None:
    history = History()
    for loss in losses:
        history.add({"loss": 1.0, "val_loss": loss})
    assert history.unfinished(epochs) is unfinished


def test_passes_are_compared_by_the_mean_over_their_series() -> None:
    history = History(epochs_per_pass=2)
    best = [history.add({"loss": 1.0, "val_loss": loss}) for loss in (4.0, 2.0, 1.0, 4.0, 9.0, 0.0)]
    assert best == [False, True, False, True, False, False]
    assert (history.best_epoch, history.stale) == (3, 1)
    assert not history.unfinished(3)
    history.add({"loss": 1.0, "val_loss": 0.5})
    assert history.stale == 1, "a pass under way does not count"
    history.add({"loss": 1.0})
    assert history.best_epoch == 7
    assert history.unfinished(4)


def test_the_pace_tells_steps_a_second_waiting_and_what_is_left() -> None:
    training = training_data(batch_source_of(small_source()), small_learner(), small_settings(), seed=1)
    batches = training.epoch(0)
    pace = Pace(total=100, done=10)
    assert pace.note() == "no batch played yet"

    def slowly() -> Any:
        for number in range(3):
            time.sleep(0.02)
            yield batches[number]

    for _ in pace.time_batches(slowly()):
        time.sleep(0.01)
    played = sum(int((batches[number].identity[:, 0] >= 0).sum()) * 4 for number in range(3))
    assert 0.5 < pace.stall_share < 0.9
    assert pace.steps_per_second == pytest.approx(played / 0.09, rel=0.5)
    assert "waiting for data" in pace.note()
    assert pace.note().endswith("s left")
    pace.total = 13
    assert pace.note().endswith("waiting for data"), "no batch is left"


def test_no_time_is_no_pace() -> None:
    assert (Pace(5).steps_per_second, Pace(5).stall_share) == (0, 0)
