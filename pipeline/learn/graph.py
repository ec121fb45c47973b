"""The calls that lead from the tensors that a network is offered to those that it gives back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import keras

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
