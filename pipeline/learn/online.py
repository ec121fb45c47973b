"""The twin for use as time goes on: one row, a step or many at a time, its state kept between calls."""

from __future__ import annotations

from typing import Any

import keras


def make_online(twin: Any) -> Any:
    """The stateless `twin` with `stateful=True` in each recurrent layer, batch size 1 and the twin's weights.

    Plain Keras layers: called step by step it gives what the twin gives on the whole sequence. Call
    `reset_state()` of its recurrent layers where a new sequence begins.
    """
    inputs = {
        name: keras.Input(batch_shape=(1, *tensor.shape[1:]), dtype=tensor.dtype, name=name)
        for name, tensor in twin.input.items()
    }

    def remembering(layer: Any) -> Any:
        if not isinstance(layer, keras.layers.RNN):
            return layer
        return type(layer).from_config({**layer.get_config(), "stateful": True})

    online = keras.models.clone_model(twin, input_tensors=inputs, clone_function=remembering)
    for layer in online.layers:
        if isinstance(layer, keras.layers.RNN):
            layer.set_weights(twin.get_layer(layer.name).get_weights())
    return online
