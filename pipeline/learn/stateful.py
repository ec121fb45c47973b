"""Carried state: a stateless network played in lanes, whose states per lane outlive the batch; the online form."""

from __future__ import annotations

from itertools import count
from typing import Any

import keras
import numpy as np

from hindcast.pipeline.errors import TrainingError

_TOLERANCE = 1e-5


class CarriedRecurrent(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """A recurrent layer that starts each batch from the state in which it left the one before.

    The states (lanes, units) are untrained weights of this layer: unlike those of a `stateful=True` layer, they are
    saved with it. `keep` (lanes, 1) is multiplied into them first: 0 starts a lane from zero.
    """

    def __init__(self, recurrent: Any, lanes: int, **options: Any) -> None:
        # of the states; the layer inside has its own precision
        super().__init__(dtype="float32", **options)
        self.recurrent = recurrent
        sizes = recurrent.cell.state_size
        self.states = [
            self.add_weight(shape=(lanes, size), initializer="zeros", trainable=False, name=f"state_{number}")
            for number, size in enumerate(sizes if isinstance(sizes, list | tuple) else [sizes])
        ]

    def build(self, inputs_shape: Any, keep_shape: Any) -> None:
        """Create the recurrent layer's own weights, if the twin has not created them yet."""
        if not self.recurrent.built:
            self.recurrent.build(inputs_shape)
        self.built = True

    def call(self, inputs: Any, keep: Any) -> Any:
        """(lanes, time, feature) -> (lanes, time, units); updates the states."""
        return_state, self.recurrent.return_state = self.recurrent.return_state, True
        try:
            outputs, *final = self.recurrent(inputs, initial_state=[state * keep for state in self.states])
        finally:
            self.recurrent.return_state = return_state
        for state, value in zip(self.states, final, strict=True):
            state.assign(keras.ops.cast(value, "float32"))
        return outputs


def carry(network: Any, lanes: int) -> Any:
    """A network of `lanes` lanes over the layers of a stateless one, with its own states, all zero.

    It takes the stateless network's inputs and `keep` (lanes, 1). It shares the trained weights, and nothing else,
    with other networks over these layers: playing one leaves the others' states unchanged.
    """
    inputs = inputs_like(network, lanes)
    keep = keras.Input(batch_shape=(lanes, 1), name="keep")
    number = count()

    def call(layer: Any, *arguments: Any, **options: Any) -> Any:
        if isinstance(layer, keras.layers.RNN):
            return CarriedRecurrent(layer, lanes, name=f"carried_{next(number)}")(arguments[0], keep)
        return layer(*arguments, **options)

    # Keras clones onto inputs of the network's own structure: so the network gets the missing one, unused
    with_keep = keras.Model({**network.input, "keep": keras.Input((1,), name="keep")}, network.output)
    return keras.models.clone_model(
        with_keep,
        input_tensors={**inputs, "keep": keep},
        clone_function=lambda layer: layer,
        call_function=call,
    )


def make_online(twin: Any) -> Any:
    """The stateless `twin` with `stateful=True` in each recurrent layer, batch size 1 and the twin's weights.

    Plain Keras layers: called step by step it gives what the twin gives on the whole sequence. Call
    `reset_state()` of its recurrent layers where a new sequence begins.
    """

    def clone(layer: Any) -> Any:
        if not isinstance(layer, keras.layers.RNN):
            return layer
        return type(layer).from_config({**layer.get_config(), "stateful": True})

    online = keras.models.clone_model(twin, input_tensors=inputs_like(twin, 1), clone_function=clone)
    for layer in online.layers:
        if isinstance(layer, keras.layers.RNN):
            layer.set_weights(twin.get_layer(layer.name).get_weights())
    return online


def inputs_like(network: Any, rows: int | None) -> dict[str, Any]:
    """New inputs with the names and types of a network's, for batches of `rows` rows (None: of any number)."""
    return {
        name: keras.Input(batch_shape=(rows, *tensor.shape[1:]), dtype=tensor.dtype, name=name)
        for name, tensor in network.input.items()
    }


def check_state_is_carried() -> None:
    """Raise TrainingError if the framework loses state in training: two chunks must leave the state that one whole leaves.

    A lane that is reset between the chunks must end in the state that its second chunk alone leaves.
    """
    values = np.linspace(-1, 1, 2 * 6 * 2, dtype=np.float32).reshape(2, 6, 2)
    recurrent = keras.layers.LSTM(3, return_sequences=True, name="checked")
    inputs, keep = keras.Input(batch_shape=(2, 3, 2)), keras.Input(batch_shape=(2, 1))
    carried = CarriedRecurrent(recurrent, 2)
    network = keras.Model([inputs, keep], carried(inputs, keep))
    network.compile(optimizer=keras.optimizers.SGD(0.0), loss="mse", jit_compile=False)
    for chunk, flags in ((values[:, :3], [[0], [0]]), (values[:, 3:], [[1], [0]])):
        network.train_on_batch([chunk, np.array(flags, np.float32)], np.zeros((2, 3, 3), np.float32))
    recurrent.return_state = True
    whole, reset = recurrent(values[:1]), recurrent(values[1:, 3:])
    for state, of_whole, of_reset in zip(carried.states, whole[1:], reset[1:], strict=True):
        found = keras.ops.convert_to_numpy(state)
        wanted = np.concatenate([keras.ops.convert_to_numpy(part) for part in (of_whole, of_reset)])
        if not np.allclose(found, wanted, rtol=0, atol=_TOLERANCE):
            raise TrainingError(
                f"Keras {keras.__version__} on {keras.backend.backend()} does not carry recurrent state from batch to batch "
                f"(a state differs by {np.abs(found - wanted).max():.1g}): install the versions of requirements.lock."
            )
