"""Carried state: the twin's layers, with a state per lane that outlives the batch and is dropped lane by lane."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from pipeline.errors import TrainingError
from pipeline.learn.twin import Layers, dropped, entrance, exit_from, named_inputs, recurrent_layers

_TOLERANCE = 1e-5


class CarriedRecurrent(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """A recurrent layer that starts each batch from the state in which it left the one before.

    The states (lanes, units) are weights of this layer, not trained: they are saved with it, unlike those of a
    `stateful=True` layer. `keep` (lanes, 1) is multiplied into them first: 0 starts a lane from zero.
    """

    def __init__(self, recurrent: Any, lanes: int, **options: Any) -> None:
        super().__init__(**options)
        self.recurrent = recurrent
        sizes = recurrent.cell.state_size
        self.states = [
            self.add_weight(shape=(lanes, size), initializer="zeros", trainable=False, name=f"state_{number}")
            for number, size in enumerate(sizes if isinstance(sizes, list | tuple) else [sizes])
        ]

    def build(self, inputs_shape: Any, keep_shape: Any) -> None:
        """The recurrent layer's own weights, if the twin has not made them yet."""
        if not self.recurrent.built:
            self.recurrent.build(inputs_shape)
        self.built = True

    def call(self, inputs: Any, keep: Any) -> Any:
        """(lanes, time, feature) -> (lanes, time, units), the states moved on."""
        outputs, *final = self.recurrent(inputs, initial_state=[state * keep for state in self.states])
        for state, value in zip(self.states, final, strict=True):
            state.assign(value)
        return outputs


def make_carried(layers: Layers, features: int, lanes: int, *, scaled: bool) -> Any:
    """A network of `lanes` lanes over the twin's layers, with states of its own, all zero.

    Inputs as the twin's, and `keep` (lanes, 1); outputs (lanes, time, target), in scaled units if `scaled`, else physical. Networks made from the same layers share
    their trained weights and nothing else: playing one leaves the others' states alone.
    """
    inputs = named_inputs(layers, features, lanes)
    keep = keras.Input(batch_shape=(lanes, 1), name="keep")
    flow = entrance(layers, inputs)
    for number, recurrent in enumerate(recurrent_layers(layers)):
        flow = CarriedRecurrent(recurrent, lanes, name=f"carried_{number}")(flow, keep)
        flow = dropped(layers, number, flow)
    outputs = exit_from(layers, inputs, flow, scaled=scaled)
    return keras.Model({**inputs, "keep": keep}, outputs, name="carried")


def check_state_carries() -> None:
    """Refuse a framework on which state does not carry in training: two chunks must leave what one whole leaves.

    A lane that is reset between the chunks must leave what its second chunk alone leaves.
    """
    values = np.linspace(-1, 1, 2 * 6 * 2, dtype=np.float32).reshape(2, 6, 2)
    recurrent = keras.layers.LSTM(3, return_sequences=True, return_state=True, name="checked")
    inputs, keep = keras.Input(batch_shape=(2, 3, 2)), keras.Input(batch_shape=(2, 1))
    carried = CarriedRecurrent(recurrent, 2)
    network = keras.Model([inputs, keep], carried(inputs, keep))
    network.compile(optimizer=keras.optimizers.SGD(0.0), loss="mse", jit_compile=False)
    for chunk, kept in ((values[:, :3], [[0], [0]]), (values[:, 3:], [[1], [0]])):
        network.train_on_batch([chunk, np.array(kept, np.float32)], np.zeros((2, 3, 3), np.float32))
    whole, reset = recurrent(values[:1]), recurrent(values[1:, 3:])
    for state, of_whole, of_reset in zip(carried.states, whole[1:], reset[1:], strict=True):
        found = keras.ops.convert_to_numpy(state)
        wanted = np.concatenate([keras.ops.convert_to_numpy(part) for part in (of_whole, of_reset)])
        if not np.allclose(found, wanted, rtol=0, atol=_TOLERANCE):
            raise TrainingError(
                f"Keras {keras.__version__} on {keras.backend.backend()} does not carry recurrent state from batch to batch "
                f"(a state differs by {np.abs(found - wanted).max():.1g}): install the versions of requirements.lock."
            )
