"""Where in a network one row and step affects other rows or steps, found by changing them to NaN and to other numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from hindcast.pipeline.learn.custom.graph_rules import describe
from hindcast.pipeline.learn.custom.probe_inputs import run_network, synthetic_inputs
from hindcast.pipeline.learn.stateful import inputs_like

_ROW = 1  # of ROWS; this row is changed
_TOLERANCE = 1e-5
"""Of the largest value: equal shapes are computed alike, so what is not affected does not change."""


@dataclass(frozen=True)
class Leakage:
    """The calls, as a message names them, by which a row affects other rows (`rows`) or a step affects other steps (`steps`).

    `ahead`: a step affects an earlier one.
    """

    rows: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    ahead: bool = False


class LayerProbe:
    """A network whose every call's outputs are observed; `stateless` replaces recurrent layers by ones without state."""

    def __init__(self, network: Any, *, stateless: bool) -> None:
        self._names: list[str] = []
        self._before: list[tuple[int, ...]] = []  # the outputs that each output is computed from, by place
        self._outputs: list[Any] = []
        self._stateless = stateless
        self.network = network
        inputs = inputs_like(network, None)
        keras.models.clone_model(
            network, input_tensors=inputs, clone_function=lambda layer: layer, call_function=self._call
        )
        self._probed = keras.Model(inputs, self._outputs)

    def find_leakage(self, steps: int, series: int, draw: int) -> Leakage:
        """What one place of one row affects in other rows or steps, on synthetic inputs of `steps` steps."""
        inputs = synthetic_inputs(self.network, steps, series, draw)
        place = 2 * steps // 5  # not the middle: a flip keeps it
        clean = run_network(self._probed, inputs)
        affected = [np.zeros((len(inputs["series"]), steps), bool) for _ in clean]
        for changed in _changes(inputs, place):
            try:
                outputs = run_network(self._probed, changed)
            except Exception:  # noqa: BLE001, S112 (NaN is not an index; the other changes are still tried)
                continue
            _mark_changes(affected, clean, outputs)
        other_steps = [bool(np.delete(flags, place, axis=1).any()) for flags in affected]
        indices = inputs["series"].copy()  # of another series, at all steps of the row
        indices[_ROW] = series if indices[_ROW, 0] != series else 0
        _mark_changes(affected, clean, run_network(self._probed, {**inputs, "series": indices}))
        other_rows = [bool(np.delete(flags, _ROW, axis=0).any()) for flags in affected]
        ahead = bool(affected[-1][:, :place].any())
        return Leakage(self._first_calls(other_rows), self._first_calls(other_steps), ahead)

    def rows_in_training(self, steps: int, series: int) -> tuple[str, ...]:
        """The calls by which NaN in one row reaches other rows in training only."""
        inputs = synthetic_inputs(self.network, steps, series)
        clean, changed = (
            run_network(self._probed, values, training=True)
            for values in (inputs, _with_nan(inputs, slice(None)))
        )
        return self._first_calls(
            [
                before.shape[:1] == (len(inputs["series"]),)
                and bool(np.delete(np.isnan(after) & ~np.isnan(before), _ROW, axis=0).any())
                for before, after in zip(clean, changed, strict=True)
            ]
        )

    def _call(self, operation: Any, *arguments: Any, **options: Any) -> Any:
        outputs = _replacement(operation, arguments[0], stateless=self._stateless) if arguments else None
        if outputs is None:
            outputs = operation(*arguments, **options)
        given = {id(tensor) for tensor in keras.tree.flatten((arguments, options))}
        before = tuple(place for place, tensor in enumerate(self._outputs) if id(tensor) in given)
        for tensor in keras.tree.flatten(outputs):
            self._names.append(describe(operation))
            self._before.append(before)
            self._outputs.append(tensor)
        return outputs

    def _first_calls(self, affected: list[bool]) -> tuple[str, ...]:
        """The affected calls with no affected call before them; none if the network's outputs are not affected."""
        last = len(affected) - 1
        if not affected[last]:
            return ()
        first = [
            place for place, is_affected in enumerate(affected)
            if is_affected and not any(affected[before] for before in self._before[place])
        ]  # fmt: skip
        return tuple(dict.fromkeys(self._names[place] for place in first))


def _replacement(layer: Any, inputs: Any, *, stateless: bool) -> Any:
    """The output of a fast replacement for a layer that computes step after step; it passes on what that layer does.

    What is distributed over time uses each step alone; if `stateless`, a recurrent layer does too. None: any other.
    """
    if not stateless and not isinstance(layer, keras.layers.TimeDistributed):
        return None
    if isinstance(layer, keras.layers.RNN):
        shape = (inputs.shape[-1], layer.units)
        mixing = np.random.default_rng(0).normal(0, shape[0] ** -0.5, shape).astype(np.float32)
        mixed = keras.ops.matmul(keras.ops.cast(inputs, "float32"), mixing)
        return keras.ops.cast(mixed, layer.compute_dtype)
    both = isinstance(layer, keras.layers.Bidirectional)
    if not (both or isinstance(layer, keras.layers.TimeDistributed)) or inputs.shape[1] is not None:
        return None
    tail = layer.compute_output_shape(inputs.shape)[2:]
    mixed = keras.ops.mean(keras.ops.cast(inputs, "float32"), axis=tuple(range(2, len(inputs.shape))))
    if both:
        mixed = mixed + keras.ops.mean(mixed, axis=1, keepdims=True)
    for axis in range(2, 2 + len(tail)):
        mixed = keras.ops.expand_dims(mixed, axis)
    mixing = np.random.default_rng(0).normal(0, 1, tail).astype(np.float32)
    return keras.ops.cast(keras.ops.multiply(mixed, mixing), layer.compute_dtype)


def _changes(inputs: dict[str, Any], place: int) -> Iterator[dict[str, Any]]:
    """At one row and step NaN, which even a weight of 0 passes on; then other numbers, which a comparison passes on."""
    yield _with_nan(inputs, slice(place, place + 1))
    for factor in (-1.7, 5.3):
        values = inputs["inputs"].copy()
        values[_ROW, place] = factor * values[_ROW, place] + 1
        yield {**inputs, "inputs": values}


def _with_nan(inputs: dict[str, Any], steps: slice) -> dict[str, Any]:
    values = inputs["inputs"].copy()
    values[_ROW, steps] = np.nan
    return {**inputs, "inputs": values}


def _mark_changes(affected: list[Any], clean: list[Any], outputs: list[Any]) -> None:
    for flags, before, after in zip(affected, clean, outputs, strict=True):
        np.logical_or(flags, _differences(before, after, flags.shape), out=flags)


def _differences(before: Any, after: Any, shape: tuple[int, ...]) -> Any:
    """(row, step): where two outputs differ; nowhere if an output has no such axes."""
    axes = [axis for axis in range(1, before.ndim) if before.shape[axis] == shape[1]]
    if not axes or len(before) != shape[0]:
        return np.zeros(shape, bool)
    finite = np.abs(before[np.isfinite(before)])
    with np.errstate(invalid="ignore"):  # infinite both times is no difference
        apart = np.abs(before - after) > _TOLERANCE * finite.max(initial=1e-30)
    differs = np.moveaxis(apart | (np.isnan(before) != np.isnan(after)), axes[0], 1)
    return differs.reshape(*differs.shape[:2], -1).any(axis=2)
