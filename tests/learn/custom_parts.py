"""What a user may have written into layers: parts that Keras alone cannot load."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers


def twice_tanh(values: Any) -> Any:
    return 2 * keras.ops.tanh(values)


@keras.saving.register_keras_serializable("mine")
class Small(keras.regularizers.Regularizer):  # type: ignore[misc]  # Keras has no types
    def __call__(self, values: Any) -> Any:
        return keras.ops.sum(keras.ops.square(values))

    def get_config(self) -> dict[str, Any]:
        return {}


class Tenths(keras.initializers.Initializer):  # type: ignore[misc]  # Keras has no types
    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        return keras.ops.ones(shape, dtype) / 10


class Whole(keras.constraints.Constraint):  # type: ignore[misc]  # Keras has no types
    def __call__(self, values: Any) -> Any:
        return keras.ops.round(values)


class Doubled(layers.Layer):  # type: ignore[misc]  # Keras has no types
    def call(self, inputs: Any) -> Any:
        return 2 * inputs
