"""Where in a network what stands at one row and step spreads to others: told by a number that is none, and by another number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from hindcast.pipeline.learn.custom.graph_rules import named
from hindcast.pipeline.learn.custom.probe_inputs import run_network, synthetic_inputs

_ROW = 1  # of ROWS; what stands there is changed
_TOLERANCE = 1e-5
"""Of the largest value: same shapes are computed alike, so what is not reached does not move."""


@dataclass(frozen=True)
class Leakage:
    """The calls, as a message names them, that let one row reach another, or one step another; `ahead`: an earlier one."""

    rows: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    ahead: bool = False


class LayerProbe:
    """A network of which every call's outputs are seen; `stateless` puts what looks at one step alone for recurrent layers."""

    def __init__(self, network: Any, *, stateless: bool) -> None:
        self._names: list[str] = []
        self._before: list[tuple[int, ...]] = []  # the outputs that each output is made from, by place
        self._outputs: list[Any] = []
        self._stateless = stateless
        self.network = network
        inputs = {
            name: keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=name)
            for name, tensor in network.input.items()
        }
        keras.models.clone_model(
            network, input_tensors=inputs, clone_function=lambda layer: layer, call_function=self._call
        )
        self._watched = keras.Model(inputs, self._outputs)

    def leakage(self, steps: int, series: int, draw: int) -> Leakage:
        """What reaches other rows or other steps from the middle of one row, on made-up inputs of `steps` steps."""
        inputs = synthetic_inputs(self.network, steps, series, draw)
        place = 2 * steps // 5  # not the middle: a flip keeps it
        clean = run_network(self._watched, inputs)
        reached = [np.zeros((len(inputs["series"]), steps), bool) for _ in clean]
        for changed in _changes(inputs, place):
            try:
                found = run_network(self._watched, changed)
            except Exception:  # noqa: BLE001, S112 (a number that is none is no index; the other changes have their say)
                continue
            for before, one, other in zip(reached, clean, found, strict=True):
                np.logical_or(before, _changed(one, other, before.shape), out=before)
        others = [bool(np.delete(each, place, axis=1).any()) for each in reached]
        found = run_network(self._watched, _of_another(inputs, series))
        for before, one, other in zip(reached, clean, found, strict=True):
            np.logical_or(before, _changed(one, other, before.shape), out=before)
        rows = [bool(np.delete(each, _ROW, axis=0).any()) for each in reached]
        return Leakage(self._first(rows), self._first(others), bool(reached[-1][:, :place].any()))

    def rows_in_training(self, steps: int, series: int) -> tuple[str, ...]:
        """The calls through which, in training alone, a number that is none reaches other rows."""
        inputs = synthetic_inputs(self.network, steps, series)
        found = _with_none(inputs, slice(None))
        clean, spoilt = (run_network(self._watched, each, training=True) for each in (inputs, found))
        return self._first(
            [
                one.shape[:1] == (len(inputs["series"]),)
                and bool(np.delete(np.isnan(other) & ~np.isnan(one), _ROW, axis=0).any())
                for one, other in zip(clean, spoilt, strict=True)
            ]
        )

    def _call(self, operation: Any, *arguments: Any, **options: Any) -> Any:
        made = _stood_for(operation, arguments[0], stateless=self._stateless) if arguments else None
        if made is None:
            made = operation(*arguments, **options)
        given = {id(tensor) for tensor in keras.tree.flatten((arguments, options))}
        before = tuple(place for place, tensor in enumerate(self._outputs) if id(tensor) in given)
        for tensor in keras.tree.flatten(made):
            self._names.append(named(operation))
            self._before.append(before)
            self._outputs.append(tensor)
        return made

    def _first(self, reached: list[bool]) -> tuple[str, ...]:
        """The calls that are reached though nothing before them is; none if it stays inside and the outputs are not."""
        last = len(reached) - 1
        if not reached[last]:
            return ()
        there = [
            place for place, is_reached in enumerate(reached)
            if is_reached and not any(reached[before] for before in self._before[place])
        ]  # fmt: skip
        return tuple(dict.fromkeys(self._names[place] for place in there))


def _stood_for(layer: Any, inputs: Any, *, stateless: bool) -> Any:
    """What stands for a layer that plays its steps one after another, which takes long: it lets through what that one does.

    What is distributed over time looks at each step alone; if `stateless`, a recurrent layer does too. None: any other.
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
    """At one row and step no number, which even a weight of 0 passes on; then other numbers, which a comparison passes on."""
    yield _with_none(inputs, slice(place, place + 1))
    for factor in (-1.7, 5.3):
        values = inputs["inputs"].copy()
        values[_ROW, place] = factor * values[_ROW, place] + 1
        yield {**inputs, "inputs": values}


def _of_another(inputs: dict[str, Any], series: int) -> dict[str, Any]:
    """The row is of a series that it was not of: that holds for all its steps."""
    indices = inputs["series"].copy()
    indices[_ROW] = series if indices[_ROW, 0] != series else 0
    return {**inputs, "series": indices}


def _with_none(inputs: dict[str, Any], steps: slice) -> dict[str, Any]:
    values = inputs["inputs"].copy()
    values[_ROW, steps] = np.nan
    return {**inputs, "inputs": values}


def _changed(one: Any, other: Any, shape: tuple[int, ...]) -> Any:
    """(row, step): where two outputs differ; nowhere where an output has no such axes."""
    axes = [axis for axis in range(1, one.ndim) if one.shape[axis] == shape[1]]
    if not axes or len(one) != shape[0]:
        return np.zeros(shape, bool)
    finite = np.abs(one[np.isfinite(one)])
    with np.errstate(invalid="ignore"):  # infinite both times is no difference
        apart = np.abs(one - other) > _TOLERANCE * finite.max(initial=1e-30)
    differs = np.moveaxis(apart | (np.isnan(one) != np.isnan(other)), axes[0], 1)
    return differs.reshape(*differs.shape[:2], -1).any(axis=2)
