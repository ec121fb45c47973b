"""What a training starts from: networks drawn from the seed, and batches in the mode of the settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from hindcast.pipeline.learn.preconditions import open_certified
from hindcast.pipeline.learn.setup import prepare_training
from tests.learn.networks import arrays
from tests.learn.workplace import workplace


def test_the_seed_alone_decides_the_first_weights(tmp_path: Path) -> None:
    params = workplace(tmp_path)
    with open_certified(params, tmp_path) as data:
        first, again, other = (
            arrays(prepare_training(params.model_copy(update={"seed": seed}), data).networks.learner.weights)
            for seed in (1, 1, 2)
        )
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert any((a != b).any() for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("mode", ["stateful", "windows", "per_series"])
def test_lanes_are_idle_in_stateful_mode_only_and_series_have_an_order_in_per_series_mode_only(
    mode: str, tmp_path: Path
) -> None:
    params = workplace(tmp_path, mode=mode)
    with open_certified(params, tmp_path) as data:
        setup = prepare_training(params, data)
        assert data.known == (("north", "ann"), ("north", "bob"))
        assert setup.series_order == (list(data.known) if mode == "per_series" else [])
        assert (setup.idle_share is not None) == (mode == "stateful")
