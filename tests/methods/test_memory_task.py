"""The effect of carried state, with plain networks: the published figures, lanes beside batch 1, other batch sizes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hindcast.pipeline.methods.memory_task import VARIANTS, max_output_difference, run_variant


@pytest.mark.parametrize(("name", "least", "most"), [("whole", 1.0, 1.0), ("parts", 0.74, 0.76)])
def test_without_state_the_figures_are_the_published_ones(name: str, least: float, most: float) -> None:
    result, network = run_variant(VARIANTS[name])
    assert least <= result.test <= most
    assert least <= result.training[-1] <= most
    assert max_output_difference(network) < 1e-6


def test_lanes_learn_as_well_as_batch_one_and_a_pass_is_twenty_times_faster() -> None:
    by_lanes, network = run_variant(VARIANTS["lanes"])
    assert by_lanes.test >= 0.99
    assert max_output_difference(network) < 1e-6
    one_by_one, _ = run_variant(replace(VARIANTS["batch 1"], epochs=1))
    assert one_by_one.seconds >= 20 * by_lanes.seconds


@pytest.mark.slow
def test_one_sequence_at_a_time_learns_the_label_by_its_state() -> None:
    result, _ = run_variant(VARIANTS["batch 1"])
    assert result.test >= 0.99
    assert result.training[-1] >= 0.99
