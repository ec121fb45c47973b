"""What carried state is worth, by plain networks: the published figures, lanes beside batch 1, twins of other batch sizes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hindcast.pipeline.methods import tbptt_lanes as method_four
from hindcast.pipeline.methods.memory_task import WAYS, measured, twin_differs_by


@pytest.mark.parametrize(("name", "least", "most"), [("whole", 1.0, 1.0), ("parts", 0.74, 0.76)])
def test_without_state_the_figures_are_the_published_ones(name: str, least: float, most: float) -> None:
    result, network = measured(WAYS[name])
    assert least <= result.test <= most
    assert least <= result.training[-1] <= most
    assert twin_differs_by(network) < 1e-6


def test_lanes_learn_what_batch_one_learns_and_a_pass_is_twenty_times_faster() -> None:
    by_lanes, network = measured(WAYS["lanes"])
    assert by_lanes.test >= 0.99
    assert twin_differs_by(network) < 1e-6
    one_by_one, _ = measured(replace(WAYS["batch 1"], epochs=1))
    assert one_by_one.seconds >= 20 * by_lanes.seconds


@pytest.mark.slow
def test_one_sequence_at_a_time_learns_the_label_by_its_state() -> None:
    result, _ = measured(WAYS["batch 1"])
    assert result.test >= 0.99
    assert result.training[-1] >= 0.99


def test_idle_lanes_change_neither_loss_nor_weights() -> None:
    (loss, weights), (other, others) = (method_four.one_step_beside(count) for count in (0, 60))
    assert other == pytest.approx(loss, rel=1e-6)
    assert all(a == pytest.approx(b, rel=1e-5, abs=1e-7) for a, b in zip(weights, others, strict=True))
