"""Idle lanes are padding: they change nothing."""

from __future__ import annotations

import pytest

from hindcast.pipeline.methods.tbptt_lanes import train_one_step


def test_idle_lanes_change_neither_loss_nor_weights() -> None:
    (loss, weights), (other, others) = (train_one_step(count) for count in (0, 60))
    assert other == pytest.approx(loss, rel=1e-6)
    assert all(a == pytest.approx(b, rel=1e-5, abs=1e-7) for a, b in zip(weights, others, strict=True))
