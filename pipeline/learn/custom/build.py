"""Custom networks: a user's function builds the layers between scaled inputs and scaled outputs, under a contract."""

from __future__ import annotations

import inspect
import re
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import keras

from hindcast.pipeline.errors import TrainingError
from hindcast.pipeline.learn.custom.graph_rules import (
    calls_between,
    check_calls,
    check_outputs,
    check_series_tables,
    is_of_keras,
    layers_of,
)
from hindcast.pipeline.learn.custom.module_digests import is_installed
from hindcast.pipeline.learn.custom.probe import check_forward_pass
from hindcast.pipeline.learn.custom.save_load import check_round_trip, check_serializable
from hindcast.pipeline.learn.network import (
    Layers,
    Networks,
    add_published,
    make_networks,
    scaled_features,
    scaled_published,
)
from hindcast.pipeline.learn.quantile_head import add_quantiles, head_layers
from hindcast.pipeline.settings.train import middle_of

_RESERVED = (
    "keep",
    "targets",
    "scaled_outputs",
    "base_column",
    "based_fan",
)  # names besides those of `Layers`


@dataclass(frozen=True)
class ModelSpec:
    """What a builder function is given: the columns of `features` and the expected outputs, by name.

    `series` is the number of series with their own index (1..series; 0: never seen). With `quantiles` an output is
    (batch, time, target, quantile) and must ascend along the last axis, else (batch, time, target). `residual`: the
    network's output is added to the published forecast. `stateful`: its recurrent layers will carry their state from
    batch to batch.
    """

    features: tuple[str, ...]
    targets: tuple[str, ...]
    series: int
    quantiles: tuple[float, ...] = ()
    residual: bool = False
    stateful: bool = True

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The shape of an output after (batch, time)."""
        return (len(self.targets), len(self.quantiles)) if self.quantiles else (len(self.targets),)

    def ascending(self, flow: Any) -> Any:
        """A flow (batch, time, units) -> outputs of `output_shape` whose quantiles never cross; call it once.

        The quantile nearest to 0.5 comes from a Dense layer, every other from its neighbour by a softplus. Without
        quantiles it is the Dense layer alone.
        """
        middle, count = middle_of(self.quantiles), len(self.quantiles)
        layers = head_layers(len(self.targets), count, middle, residual=self.residual)
        return add_quantiles(layers, flow, layers["head"](flow))


Builder = Callable[[dict[str, Any], ModelSpec], Any]
"""(inputs, spec) -> scaled outputs: see `build_custom_networks`."""


def build_custom_networks(name: str, layers: Layers, spec: ModelSpec, precision: str = "float32") -> Networks:
    """The networks that the function `name` (package.module:function) builds; TrainingError lists all broken rules.

    The function takes symbolic tensors by name - `features` (batch, time, feature) scaled, missing values at 0, and
    `series` (batch, time) - and a `ModelSpec`, and returns a tensor of scaled outputs, or one (batch, time, 1) per
    target by its name. Between them there are only Keras layers, which use each row alone and no later step; in
    stateful mode all that passes from step to step passes through LSTM, GRU or SimpleRNN layers, which need not know
    of lanes: their state is carried from outside.
    """
    build = _load_builder(name)

    def body(layers: Layers, inputs: dict[str, Any]) -> tuple[Any, Any]:
        offered = {
            "features": scaled_features(layers, inputs),
            "series": _known_series(layers, inputs["series"], spec.series),
        }
        built = _call_builder(name, build, offered, spec, precision)
        _raise_faults(name, _check_graph(built, offered, spec, {*_RESERVED, *layers, *inputs}))
        outputs = _join_targets(built, spec)
        if spec.residual and spec.quantiles:
            column = keras.layers.Reshape((-1, len(spec.targets), 1), name="base_column")
            outputs = keras.layers.Add(name="based_fan")([outputs, column(scaled_published(layers, inputs))])
        else:
            outputs = add_published(layers, inputs, outputs)
        return outputs, outputs

    networks = make_networks(layers, len(spec.features), body)
    _raise_faults(name, _run_probes(name, networks, spec))
    return networks


def _known_series(layers: Layers, series: Any, count: int) -> Any:
    """Indices 0..`count`: where groups have their own scales, the indices of their series never seen become 0 too."""
    rows = [layer.input_dim for layer in layers.values() if isinstance(layer, keras.layers.Embedding)]
    if max(rows, default=0) <= count + 1:
        return series
    return keras.ops.where(series <= count, series, keras.ops.zeros_like(series))


def _check_graph(built: Any, offered: dict[str, Any], spec: ModelSpec, reserved: set[str]) -> list[str]:
    """All faults that show in what a builder returned without running it."""
    faults = [*check_outputs(built, spec.targets, spec.output_shape)]
    outputs = [value for value in keras.tree.flatten(built) if isinstance(value, keras.KerasTensor)]
    calls = calls_between(offered.values(), outputs)
    faults += check_calls(calls, reserved, stateful=spec.stateful)
    faults += check_series_tables(calls, offered["series"], spec.series)
    return faults + check_serializable(layer for layer in layers_of(calls) if is_of_keras(layer))


def _run_probes(name: str, networks: Networks, spec: ModelSpec) -> list[str]:
    """All faults that show when the networks run on synthetic inputs."""
    try:
        faults = check_forward_pass(
            networks.learner, stateful=spec.stateful, series=spec.series, quantiles=spec.quantiles
        )
        # a fault of rows or steps makes online.keras differ as well: report it once
        online = spec.stateful and not faults
        return faults + check_round_trip(networks.twin, online=online, series=spec.series)
    except Exception as fault:
        raise TrainingError(
            f"train.model: {name} does not run on any number of rows and steps: synthetic inputs end in "
            f"{type(fault).__name__}: {_text_of(fault)}"
        ) from fault


def _load_builder(name: str) -> Builder:
    module, _, function = name.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:  # `python -m` puts the folder there, the command `hindcast` does not
        sys.path.insert(0, here)
    try:
        loaded = import_module(module)
    except ImportError as fault:
        raise TrainingError(f"train.model: {module} cannot be imported from {here}: {fault}.") from fault
    except (Exception, SystemExit) as fault:
        raise TrainingError(f"train.model: {module} cannot be imported: it {_describe(fault)}") from fault
    if not hasattr(loaded, function):
        raise TrainingError(f"train.model: {module} has no function {function}: check its spelling.")
    builder: Builder = getattr(loaded, function)
    if not callable(builder):
        raise TrainingError(f"train.model: {function} in {module} is not a function, found {builder!r}.")
    _check_signature(name, builder)
    return builder


def _check_signature(name: str, builder: Any) -> None:
    try:
        signature = inspect.signature(builder)
    except (TypeError, ValueError):  # compiled code has no signature
        return
    try:
        signature.bind(None, None)
    except TypeError:
        raise TrainingError(
            f"train.model: {name} takes {signature}, but is called with (inputs, spec): write "
            f"def {name.partition(':')[2]}(inputs, spec)."
        ) from None


def _call_builder(name: str, build: Builder, offered: dict[str, Any], spec: ModelSpec, precision: str) -> Any:
    policy, kind = keras.config.dtype_policy(), keras.config.floatx()
    keras.config.set_dtype_policy(precision)
    try:
        return build(offered, spec)
    except (Exception, SystemExit) as fault:
        # a user's code may raise anything: it is reported with its place; --debug shows the traceback
        raise TrainingError(f"train.model: {name} {_describe(fault)}") from fault
    finally:
        keras.config.set_floatx(kind)
        keras.config.set_dtype_policy(policy)


def _describe(fault: BaseException) -> str:
    """What a user's code raised, with the last place in it outside of installed libraries."""
    places = traceback.extract_tb(fault.__traceback__)
    own = [place for place in places if not is_installed(Path(place.filename).resolve())]
    file, line = (own or places)[-1].filename, (own or places)[-1].lineno
    if isinstance(fault, SyntaxError):
        file, line = fault.filename or file, fault.lineno
    # Keras asks for the size of the batch, which the user cannot give
    remedy = "; remove stateful=True, state is carried from outside" if "stateful=True" in str(fault) else ""
    return f"raised {type(fault).__name__} ({file}, line {line}): {_text_of(fault)}{remedy}"


def _text_of(fault: BaseException) -> str:
    """An error's text in one line, without the escapes by which Keras writes in bold."""
    return " ".join(re.sub(r"\x1b\[[0-9;]*m", "", str(fault)).split())[:300]


def _join_targets(outputs: Any, spec: ModelSpec) -> Any:
    """One tensor of all targets, in float32."""
    if isinstance(outputs, dict):
        parts = [outputs[target] for target in spec.targets]
        outputs = keras.layers.Concatenate(axis=2, name="targets")(parts) if len(parts) > 1 else parts[0]
    return keras.layers.Activation("linear", dtype="float32", name="scaled_outputs")(outputs)


def _raise_faults(name: str, faults: list[str]) -> None:
    if faults:
        raise TrainingError(f"train.model: {name} breaks the contract of a network.", faults)
