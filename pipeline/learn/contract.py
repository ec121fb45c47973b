"""What a network of the user's own must keep: inputs, outputs, shapes, and that its state can be carried."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from pipeline.learn.carried import carry

_LANES, _STEPS = 3, 8
_TOLERANCE = 1e-4
_KEPT_RECURRENT = (keras.layers.LSTM, keras.layers.GRU, keras.layers.SimpleRNN)


def faults_of_outputs(outputs: Any, targets: Sequence[str], shape: tuple[int, ...]) -> list[str]:
    """What is wrong with the value that a builder returned: a tensor, or one a target by its name."""
    if not isinstance(outputs, dict):
        return _faults_of_shape("outputs", outputs, shape)
    faults = []
    if set(outputs) != set(targets):
        faults.append(
            f"outputs: one a target is wanted, named {list(targets)}, found {sorted(map(str, outputs))}"
        )
    for target in targets:
        if target in outputs:
            faults += _faults_of_shape(f"output {target!r}", outputs[target], (1, *shape[1:]))
    return faults


def faults_of_connection(inputs: dict[str, Any], outputs: Any) -> list[str]:
    """What is wrong if no layers lead from the network's own inputs to its outputs."""
    try:
        keras.Model(inputs, outputs)
    except ValueError:
        return [
            "outputs: they do not come from the inputs given: make no keras.Input, begin with inputs['features']"
        ]
    return []


def faults_of_graph(learner: Any, *, stateful: bool) -> list[str]:
    """What can be told from the layers: they must be Keras's own, and recurrent ones of a kind that can be carried."""
    faults = []
    for layer in learner.layers:
        if not type(layer).__module__.startswith("keras.") or isinstance(layer, keras.layers.Lambda):
            faults.append(
                f"layer {layer.name!r} ({type(layer).__name__}) is no layer of Keras itself: "
                "models/model.keras must load with Keras alone"
            )
        # Keras has no public way to walk the layers inside one; its own add no other loss of what they put out
        if any(inner.activity_regularizer is not None for inner in layer._flatten_layers()):  # noqa: SLF001
            faults.append(
                f"layer {layer.name!r} ({type(layer).__name__}) adds a loss of its outputs (activity_regularizer), and idle lanes "
                "and padding would enter it: take a regularizer of weights (kernel_regularizer, recurrent_regularizer)"
            )
        if isinstance(layer, keras.Model):
            faults.append(f"layer {layer.name!r} is a model: call its layers one by one, on one graph")
        if isinstance(layer, keras.layers.RNN):
            faults += _faults_of_recurrent(layer, stateful=stateful)
    return faults


def faults_of_play(learner: Any, *, stateful: bool) -> list[str]:
    """What numbers tell: a row must not see another row, in training neither, and two chunks must give what one whole gives.

    The last holds in stateful mode only. Played on made-up inputs; weights and generators are left as they were.
    """
    inputs = _made_up(learner)
    with _left_as_it_was(learner):
        whole = _outputs(learner, inputs)
        if not np.isfinite(whole).all():
            return ["outputs: not all are numbers, on made-up inputs around 0"]
        faults = _faults_of_statistics(learner, inputs) + _faults_of_rows(learner, inputs, whole)
        return faults + (_faults_of_chunks(learner, inputs, whole) if stateful else [])


@contextmanager
def _left_as_it_was(learner: Any) -> Iterator[None]:
    """Put all variables back at the end. With recurrent_dropout, Keras moves its generators on even where nothing is dropped."""
    before = [np.array(keras.ops.convert_to_numpy(variable)) for variable in learner.variables]
    try:
        yield
    finally:
        for variable, value in zip(learner.variables, before, strict=True):
            variable.assign(value)


def _faults_of_rows(learner: Any, inputs: dict[str, Any], whole: Any) -> list[str]:
    alone = _outputs(learner, {name: values[:1] for name, values in inputs.items()})
    if _close(alone, whole[:1]):
        return []
    return [f"rows: the outputs of a row change by {_apart(alone, whole[:1])} when other rows are left out"]


def _faults_of_chunks(learner: Any, inputs: dict[str, Any], whole: Any) -> list[str]:
    network, half = carry(learner, _LANES), _STEPS // 2
    parts = [
        _outputs(network, {**{name: values[:, part] for name, values in inputs.items()}, "keep": keep})
        for part, keep in ((slice(0, half), _flags(0)), (slice(half, None), _flags(1)))
    ]
    found = np.concatenate(parts, axis=1)
    if _close(found, whole):
        return []
    what = f"two chunks give other outputs than one whole (apart by {_apart(found, whole)})"
    return [
        f"statefulness: {what}: some layer passes from step to step what is no recurrent state{_suspects(learner)}"
    ]


def _faults_of_statistics(learner: Any, inputs: dict[str, Any]) -> list[str]:
    """Weights that training sets from the rows it sees, by no gradient: rows that play nothing would enter them."""
    other = {name: values if values.dtype == np.int32 else 3 * values - 1 for name, values in inputs.items()}
    after, after_other = _set_by(learner, inputs), _set_by(learner, other)
    faults = []
    for layer in learner.layers:
        moved = [
            weight.path.rpartition("/")[2]
            for weight in layer.non_trainable_weights
            if not np.array_equal(after[id(weight)], after_other[id(weight)])
        ]
        if moved:
            faults.append(
                f"layer {layer.name!r} ({type(layer).__name__}) gathers statistics of the batch ({', '.join(moved)}), and "
                "idle lanes and padding would enter them: take LayerNormalization, which looks at each step by itself"
            )
    return faults


def _set_by(learner: Any, inputs: dict[str, Any]) -> dict[int, Any]:
    """The weights without gradients, by identity, as a call in training leaves them; all are put back afterwards."""
    with _left_as_it_was(learner):
        learner(inputs, training=True)
        return {
            id(weight): np.array(keras.ops.convert_to_numpy(weight))
            for weight in learner.non_trainable_weights
        }


def _faults_of_shape(what: str, value: Any, shape: tuple[int, ...]) -> list[str]:
    wanted = f"(batch, time, {', '.join(map(str, shape))})"
    if not isinstance(value, keras.KerasTensor):
        return [f"{what}: a symbolic tensor {wanted} is wanted, found {type(value).__name__}"]
    if len(value.shape) != 2 + len(shape) or tuple(value.shape[2:]) != shape or value.shape[1] is not None:
        return [f"{what}: the shape must be {wanted} with any number of steps, found {tuple(value.shape)}"]
    return []


def _faults_of_recurrent(layer: Any, *, stateful: bool) -> list[str]:
    faults = []
    if layer.go_backwards:
        faults.append("goes backwards, so it sees later steps")
    if layer.stateful:
        faults.append("is stateful by itself: leave that out, state is carried from outside")
    if stateful and not isinstance(layer, _KEPT_RECURRENT):
        faults.append("holds a state that cannot be carried: LSTM, GRU and SimpleRNN can")
    if stateful and layer.return_state:
        faults.append("returns its state, which belongs to the lanes: leave return_state out")
    if not layer.return_sequences:
        faults.append("gives its last step only: set return_sequences=True")
    return [f"layer {layer.name!r} ({type(layer).__name__}) {fault}" for fault in faults]


_STEP_BY_STEP = (
    keras.layers.InputLayer, keras.layers.RNN, keras.layers.Dense, keras.layers.Embedding, keras.layers.Rescaling,
    keras.layers.Concatenate, keras.layers.Add, keras.layers.Subtract, keras.layers.Multiply, keras.layers.Average,
    keras.layers.Dropout, keras.layers.Activation, keras.layers.ReLU, keras.layers.TimeDistributed,
)  # fmt: skip


def _suspects(learner: Any) -> str:
    names = [
        f"{layer.name} ({type(layer).__name__})"
        for layer in learner.layers
        if not isinstance(layer, _STEP_BY_STEP)
    ]
    return f"; look at {', '.join(names)}" if names else ""


def _made_up(learner: Any) -> dict[str, Any]:
    random = np.random.default_rng(0)
    made = {}
    for name, tensor in learner.input.items():
        shape = (_LANES, _STEPS, *tensor.shape[2:])
        if name == "series":
            made[name] = np.zeros(shape, np.int32)
        elif name == "has_published":
            made[name] = np.ones(shape, np.float32)
        else:
            made[name] = random.normal(0, 1, shape).astype(np.float32)
    return made


def _outputs(network: Any, inputs: dict[str, Any]) -> Any:
    return np.asarray(network.predict_on_batch(inputs), np.float32)


def _flags(value: int) -> Any:
    return np.full((_LANES, 1), value, np.float32)


def _close(found: Any, wanted: Any) -> bool:
    return found.shape == wanted.shape and np.allclose(found, wanted, rtol=_TOLERANCE, atol=_TOLERANCE)


def _apart(found: Any, wanted: Any) -> str:
    return f"{np.abs(found - wanted).max():.2g}" if found.shape == wanted.shape else "their shape"
