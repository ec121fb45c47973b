"""A network of the user's own between scaled inputs and scaled outputs, and the contract that it is held to."""

from __future__ import annotations

import inspect
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import keras

from pipeline.errors import TrainingError
from pipeline.learn.contract import faults_of_connection, faults_of_graph, faults_of_outputs, faults_of_play
from pipeline.learn.twin import (
    Layers,
    Networks,
    make_networks,
    on_published,
    published_base,
    scaled_features,
)


@dataclass(frozen=True)
class Brief:
    """What a builder is told: the columns of `features` and the outputs wanted, by name.

    `series` counts the series that have an index of their own (1..series; 0: never seen). With `quantiles` an output
    is (batch, time, target, quantile), which must ascend along the last axis, else (batch, time, target).
    `residual`: what the network gives is added to the published forecast. `stateful`: its recurrent layers will
    carry their state from batch to batch.
    """

    features: tuple[str, ...]
    targets: tuple[str, ...]
    series: int
    quantiles: tuple[float, ...] = ()
    residual: bool = False
    stateful: bool = True

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The shape of an output behind (batch, time)."""
        return (len(self.targets), len(self.quantiles)) if self.quantiles else (len(self.targets),)


Builder = Callable[[dict[str, Any], Brief], Any]
"""(inputs, brief) -> scaled outputs, as `own_networks` tells."""


def own_networks(name: str, layers: Layers, brief: Brief, precision: str = "float32") -> Networks:
    """The networks that the function `name` (package.module:function) builds; TrainingError tells all that it breaks.

    The function takes symbolic tensors by name - `features` (batch, time, feature) scaled, missing values at 0, and
    `series` (batch, time) - and a `Brief`, and returns a tensor of scaled outputs, or one (batch, time, 1) a target by
    its name. Between them stand layers of Keras alone, which look at each row by itself and at no later step; in
    stateful mode what passes from step to step passes through LSTM, GRU or SimpleRNN layers, which need not know of
    lanes: their state is carried from outside.
    """
    build = _builder(name)

    def body(layers: Layers, inputs: dict[str, Any]) -> tuple[Any, Any]:
        offered = {"features": scaled_features(layers, inputs), "series": inputs["series"]}
        outputs = _joined(name, _called(name, build, offered, brief, precision), brief)
        _raise(name, faults_of_connection(inputs, outputs))
        if not brief.residual or not brief.quantiles:
            outputs = on_published(layers, inputs, outputs)
            return outputs, outputs
        column = keras.layers.Reshape((-1, len(brief.targets), 1), name="base_column")
        outputs = keras.layers.Add(name="based_fan")([outputs, column(published_base(layers, inputs))])
        return outputs, outputs

    networks = make_networks(layers, len(brief.features), body)
    faults = faults_of_graph(networks.learner, stateful=brief.stateful)
    _raise(name, faults or faults_of_play(networks.learner, stateful=brief.stateful))
    return networks


def _builder(name: str) -> Builder:
    module, _, function = name.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:  # `python -m` puts the folder there, the command `hindcast` does not
        sys.path.insert(0, here)
    try:
        loaded = import_module(module)
    except ImportError as fault:
        raise TrainingError(f"train.model: {module} cannot be imported from {here}: {fault}.") from fault
    if not hasattr(loaded, function):
        raise TrainingError(f"train.model: {module} has no function {function}: see how it is spelled.")
    found: Any = getattr(loaded, function)
    if not callable(found):
        raise TrainingError(f"train.model: {function} in {module} is no function, found {found!r}.")
    _check_signature(name, found)
    made: Builder = found
    return made


def _check_signature(name: str, found: Any) -> None:
    try:
        signature = inspect.signature(found)
    except (TypeError, ValueError):  # of compiled code nothing is known
        return
    try:
        signature.bind(None, None)
    except TypeError:
        raise TrainingError(
            f"train.model: {name} takes {signature}, but is called with (inputs, brief): write "
            f"def {name.partition(':')[2]}(inputs, brief)."
        ) from None


def _called(name: str, build: Builder, offered: dict[str, Any], brief: Brief, precision: str) -> Any:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        return build(offered, brief)
    except Exception as fault:
        # whatever somebody else's code raises is told with its place; --debug shows all of it
        last = traceback.extract_tb(fault.__traceback__)[-1]
        words = " ".join(str(fault).split())[:300]
        raise TrainingError(
            f"train.model: {name} raised {type(fault).__name__} ({last.filename}, line {last.lineno}): {words}"
        ) from fault
    finally:
        keras.config.set_dtype_policy(before)


def _joined(name: str, outputs: Any, brief: Brief) -> Any:
    """One tensor of all targets, in float32."""
    _raise(name, faults_of_outputs(outputs, brief.targets, brief.output_shape))
    if isinstance(outputs, dict):
        parts = [outputs[target] for target in brief.targets]
        outputs = keras.layers.Concatenate(axis=2, name="targets")(parts) if len(parts) > 1 else parts[0]
    return keras.layers.Activation("linear", dtype="float32", name="scaled_outputs")(outputs)


def _raise(name: str, faults: list[str]) -> None:
    if faults:
        raise TrainingError(f"train.model: {name} breaks the contract of a network.", faults)
