"""What a network of the user's own must keep, as far as its graph tells: outputs, names, layers and how they are called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

import keras

_KEPT_RECURRENT = (keras.layers.LSTM, keras.layers.GRU, keras.layers.SimpleRNN)


def check_outputs(outputs: Any, targets: Sequence[str], shape: tuple[int, ...]) -> list[str]:
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


def check_graph(calls: Sequence[Any], taken: Collection[str], *, stateful: bool) -> list[str]:
    """What can be told from the calls of `graph.calls_between`; `taken` are the names that the project's own layers have."""
    faults = [*_faults_of_inputs(calls), *_faults_of_names(calls, taken)]
    for layer in layers_of(calls):
        faults += _faults_of_layer(layer)
        if isinstance(layer, keras.layers.RNN):
            faults += [f"{named(layer)} {fault}" for fault in _faults_of_recurrent(layer, stateful=stateful)]
    return faults + (list(_faults_of_carrying(calls)) if stateful else [])


def is_of_keras(layer: Any) -> bool:
    """Whether Keras alone has a layer's class, and executes nothing to load it."""
    return type(layer).__module__.startswith("keras.") and not isinstance(layer, keras.layers.Lambda)


def check_series_tables(calls: Sequence[Any], series: Any, count: int) -> list[str]:
    """What is wrong with tables that are looked up by the index of the series, a tensor of numbers 0..count."""
    return [
        f"{named(call.operation)} has {call.operation.input_dim} rows, but the indices of series are 0 (never seen) to {count}: "
        "write Embedding(spec.series + 1, ...)"
        for call in calls
        if isinstance(call.operation, keras.layers.Embedding)
        and any(tensor is series for tensor in call.input_tensors)
        and call.operation.input_dim <= count
    ]


def _faults_of_shape(what: str, value: Any, shape: tuple[int, ...]) -> list[str]:
    wanted = f"(batch, time, {', '.join(map(str, shape))})"
    if not isinstance(value, keras.KerasTensor):
        return [f"{what}: a symbolic tensor {wanted} is wanted, found {type(value).__name__}"]
    faults = []
    if len(value.shape) != 2 + len(shape) or tuple(value.shape[2:]) != shape or value.shape[1] is not None:
        faults.append(
            f"{what}: the shape must be {wanted} with any number of steps, found {tuple(value.shape)}"
        )
    if not keras.backend.is_float_dtype(value.dtype):
        faults.append(
            f"{what}: numbers with a fraction are wanted, found {value.dtype}, through which no gradient passes: "
            "end with a layer such as Dense, without a cast to whole numbers"
        )
    return faults


def _faults_of_inputs(calls: Sequence[Any]) -> Iterator[str]:
    for call in calls:
        if call.is_input:
            yield (
                f"outputs: they do not come from the inputs given, but from {call.operation.name!r}: make no keras.Input, "
                "begin with inputs['features']"
            )


def _faults_of_names(calls: Sequence[Any], taken: Collection[str]) -> Iterator[str]:
    operations = {id(call.operation): call.operation for call in calls if not call.is_input}.values()
    count = Counter(operation.name for operation in operations)
    for name in count:
        kinds = ", ".join(type(operation).__name__ for operation in operations if operation.name == name)
        if count[name] > 1:
            yield (
                f"names: {count[name]} layers ({kinds}) are named {name!r}: give each a name of its own, or none"
            )
        if name in taken:
            yield (
                f"names: a layer ({kinds}) is named {name!r}, which is the name of a layer or an input around your network: "
                "give it another name, or none"
            )


def _faults_of_layer(layer: Any) -> Iterator[str]:
    if not is_of_keras(layer):
        yield f"{named(layer)} is no layer of Keras itself: models/model.keras must load with Keras alone"
    # Keras has no public way to walk the layers inside one; its own add no other loss of what they put out
    if any(inner.activity_regularizer is not None for inner in layer._flatten_layers()):  # noqa: SLF001
        yield (
            f"{named(layer)} adds a loss of its outputs (activity_regularizer), and idle lanes "
            "and padding would enter it: take a regularizer of weights (kernel_regularizer, recurrent_regularizer)"
        )
    if isinstance(layer, keras.Model):
        yield f"layer {layer.name!r} is a model: call its layers one by one, on one graph"


def _faults_of_recurrent(layer: Any, *, stateful: bool) -> Iterator[str]:
    if layer.go_backwards:
        yield "goes backwards, so it sees later steps"
    if layer.stateful:
        yield "is stateful by itself: leave that out, state is carried from outside"
    if layer.unroll:
        yield "is unrolled, which needs a fixed number of steps: leave unroll out"
    if stateful and not isinstance(layer, _KEPT_RECURRENT):
        yield "holds a state that cannot be carried: LSTM, GRU and SimpleRNN can"
    if stateful and layer.return_state:
        yield "returns its state, which belongs to the lanes: leave return_state out"
    if not layer.return_sequences:
        yield "gives its last step only: set return_sequences=True"


def _faults_of_carrying(calls: Sequence[Any]) -> Iterator[str]:
    """What stands in the way of a recurrent layer whose state comes from the batch before."""
    times, masked = Counter(id(call.operation) for call in calls), False
    for layer in layers_of(calls):
        if isinstance(layer, keras.layers.RNN) and times[id(layer)] > 1:
            yield (
                f"{named(layer)} is called {times[id(layer)]} times, but models/online.keras keeps one state a layer: "
                "make a layer for each call"
            )
        if isinstance(layer, keras.layers.Masking) or getattr(layer, "mask_zero", False):
            masked = True
            yield (
                f"{named(layer)} masks steps, which a carried state does not heed: leave it (mask_zero) out; "
                "steps that do not count have weight 0"
            )
    for call in calls:
        if isinstance(call.operation, keras.layers.RNN):
            if not call.arguments.args:
                yield f"{named(call.operation)} is called with its inputs by name: give them first, without a name"
            given = {name for name, value in call.arguments.kwargs.items() if value is not None}
            given |= {"initial_state"} if len(call.arguments.args) > 1 else set()
            given -= {"mask"} if masked else set()  # Keras hands on what the layer told above has made
            for name in sorted(given & {"initial_state", "mask"}):
                yield (
                    f"{named(call.operation)} is called with {name}, but its state is carried from the batch before and each step "
                    f"counts: leave {name} out, and give what it should know beside its inputs (Concatenate)"
                )


# Keras has no public way along a graph that is no model yet: `_keras_history` and `_inbound_nodes` are what its own
# models are made from.


def calls_between(offered: Iterable[Any], outputs: Iterable[Any]) -> list[Any]:
    """The nodes of the graph behind `offered` on which `outputs` stand, each once, what is called first coming first."""
    seen = {id(tensor) for tensor in offered}
    found: list[Any] = []
    done: set[int] = set()
    ahead = [(tensor, False) for tensor in reversed(list(outputs))]
    while ahead:  # no recursion: a graph may be deeper than Python's stack
        tensor, visited = ahead.pop()
        if id(tensor) in seen:
            continue
        node = _node_of(tensor)
        if id(node) in done:
            continue
        if visited or node.is_input:
            done.add(id(node))
            found.append(node)
            continue
        ahead.append((tensor, True))
        ahead += [(before, False) for before in reversed(node.input_tensors)]
    return found


def layers_of(calls: Iterable[Any]) -> Iterator[Any]:
    """The layers among the operations called, each once; no inputs."""
    seen = set()
    for call in calls:
        layer = call.operation
        if isinstance(layer, keras.layers.Layer) and not call.is_input and id(layer) not in seen:
            seen.add(id(layer))
            yield layer


def named(operation: Any) -> str:
    """What a message calls a layer, or another operation of a graph."""
    what = "layer" if isinstance(operation, keras.layers.Layer) else "operation"
    return f"{what} {operation.name!r} ({type(operation).__name__})"


def _node_of(tensor: Any) -> Any:
    operation, number, _ = tensor._keras_history  # noqa: SLF001
    return operation._inbound_nodes[number]  # noqa: SLF001
