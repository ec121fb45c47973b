"""Networks of a user's own: good ones, and some that break the contract."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers


def two_branches(inputs: dict[str, Any], brief: Any) -> Any:
    """Features and identity on ways of their own, joined by a GRU; an output a target, by name."""
    flow = layers.Dense(4, activation="tanh")(inputs["features"])
    who = layers.Embedding(brief.series + 1, 2)(inputs["series"])
    flow = layers.GRU(5, return_sequences=True)(layers.Concatenate()([flow, who]))
    flow = layers.LSTM(3, return_sequences=True)(layers.LayerNormalization()(flow))
    return {target: layers.Dense(1)(flow) for target in brief.targets}


def fan(inputs: dict[str, Any], brief: Any) -> Any:
    """All quantiles of all targets from one layer: in order at first, since its weights are 0."""
    flow = layers.LSTM(4, return_sequences=True)(inputs["features"])
    count = len(brief.targets) * len(brief.quantiles)
    return layers.Reshape((-1, *brief.output_shape))(layers.Dense(count, kernel_initializer="zeros")(flow))


def last_step_only(inputs: dict[str, Any], brief: Any) -> Any:
    return layers.Dense(len(brief.targets))(layers.LSTM(4)(inputs["features"]))


def wrong_names(inputs: dict[str, Any], brief: Any) -> Any:
    return {"load": layers.Dense(2)(inputs["features"])}


def no_tensor(inputs: dict[str, Any], brief: Any) -> Any:
    return keras.Sequential([layers.Dense(1)])


def looks_ahead(inputs: dict[str, Any], brief: Any) -> Any:
    flow = layers.Conv1D(3, 3, padding="same", name="looking_both_ways")(inputs["features"])
    return layers.Dense(len(brief.targets))(layers.LSTM(4, return_sequences=True)(flow))


def bidirectional(inputs: dict[str, Any], brief: Any) -> Any:
    flow = layers.Bidirectional(layers.LSTM(4, return_sequences=True))(inputs["features"])
    return layers.Dense(len(brief.targets))(flow)


class Doubled(layers.Layer):  # type: ignore[misc]  # Keras has no types
    def call(self, inputs: Any) -> Any:
        return 2 * inputs


def own_layer(inputs: dict[str, Any], brief: Any) -> Any:
    flow = layers.LSTM(4, return_sequences=True, stateful=False, go_backwards=True, name="back")(
        inputs["features"]
    )
    return Doubled(name="doubled")(layers.Dense(len(brief.targets))(flow))


def sees_other_rows(inputs: dict[str, Any], brief: Any) -> Any:
    flow = layers.LSTM(4, return_sequences=True)(inputs["features"])
    flow = flow - keras.ops.mean(flow, axis=0, keepdims=True)
    return layers.Dense(len(brief.targets))(flow)


def statistics(inputs: dict[str, Any], brief: Any) -> Any:
    flow = layers.BatchNormalization(name="normed")(inputs["features"])
    return layers.Dense(len(brief.targets))(layers.LSTM(4, return_sequences=True)(flow))


def wrapped_statistics(inputs: dict[str, Any], brief: Any) -> Any:
    flow = layers.TimeDistributed(layers.BatchNormalization())(inputs["features"])
    return layers.Dense(len(brief.targets))(layers.LSTM(4, return_sequences=True)(flow))


def dropped_and_frozen(inputs: dict[str, Any], brief: Any) -> Any:
    """Nothing here learns from the batch but by gradients: a frozen layer's statistics stay, a seed moves on."""
    flow = layers.BatchNormalization(trainable=False)(layers.Dropout(0.5, seed=5)(inputs["features"]))
    dense = layers.SpectralNormalization(layers.Dense(len(brief.targets)))
    return dense(layers.LSTM(4, return_sequences=True)(flow))


def sparse_outputs(inputs: dict[str, Any], brief: Any) -> Any:
    recurrent = layers.LSTM(4, return_sequences=True, activity_regularizer="l1", name="sparse")
    flow = layers.TimeDistributed(layers.Dense(3, activity_regularizer="l2"), name="wrapped")(
        inputs["features"]
    )
    flow = layers.ActivityRegularization(l2=0.1, name="alone")(recurrent(flow))
    return layers.Dense(len(brief.targets))(flow)


def small_weights(inputs: dict[str, Any], brief: Any) -> Any:
    flow = layers.LSTM(
        4, return_sequences=True, kernel_regularizer="l2", recurrent_regularizer="l1", bias_regularizer="l2"
    )(inputs["features"])
    dense = layers.TimeDistributed(layers.Dense(3, kernel_regularizer="l2"))(flow)
    return layers.Dense(len(brief.targets), kernel_regularizer="l1")(dense)


def forgetful(inputs: dict[str, Any], brief: Any) -> Any:
    """Every kind of dropout, none with a seed of its own."""
    flow = layers.LSTM(4, return_sequences=True, dropout=0.3, recurrent_dropout=0.3)(inputs["features"])
    flow = layers.GRU(3, return_sequences=True, recurrent_dropout=0.3)(layers.GaussianNoise(0.1)(flow))
    return layers.Dense(len(brief.targets))(layers.Dropout(0.2)(flow))


def unconnected(inputs: dict[str, Any], brief: Any) -> Any:
    return layers.Dense(len(brief.targets))(keras.Input((None, 1)))


def one_argument(inputs: dict[str, Any]) -> Any:
    return inputs["features"]


def fails(inputs: dict[str, Any], brief: Any) -> Any:
    return inputs["history"]


no_function = 3
