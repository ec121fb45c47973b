"""The rules of a custom network that its graph shows: outputs, names, layers and how they are called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

import keras

_CARRIED = (keras.layers.LSTM, keras.layers.GRU, keras.layers.SimpleRNN)


def check_outputs(outputs: Any, targets: Sequence[str], shape: tuple[int, ...]) -> Iterator[str]:
    """Faults of the value that a builder returned: a tensor, or a mapping of one per target by its name."""
    if not isinstance(outputs, dict):
        yield from _check_shape("outputs", outputs, shape)
        return
    if set(outputs) != set(targets):
        yield f"outputs: expected one per target, named {list(targets)}, found {sorted(map(str, outputs))}"
    for target in targets:
        if target in outputs:
            yield from _check_shape(f"output {target!r}", outputs[target], (1, *shape[1:]))


def check_calls(calls: Sequence[Any], reserved: Collection[str], *, stateful: bool) -> list[str]:
    """Faults of the calls that `calls_between` gives; `reserved` are the names of the project's own layers."""
    faults = [*_check_inputs(calls), *_check_names(calls, reserved)]
    for layer in layers_of(calls):
        faults += _check_layer(layer)
        if isinstance(layer, keras.layers.RNN):
            faults += [f"{describe(layer)} {fault}" for fault in _check_recurrent(layer, stateful=stateful)]
    return faults + (list(_check_carrying(calls)) if stateful else [])


def check_series_tables(calls: Sequence[Any], series: Any, count: int) -> list[str]:
    """Faults of Embedding layers that are looked up by the series index, a tensor of numbers 0..count."""
    return [
        f"{describe(call.operation)} has {call.operation.input_dim} rows, but series indices are 0 (never seen) to {count}: "
        "write Embedding(spec.series + 1, ...)"
        for call in calls
        if isinstance(call.operation, keras.layers.Embedding)
        and any(tensor is series for tensor in call.input_tensors)
        and call.operation.input_dim <= count
    ]


def is_of_keras(layer: Any) -> bool:
    """Whether a layer's class is Keras's own, and loading it executes no code."""
    return type(layer).__module__.startswith("keras.") and not isinstance(layer, keras.layers.Lambda)


def _check_shape(what: str, value: Any, shape: tuple[int, ...]) -> Iterator[str]:
    wanted = f"(batch, time, {', '.join(map(str, shape))})"
    if not isinstance(value, keras.KerasTensor):
        yield f"{what}: expected a symbolic tensor {wanted}, found {type(value).__name__}"
        return
    if len(value.shape) != 2 + len(shape) or tuple(value.shape[2:]) != shape or value.shape[1] is not None:
        yield f"{what}: the shape must be {wanted} with any number of steps, found {tuple(value.shape)}"
    if not keras.backend.is_float_dtype(value.dtype):
        yield (
            f"{what}: expected floating-point numbers, found {value.dtype}, through which no gradient passes: "
            "end with a layer such as Dense, without a cast to integers"
        )


def _check_inputs(calls: Sequence[Any]) -> Iterator[str]:
    for call in calls:
        if call.is_input:
            yield (
                f"outputs depend on {call.operation.name!r}, which is not one of the given inputs; do not create a keras.Input, "
                "start from inputs['features']"
            )


def _check_names(calls: Sequence[Any], reserved: Collection[str]) -> Iterator[str]:
    operations = {id(call.operation): call.operation for call in calls if not call.is_input}.values()
    count = Counter(operation.name for operation in operations)
    for name in count:
        kinds = ", ".join(type(operation).__name__ for operation in operations if operation.name == name)
        if count[name] > 1:
            yield f"names: {count[name]} layers ({kinds}) are named {name!r}: give each a different name, or none"
        if name in reserved:
            yield (
                f"names: a layer ({kinds}) is named {name!r}, which is the name of a layer or an input around your network: "
                "give it another name, or none"
            )


def _check_layer(layer: Any) -> Iterator[str]:
    if not is_of_keras(layer):
        yield f"{describe(layer)} is not one of Keras's own layers: models/model.keras must load with Keras alone"
    # Keras has no public way to walk the layers inside one; its own layers add no other loss of their outputs
    if any(inner.activity_regularizer is not None for inner in layer._flatten_layers()):  # noqa: SLF001
        yield (
            f"{describe(layer)} adds a loss of its outputs (activity_regularizer), which would include idle lanes "
            "and padding: use a regularizer of weights (kernel_regularizer, recurrent_regularizer)"
        )
    if isinstance(layer, keras.Model):
        yield f"layer {layer.name!r} is a model: call its layers one by one, on one graph"


def _check_recurrent(layer: Any, *, stateful: bool) -> Iterator[str]:
    if layer.go_backwards:
        yield "goes backwards, so it uses later steps"
    if layer.stateful:
        yield "is stateful: remove stateful=True, state is carried from outside"
    if layer.unroll:
        yield "is unrolled, which needs a fixed number of steps: remove unroll"
    if stateful and not isinstance(layer, _CARRIED):
        yield "has a state that cannot be carried: use LSTM, GRU or SimpleRNN"
    if stateful and layer.return_state:
        yield "returns its state, which belongs to the lanes: remove return_state"
    if not layer.return_sequences:
        yield "returns its last step only: set return_sequences=True"


def _check_carrying(calls: Sequence[Any]) -> Iterator[str]:
    """Faults that only matter to a recurrent layer whose state comes from the batch before."""
    times, masked = Counter(id(call.operation) for call in calls), False
    for layer in layers_of(calls):
        if isinstance(layer, keras.layers.RNN) and times[id(layer)] > 1:
            yield (
                f"{describe(layer)} is called {times[id(layer)]} times, but models/online.keras keeps one state per layer: "
                "make a layer for each call"
            )
        if isinstance(layer, keras.layers.Masking) or getattr(layer, "mask_zero", False):
            masked = True
            yield (
                f"{describe(layer)} masks steps, which carried state ignores: remove it (mask_zero); "
                "steps that do not count have weight 0"
            )
    for call in calls:
        if isinstance(call.operation, keras.layers.RNN):
            if not call.arguments.args:
                yield f"{describe(call.operation)} is called with its inputs by keyword: pass them as the first argument"
            given = {name for name, value in call.arguments.kwargs.items() if value is not None}
            given |= {"initial_state"} if len(call.arguments.args) > 1 else set()
            given -= {"mask"} if masked else set()  # Keras passes on the mask of the layer reported above
            for name in sorted(given & {"initial_state", "mask"}):
                yield (
                    f"{describe(call.operation)} is called with {name}, but its state is carried from the batch before and each "
                    f"step counts: remove {name}, and give the layer this information as an input (Concatenate)"
                )


# Keras has no public way to walk a graph that is not a model yet: its own models are made from `_keras_history` and
# `_inbound_nodes`.


def calls_between(offered: Iterable[Any], outputs: Iterable[Any]) -> list[Any]:
    """The graph nodes between `offered` and `outputs`, each once, in the order of calls."""
    seen = {id(tensor) for tensor in offered}
    calls: list[Any] = []
    done: set[int] = set()
    ahead = [(tensor, False) for tensor in reversed(list(outputs))]
    while ahead:  # no recursion: a graph may be deeper than Python's stack
        tensor, visited = ahead.pop()
        if id(tensor) in seen:
            continue
        operation, number, _ = tensor._keras_history  # noqa: SLF001
        node = operation._inbound_nodes[number]  # noqa: SLF001
        if id(node) in done:
            continue
        if visited or node.is_input:
            done.add(id(node))
            calls.append(node)
            continue
        ahead.append((tensor, True))
        ahead += [(before, False) for before in reversed(node.input_tensors)]
    return calls


def layers_of(calls: Iterable[Any]) -> Iterator[Any]:
    """The layers among the called operations, each once, without inputs."""
    seen = set()
    for call in calls:
        layer = call.operation
        if isinstance(layer, keras.layers.Layer) and not call.is_input and id(layer) not in seen:
            seen.add(id(layer))
            yield layer


def describe(operation: Any) -> str:
    """A layer, or another operation of a graph, as a message names it."""
    what = "layer" if isinstance(operation, keras.layers.Layer) else "operation"
    return f"{what} {operation.name!r} ({type(operation).__name__})"
