"""Whether a network of the user's own can be saved and loaded again by Keras alone, told before it is trained."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
import numpy as np

from hindcast.pipeline.learn.custom.graph_rules import named
from hindcast.pipeline.learn.custom.probe import agree, uses_half_precision
from hindcast.pipeline.learn.custom.probe_inputs import (
    draw_weights,
    restored_state,
    run_network,
    synthetic_inputs,
)
from hindcast.pipeline.learn.saving import save_network
from hindcast.pipeline.learn.stateful import make_online

_STEPS = 6


def check_serializable(layers: Iterable[Any]) -> list[str]:
    """What Keras alone cannot make again: functions, initializers, regularizers, constraints of the user's own in layers."""
    faults = []
    with restored_state(), _keras_alone():
        for layer in layers:
            config: Any = {}
            try:
                config = json.loads(json.dumps(keras.saving.serialize_keras_object(layer)))
                config.pop("build_config", None)  # weights are of no interest yet
                # a copy: a wrapper takes its layer out of the config that it is made from
                keras.saving.deserialize_keras_object(deepcopy(config), safe_mode=True)
            except Exception as fault:  # noqa: BLE001 (it is told; of what class it is, is Keras's business)
                faults.append(
                    f"{named(layer)} cannot be loaded by Keras alone, as models/model.keras must: "
                    f"{_what_is_foreign(config) or _words(fault)}. Take what Keras has, or write it with Keras's layers and "
                    "keras.ops in the function that builds the network"
                )
    return faults


def check_round_trip(twin: Any, *, online: bool, series: int = 0) -> list[str]:
    """What is wrong if `twin`, saved and loaded by Keras alone, gives other outputs; with `online` its online form too.

    Tried with drawn weights; weights and generators are left as they were.
    """
    faults = []
    with restored_state(twin), TemporaryDirectory() as folder:
        draw_weights(twin, 1)
        inputs = synthetic_inputs(twin, _STEPS, series)
        wanted = run_network(twin, inputs)
        forms: dict[str, Callable[[], Any]] = {"model.keras": lambda: twin}
        if online:
            forms["online.keras"] = partial(make_online, twin)
        for name, form in forms.items():
            try:
                found = _of_loaded(Path(folder) / name, form(), inputs)
            except Exception as fault:  # noqa: BLE001 (it is told; of what class it is, is Keras's business)
                faults.append(f"models/{name} cannot be saved and loaded by Keras alone: {_words(fault)}")
                continue
            if not agree(found, wanted[: len(found)], half=uses_half_precision(twin)):
                faults.append(
                    f"models/{name}, saved and loaded by Keras alone, gives other outputs than the network that is trained "
                    f"(apart by {np.abs(found - wanted[: len(found)]).max():.2g})"
                )
    return faults


def _of_loaded(path: Path, network: Any, inputs: dict[str, Any]) -> Any:
    """What a network gives once it was saved and loaded; of batch size 1 in two parts, since it keeps its state."""
    save_network(path, network)
    with _keras_alone():
        loaded = keras.models.load_model(path, compile=False, safe_mode=True)
    if loaded.inputs[0].shape[0] is None:
        return run_network(loaded, inputs)
    middle = _STEPS // 2
    parts = [
        run_network(loaded, {name: values[:1, part] for name, values in inputs.items()})
        for part in (slice(0, middle), slice(middle, None))
    ]
    return np.concatenate(parts, axis=1)


@contextmanager
def _keras_alone() -> Iterator[None]:
    """As in a process that never loaded the user's modules: what they registered with Keras is put aside."""
    registered = keras.saving.get_custom_objects()
    kept = dict(registered)
    registered.clear()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Keras warns of a lambda that it writes: it is told below
            yield
    finally:
        registered.update(kept)


def _what_is_foreign(config: dict[str, Any]) -> str:
    own = ", ".join(f"{place} {what}" for place, what in _foreign(config.get("config"), ""))
    return own and f"{own} is not Keras's own"


def _foreign(value: Any, place: str) -> Iterator[tuple[str, str]]:
    """The settings in a layer's config, by their way in it, that hold something that is not Keras's own."""
    if isinstance(value, dict):
        kind, module = value.get("class_name"), str(value.get("module"))
        if kind == "__lambda__" or value.keys() == {"value"}:
            yield place, "(a lambda)"
        elif kind == "function":
            yield place, f"(the function {value.get('config')})"
        elif kind is not None and module != "builtins" and module.partition(".")[0] != "keras":
            yield place, f"({kind} of {module})"
        else:
            for name, item in value.items():
                inner = name != "config" and f"{place}.{name}".lstrip(".")
                yield from _foreign(item, inner or place)
    elif isinstance(value, list):
        for item in value:
            yield from _foreign(item, place)


def _words(fault: Exception) -> str:
    return f"{type(fault).__name__}: {' '.join(str(fault).split())[:300]}"
