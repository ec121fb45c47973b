"""The state of an online network survives saving and loading, bit for bit, and belongs to its weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import hindcast
from hindcast.pipeline.errors import FormatError, MissingInputError
from hindcast.pipeline.learn.stateful import make_online


def twin(cell: str, seed: int = 1) -> Any:
    keras.utils.set_random_seed(seed)
    values = keras.Input((None, 3), name="inputs")
    kind = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU}[cell]
    carried = kind(4, return_sequences=True, name="second")(
        kind(5, return_sequences=True, name="first")(values)
    )
    return keras.Model({"inputs": values}, keras.layers.Dense(1)(carried))


def play(network: Any, values: np.ndarray) -> np.ndarray:
    steps = [np.asarray(network({"inputs": values[:, at : at + 1]})) for at in range(values.shape[1])]
    return np.concatenate(steps, axis=1)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_network_saved_in_the_middle_goes_on_as_if_it_had_not_been(cell: str, tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(1, 48, 3)).astype(np.float32)
    online = make_online(twin(cell))
    whole = play(online, values)
    for layer in online.layers:
        if isinstance(layer, keras.layers.RNN):
            layer.reset_state()
    first = play(online, values[:, :24])
    online.save(tmp_path / "online.keras")
    hindcast.save_state(online, tmp_path / "state.npz")
    loaded = keras.models.load_model(tmp_path / "online.keras")
    from_zero = play(keras.models.load_model(tmp_path / "online.keras"), values[:, 24:])
    hindcast.load_state(loaded, tmp_path / "state.npz")
    second = play(loaded, values[:, 24:])
    assert np.concatenate([first, second], axis=1).tobytes() == whole.tobytes()
    assert from_zero.tobytes() != second.tobytes(), "a .keras file holds no state"


def test_plain_numpy_reads_the_file(tmp_path: Path) -> None:
    online = make_online(twin("lstm"))
    play(online, np.ones((1, 3, 3), np.float32))
    hindcast.save_state(online, tmp_path / "state.npz")
    with np.load(tmp_path / "state.npz", allow_pickle=False) as archive:
        for name in ("first", "second"):
            for number, state in enumerate(online.get_layer(name).states):
                assert (archive[f"{name}/{number}"] == np.asarray(state)).all()


def test_a_state_of_other_weights_or_a_damaged_file_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    online, other = make_online(twin("lstm")), make_online(twin("lstm", seed=2))
    play(online, np.ones((1, 3, 3), np.float32))
    hindcast.save_state(online, path)
    with pytest.raises(FormatError, match="other weights"):
        hindcast.load_state(other, path)
    assert not np.asarray(other.get_layer("first").states[0]).any()
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(FormatError, match=r"state\.npz is damaged"):
        hindcast.load_state(online, path)
    with pytest.raises(MissingInputError, match=r"none\.npz is missing"):
        hindcast.load_state(online, tmp_path / "none.npz")
    with pytest.raises(ValueError, match=r"no stateful recurrent layer: use models/online\.keras"):
        hindcast.save_state(twin("lstm"), path)
