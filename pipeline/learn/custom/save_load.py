"""Whether Keras alone can save and load a custom network, checked before it is trained."""

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

from hindcast.pipeline.learn.custom.graph_rules import describe
from hindcast.pipeline.learn.custom.probe import agree
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
    """Layers that Keras alone cannot load: with functions, initializers, regularizers or constraints of the user's."""
    faults = []
    with restored_state(), _keras_alone():
        for layer in layers:
            config: Any = {}
            try:
                config = json.loads(json.dumps(keras.saving.serialize_keras_object(layer)))
                config.pop("build_config", None)  # weights are not needed here
                # a copy: a wrapper takes its layer out of the config that it is made from
                keras.saving.deserialize_keras_object(deepcopy(config), safe_mode=True)
            except Exception as fault:  # noqa: BLE001 (Keras may raise any class; it is reported)
                custom = ", ".join(
                    f"{place} {what}" for place, what in _iter_custom_parts(config.get("config"), "")
                )
                reason = f"{custom} is not Keras's own" if custom else _text_of(fault)
                faults.append(
                    f"{describe(layer)} cannot be loaded by Keras alone, as models/model.keras must be: {reason}. Use what Keras has, or write it with Keras's layers and "
                    "keras.ops in the function that builds the network"
                )
    return faults


def check_round_trip(twin: Any, *, online: bool, series: int = 0) -> list[str]:
    """Faults of `twin`, and with `online` of its online form, once saved and loaded by Keras alone.

    The outputs must be the same. Run with drawn weights; weights and generators are left unchanged.
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
                outputs = _run_loaded(Path(folder) / name, form(), inputs)
            except Exception as fault:  # noqa: BLE001 (Keras may raise any class; it is reported)
                faults.append(f"models/{name} cannot be saved and loaded by Keras alone: {_text_of(fault)}")
                continue
            if not agree(twin, outputs, wanted[: len(outputs)]):
                faults.append(
                    f"models/{name}, saved and loaded by Keras alone, gives other outputs than the network that is trained "
                    f"(they differ by {np.abs(outputs - wanted[: len(outputs)]).max():.2g})"
                )
    return faults


def _run_loaded(path: Path, network: Any, inputs: dict[str, Any]) -> Any:
    """A network's outputs once saved and loaded; one of batch size 1 runs in two parts, since it keeps its state."""
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
    """As in a process that never loaded the user's modules: without what they registered with Keras."""
    registered = keras.saving.get_custom_objects()
    before = dict(registered)
    registered.clear()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Keras warns of a lambda that it writes: it is reported below
            yield
    finally:
        registered.update(before)


def _iter_custom_parts(value: Any, place: str) -> Iterator[tuple[str, str]]:
    """The settings in a layer's config that hold something that is not Keras's own: (path in the config, what)."""
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
                yield from _iter_custom_parts(item, inner or place)
    elif isinstance(value, list):
        for item in value:
            yield from _iter_custom_parts(item, place)


def _text_of(fault: Exception) -> str:
    return f"{type(fault).__name__}: {' '.join(str(fault).split())[:300]}"
