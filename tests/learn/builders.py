"""Builder functions of custom networks: good ones, and some that break the contract."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from tests.learn.custom_parts import Doubled, Small, Tenths, Whole, twice_tanh


def two_branches(inputs: dict[str, Any], spec: Any) -> Any:
    """Features and identity in separate branches, joined by a GRU; one output per target, by name."""
    flow = layers.Dense(4, activation="tanh")(inputs["features"])
    who = layers.Embedding(spec.series + 1, 2)(inputs["series"])
    flow = layers.GRU(5, return_sequences=True)(layers.Concatenate()([flow, who]))
    flow = layers.LSTM(3, return_sequences=True)(layers.LayerNormalization()(flow))
    return {target: layers.Dense(1)(flow) for target in spec.targets}


def fan(inputs: dict[str, Any], spec: Any) -> Any:
    """All quantiles of all targets from one layer, whose initial weights are 0; sorted."""
    flow = layers.LSTM(4, return_sequences=True)(inputs["features"])
    count = len(spec.targets) * len(spec.quantiles)
    columns = layers.Reshape((-1, *spec.output_shape))(layers.Dense(count, kernel_initializer="zeros")(flow))
    return keras.ops.sort(columns, axis=-1)


def last_step_only(inputs: dict[str, Any], spec: Any) -> Any:
    return layers.Dense(len(spec.targets))(layers.LSTM(4)(inputs["features"]))


def wrong_names(inputs: dict[str, Any], spec: Any) -> Any:
    return {"load": layers.Dense(2)(inputs["features"])}


def no_tensor(inputs: dict[str, Any], spec: Any) -> Any:
    return keras.Sequential([layers.Dense(1)])


def looks_ahead(inputs: dict[str, Any], spec: Any) -> Any:
    flow = layers.Conv1D(3, 3, padding="same", name="looking_both_ways")(inputs["features"])
    return layers.Dense(len(spec.targets))(layers.LSTM(4, return_sequences=True)(flow))


def bidirectional(inputs: dict[str, Any], spec: Any) -> Any:
    flow = layers.Bidirectional(layers.LSTM(4, return_sequences=True))(inputs["features"])
    return layers.Dense(len(spec.targets))(flow)


def beside(inputs: dict[str, Any], spec: Any, more: Any) -> Any:
    """An LSTM's outputs plus those of a layer with initial weights of 0, on `more`."""
    flow = layers.LSTM(4, return_sequences=True)(inputs["features"])
    outputs = layers.Dense(len(spec.targets))(flow)
    return layers.Add()([outputs, layers.Dense(len(spec.targets), kernel_initializer="zeros")(more)])


def hidden_convolution(inputs: dict[str, Any], spec: Any) -> Any:
    flow = layers.Conv1D(4, 3, padding="same", kernel_initializer="zeros", name="wide")(inputs["features"])
    return beside(inputs, spec, flow)


def hidden_sum(inputs: dict[str, Any], spec: Any) -> Any:
    return beside(inputs, spec, keras.ops.cumsum(inputs["features"], axis=1))


def hidden_flip(inputs: dict[str, Any], spec: Any) -> Any:
    return beside(inputs, spec, keras.ops.flip(inputs["features"], axis=1))


def hidden_lag(inputs: dict[str, Any], spec: Any) -> Any:
    """The value 168 steps before, 0 at the first steps: no short run shows it."""
    lagged = keras.layers.ZeroPadding1D((168, 0))(inputs["features"])
    return beside(inputs, spec, keras.layers.Cropping1D((0, 168))(lagged))


def hidden_mean(inputs: dict[str, Any], spec: Any) -> Any:
    return beside(
        inputs, spec, keras.ops.mean(inputs["features"], axis=0, keepdims=True) * inputs["features"]
    )


def hidden_behind_steps(inputs: dict[str, Any], spec: Any) -> Any:
    """NaN is lost in a comparison, and what is compared is 0 at first."""
    flow = layers.Dense(3, kernel_initializer="zeros", bias_initializer="zeros")(inputs["features"])
    above = keras.ops.cast(flow > 0.3, "float32")
    return beside(inputs, spec, keras.ops.roll(above, 3, axis=1))


def of_its_number(inputs: dict[str, Any], spec: Any) -> Any:
    count = keras.ops.sum(keras.ops.ones_like(inputs["features"][:, :1, :1]), axis=0, keepdims=True)
    return layers.Dense(len(spec.targets))(inputs["features"]) / count


def initial_state(inputs: dict[str, Any], spec: Any) -> Any:
    who = layers.Embedding(spec.series + 1, 4, embeddings_initializer="zeros")(inputs["series"])[:, 0]
    flow = layers.LSTM(4, return_sequences=True, name="begun")(inputs["features"], initial_state=[who, who])
    return layers.Dense(len(spec.targets))(flow)


def called_by_name(inputs: dict[str, Any], spec: Any) -> Any:
    flow = layers.LSTM(4, return_sequences=True, name="by_name")(sequences=inputs["features"])
    return layers.Dense(len(spec.targets))(flow)


def masked_steps(inputs: dict[str, Any], spec: Any) -> Any:
    flow = layers.LSTM(4, return_sequences=True)(layers.Masking(0.0, name="masking_some")(inputs["features"]))
    return layers.Dense(len(spec.targets))(flow)


def called_twice(inputs: dict[str, Any], spec: Any) -> Any:
    twice = layers.LSTM(4, return_sequences=True, name="twice")
    flow = layers.Concatenate()([twice(inputs["features"]), twice(-inputs["features"])])
    return layers.Dense(len(spec.targets))(flow)


def unrolled(inputs: dict[str, Any], spec: Any) -> Any:
    flow = layers.LSTM(4, return_sequences=True, unroll=True, name="long")(inputs["features"])
    return layers.Dense(len(spec.targets))(flow)


def whole_numbers(inputs: dict[str, Any], spec: Any) -> Any:
    return keras.ops.cast(layers.Dense(len(spec.targets))(inputs["features"]), "int32")


def one_name_twice(inputs: dict[str, Any], spec: Any) -> Any:
    flow = layers.LSTM(4, return_sequences=True, name="scaled_outputs")(inputs["features"])
    return layers.Dense(len(spec.targets), name="mine")(layers.Dense(3, name="mine")(flow))


def table_too_small(inputs: dict[str, Any], spec: Any) -> Any:
    who = layers.Embedding(spec.series, 2, name="who")(inputs["series"])
    return layers.Dense(len(spec.targets))(layers.Concatenate()([inputs["features"], who]))


def nothing_to_train(inputs: dict[str, Any], spec: Any) -> Any:
    return inputs["features"][:, :, : len(spec.targets)]


def own_parts(inputs: dict[str, Any], spec: Any) -> Any:
    flow = layers.Dense(4, activation=lambda values: 2 * values, name="first")(inputs["features"])
    flow = layers.LSTM(4, return_sequences=True, recurrent_activation=twice_tanh, name="second")(flow)
    flow = layers.TimeDistributed(layers.Dense(4, kernel_regularizer=Small()), name="third")(flow)
    flow = layers.Dense(4, kernel_initializer=Tenths(), bias_constraint=Whole(), name="fourth")(flow)
    return layers.Dense(len(spec.targets), name="last")(flow)


def crossing(inputs: dict[str, Any], spec: Any) -> Any:
    """In order at first, since all weights are 0."""
    count = len(spec.targets) * len(spec.quantiles)
    flow = layers.LSTM(4, return_sequences=True)(inputs["features"])
    return layers.Reshape((-1, *spec.output_shape))(layers.Dense(count, kernel_initializer="zeros")(flow))


def ascending(inputs: dict[str, Any], spec: Any) -> Any:
    return spec.ascending(layers.LSTM(4, return_sequences=True)(inputs["features"]))


def summed_widths(inputs: dict[str, Any], spec: Any) -> Any:
    """In order since a constraint and a softplus hold whatever is learned."""
    shape = (-1, len(spec.targets), 1)
    flow = layers.LSTM(4, return_sequences=True)(inputs["features"])
    column = layers.Reshape(shape)(layers.Dense(len(spec.targets), activation="softplus")(flow))
    widths = layers.Dense(
        len(spec.quantiles) - 1, use_bias=False, kernel_initializer="ones", kernel_constraint="non_neg"
    )
    wide = widths(column)
    return keras.ops.cumsum(layers.Concatenate()([column, wide]), axis=-1)


def by_features(inputs: dict[str, Any], spec: Any) -> Any:
    """Both ways, convolved and attended to along the features of a step, not along steps."""
    rows = layers.Reshape((-1, len(spec.features), 1))(inputs["features"])
    both = layers.TimeDistributed(layers.Bidirectional(layers.GRU(2)))(rows)
    wide = layers.Conv2D(2, (1, 3), padding="same")(rows)
    wide = layers.MultiHeadAttention(1, 2, attention_axes=2)(wide, wide)
    flow = layers.Concatenate()([both, layers.Reshape((-1, 2 * len(spec.features)))(wide)])
    return layers.Dense(len(spec.targets))(layers.LSTM(3, return_sequences=True)(flow))


def past_of_a_window(inputs: dict[str, Any], spec: Any) -> Any:
    flow = layers.Conv1D(4, 3, padding="causal", dilation_rate=2)(inputs["features"])
    flow = layers.MultiHeadAttention(1, 2)(flow, flow, use_causal_mask=True)
    return layers.Dense(len(spec.targets))(layers.Bidirectional(layers.LSTM(2, return_sequences=True))(flow))


def in_half_precision(inputs: dict[str, Any], spec: Any) -> Any:
    flow = layers.LSTM(8, return_sequences=True, dtype="mixed_bfloat16")(inputs["features"])
    flow = layers.GRU(8, return_sequences=True, dtype="mixed_float16", recurrent_dropout=0.2)(flow)
    return layers.Dense(len(spec.targets), dtype="float16")(layers.LayerNormalization()(flow))


def leaves(inputs: dict[str, Any], spec: Any) -> Any:
    raise SystemExit("no GPU")


def interrupted(inputs: dict[str, Any], spec: Any) -> Any:
    raise KeyboardInterrupt


def stateful_itself(inputs: dict[str, Any], spec: Any) -> Any:
    return layers.LSTM(4, return_sequences=True, stateful=True)(inputs["features"])


def in_double(inputs: dict[str, Any], spec: Any) -> Any:
    keras.config.set_floatx("float64")
    return layers.Dense(len(spec.targets))(layers.LSTM(4, return_sequences=True)(inputs["features"]))


def of_eight_steps(inputs: dict[str, Any], spec: Any) -> Any:
    flow = keras.ops.reshape(inputs["features"], (-1, 7 * len(spec.features)))
    flow = keras.ops.reshape(flow, (-1, keras.ops.shape(inputs["features"])[1], len(spec.features)))
    return layers.Dense(len(spec.targets))(flow)


def own_layer(inputs: dict[str, Any], spec: Any) -> Any:
    flow = layers.LSTM(4, return_sequences=True, stateful=False, go_backwards=True, name="back")(
        inputs["features"]
    )
    return Doubled(name="doubled")(layers.Dense(len(spec.targets))(flow))


def sees_other_rows(inputs: dict[str, Any], spec: Any) -> Any:
    flow = layers.LSTM(4, return_sequences=True)(inputs["features"])
    flow = flow - keras.ops.mean(flow, axis=0, keepdims=True)
    return layers.Dense(len(spec.targets))(flow)


def statistics(inputs: dict[str, Any], spec: Any) -> Any:
    flow = layers.BatchNormalization(name="normed")(inputs["features"])
    return layers.Dense(len(spec.targets))(layers.LSTM(4, return_sequences=True)(flow))


def wrapped_statistics(inputs: dict[str, Any], spec: Any) -> Any:
    flow = layers.TimeDistributed(layers.BatchNormalization())(inputs["features"])
    return layers.Dense(len(spec.targets))(layers.LSTM(4, return_sequences=True)(flow))


def dropped_and_frozen(inputs: dict[str, Any], spec: Any) -> Any:
    """Nothing here learns from the batch but by gradients: a frozen layer's statistics stay, a seed changes."""
    flow = layers.BatchNormalization(trainable=False)(layers.Dropout(0.5, seed=5)(inputs["features"]))
    dense = layers.SpectralNormalization(layers.Dense(len(spec.targets)))
    return dense(layers.LSTM(4, return_sequences=True)(flow))


def sparse_outputs(inputs: dict[str, Any], spec: Any) -> Any:
    recurrent = layers.LSTM(4, return_sequences=True, activity_regularizer="l1", name="sparse")
    flow = layers.TimeDistributed(layers.Dense(3, activity_regularizer="l2"), name="wrapped")(
        inputs["features"]
    )
    flow = layers.ActivityRegularization(l2=0.1, name="alone")(recurrent(flow))
    return layers.Dense(len(spec.targets))(flow)


def small_weights(inputs: dict[str, Any], spec: Any) -> Any:
    flow = layers.LSTM(
        4, return_sequences=True, kernel_regularizer="l2", recurrent_regularizer="l1", bias_regularizer="l2"
    )(inputs["features"])
    dense = layers.TimeDistributed(layers.Dense(3, kernel_regularizer="l2"))(flow)
    return layers.Dense(len(spec.targets), kernel_regularizer="l1")(dense)


def forgetful(inputs: dict[str, Any], spec: Any) -> Any:
    """Every kind of dropout, none with a seed."""
    flow = layers.LSTM(4, return_sequences=True, dropout=0.3, recurrent_dropout=0.3)(inputs["features"])
    flow = layers.GRU(3, return_sequences=True, recurrent_dropout=0.3)(layers.GaussianNoise(0.1)(flow))
    return layers.Dense(len(spec.targets))(layers.Dropout(0.2)(flow))


def unconnected(inputs: dict[str, Any], spec: Any) -> Any:
    return layers.Dense(len(spec.targets))(keras.Input((None, 1)))


def one_argument(inputs: dict[str, Any]) -> Any:
    return inputs["features"]


def fails(inputs: dict[str, Any], spec: Any) -> Any:
    return inputs["history"]


no_function = 3


def knows_its_series(inputs: dict[str, Any], spec: Any) -> Any:
    who = layers.Embedding(spec.series + 1, 2)(inputs["series"])
    return layers.Dense(len(spec.targets))(layers.Concatenate()([inputs["features"], who]))
