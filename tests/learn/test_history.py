"""What is kept of a training's course."""

from __future__ import annotations

import pytest

from hindcast.pipeline.learn.history import History


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
