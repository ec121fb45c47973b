"""The number of parameters is the one that Keras counts."""

from __future__ import annotations

from pathlib import Path

import keras
import pytest

from hindcast.pipeline.learn.network_size import count_parameters
from hindcast.pipeline.learn.saving import save_network
from tests.learn.networks import small_twin


@pytest.mark.parametrize("identity", ["one_hot", "embedding", "none"])
def test_the_weights_of_a_saved_network_are_counted_as_keras_counts_them(
    tmp_path: Path, identity: str
) -> None:
    network = small_twin(identity=identity, dropout=0.1)
    save_network(tmp_path / "model.keras", network)
    assert count_parameters(tmp_path / "model.keras") == network.count_params() > 0


def test_states_of_generators_and_optimizers_are_no_parameters(tmp_path: Path) -> None:
    network = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), keras.layers.Dropout(0.5)])
    network.compile("adam", "mae")
    network.optimizer.build(network.trainable_variables)
    save_network(tmp_path / "model.keras", network)
    assert count_parameters(tmp_path / "model.keras") == 8


def test_a_file_that_is_no_network_has_no_number(tmp_path: Path) -> None:
    assert count_parameters(tmp_path / "absent.keras") is None
    (tmp_path / "text.keras").write_text("not a network")
    assert count_parameters(tmp_path / "text.keras") is None
