"""The recurrent state of `models/online.keras` as a file: a `.keras` file holds weights only, and loading it starts from zero."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from hindcast.pipeline.errors import FormatError, MissingInputError
from hindcast.pipeline.files import replace_file

_OWNER = "weights_sha256"


def save_state(network: Any, path: Path | str) -> None:
    """Write the state of every stateful recurrent layer of a network to a NumPy archive (`.npz`, no pickle).

    It holds the array `<layer>/<number>` for each state of a layer, in the order of `layer.states`, and the digest of the
    network's weights. The file replaces an older one only when it is complete. Raises ValueError if no layer carries a state.
    """
    arrays: dict[str, Any] = {_OWNER: np.array(_weights_digest(network))}
    arrays |= {name: keras.ops.convert_to_numpy(state) for name, state in _states(network)}
    with replace_file(Path(path)) as temporary, temporary.open("wb") as stream:
        np.savez(stream, **arrays)


def load_state(network: Any, path: Path | str) -> None:
    """Set the state of a network to that of a file written by `save_state`, bit for bit.

    Raises MissingInputError if the file is missing, and FormatError if it is damaged or was written for a network with other
    weights or layers; the network's state is then unchanged.
    """
    path, states = Path(path), dict(_states(network))
    try:
        # numpy leaves a damaged file open, so it gets an open one
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            found = {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise MissingInputError(f"{path} is missing: write it with hindcast.save_state.") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, NotImplementedError) as fault:
        raise FormatError(
            f"{path} is damaged ({fault}): start again from an older state or from zero."
        ) from None
    if str(found.pop(_OWNER, "")) != _weights_digest(network):
        raise FormatError(f"{path} is the state of a network with other weights: load it into that network.")
    shapes = {name: tuple(state.shape) for name, state in states.items()}
    if shapes != {name: values.shape for name, values in found.items()}:
        raise FormatError(
            f"{path} has other states ({_shapes_text(found)}) than the network ({_shapes_text(states)}): load it into "
            "the network from which it was saved."
        )
    for name, values in found.items():
        states[name].assign(values)


def _shapes_text(states: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {tuple(state.shape)}" for name, state in states.items())


def _states(network: Any) -> Iterator[tuple[str, Any]]:
    """Yield the name and the variable of each state; raises ValueError if there is none."""
    found = [
        (f"{layer.name}/{number}", state)
        for layer in _layers(network)
        if isinstance(layer, keras.layers.RNN) and layer.stateful
        for number, state in enumerate(keras.tree.flatten(layer.states))
    ]
    if not found:
        raise ValueError(
            f"The network {network.name} has no stateful recurrent layer: use models/online.keras, which training in mode stateful writes."
        )
    yield from found


def _layers(network: Any) -> Iterator[Any]:
    for layer in network.layers:
        yield layer
        if hasattr(layer, "layers"):
            yield from _layers(layer)


def _weights_digest(network: Any) -> str:
    whole = hashlib.sha256()
    for weights in network.get_weights():
        whole.update(repr((weights.shape, weights.dtype.str)).encode() + weights.tobytes())
    return whole.hexdigest()
