"""A custom network run before it is trained: faults that show in its outputs, not in its graph."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from hindcast.pipeline.learn.custom.graph_rules import describe
from hindcast.pipeline.learn.custom.leak_probe import LayerProbe, Leakage
from hindcast.pipeline.learn.custom.probe_inputs import (
    ROWS,
    draw_weights,
    restored_state,
    run_network,
    synthetic_inputs,
)
from hindcast.pipeline.learn.stateful import carry

_DRAWS = (0, 1, 2)  # of weights; 0: the initial ones
_STEPS = 8
_LONG = 433  # steps: more than a week of hours on both sides of the changed place; a prime, so no other axis is as long
_HALF = {"float16", "bfloat16"}


def check_forward_pass(
    learner: Any, *, stateful: bool, series: int = 0, quantiles: tuple[float, ...] = ()
) -> list[str]:
    """Faults that show with several draws of weights: a row must not affect other rows; quantiles must ascend.

    In stateful mode steps may affect others through recurrent state alone, so that chunks give what the whole gives.
    Runs on synthetic inputs with series 0..`series`; weights and generators are left unchanged.
    """
    if not learner.trainable_weights:
        return [
            "weights: there are none to train: end with a layer that learns, such as Dense, with trainable=True"
        ]
    with restored_state(learner):
        if not np.isfinite(run_network(learner, synthetic_inputs(learner, _STEPS, series))).all():
            return ["outputs: some are not finite, on synthetic inputs around 0"]
        faults = list(_check_statistics(learner, series))
        probe, leakages, others = LayerProbe(learner, stateless=stateful), [], []
        for draw in _DRAWS:
            if draw:
                draw_weights(learner, draw)
            leakages.append(probe.find_leakage(_LONG if stateful else _STEPS, series, draw))
            others.append([*_check_draw(learner, series, draw, stateful=stateful, quantiles=quantiles)])
        faults += list(_check_leakages(leakages, stateful=stateful)) or _first_of(
            others, "rows", "statefulness"
        )
        faults += _first_of(others, "quantiles")
        if not faults and (calls := probe.rows_in_training(_STEPS, series)):
            faults = [f"rows: in training, a row affects another in {_join(calls)}"]
    return faults


def agree(network: Any, found: Any, wanted: Any) -> bool:
    """Whether two ways to the same outputs of a network agree but for rounding, which is coarse in 16 bits."""
    half = any(layer.compute_dtype in _HALF for layer in network.layers)
    tolerance = (5e-2 if half else 1e-3) * np.abs(wanted[np.isfinite(wanted)]).max(initial=1e-3)
    return found.shape == wanted.shape and np.allclose(found, wanted, rtol=0, atol=tolerance, equal_nan=True)


def _check_leakages(leakages: list[Leakage], *, stateful: bool) -> Iterator[str]:
    if rows := [name for leakage in leakages for name in leakage.rows]:
        yield (
            f"rows: the outputs of a row change with other rows, through {_join(rows)}: do not combine values along "
            "axis 0, each row is another series"
        )
    steps = [name for leakage in leakages for name in leakage.steps]
    if stateful and steps:
        later = ", and later steps are used" if any(leakage.ahead for leakage in leakages) else ""
        yield (
            f"statefulness: two chunks give other outputs than the whole: what passes from step to step in {_join(steps)} "
            f"is not recurrent state{later}: use LSTM, GRU or SimpleRNN for it, or set train.mode=windows"
        )


def _check_draw(
    learner: Any, series: int, draw: int, *, stateful: bool, quantiles: tuple[float, ...]
) -> Iterator[str]:
    inputs = synthetic_inputs(learner, _STEPS, series, draw)
    whole = run_network(learner, inputs)
    alone = run_network(learner, {name: values[:1] for name, values in inputs.items()})
    if quantiles and draw:  # the initial weights need not obey their constraints yet
        yield from _check_order(whole, quantiles)
    if not agree(learner, alone, whole[:1]):
        yield (
            f"rows: the outputs of a row change by {_distance(alone, whole[:1])} when other rows are left out: they must "
            "not depend on the number of rows"
        )
    if stateful:
        chunks = _run_in_chunks(learner, inputs)
        if not agree(learner, chunks, whole):
            yield (
                f"statefulness: two chunks give other outputs than the whole (they differ by {_distance(chunks, whole)}): what "
                "passes from step to step must pass through the state of LSTM, GRU and SimpleRNN layers"
            )


def _run_in_chunks(learner: Any, inputs: dict[str, Any]) -> Any:
    network, middle = carry(learner, ROWS), _STEPS // 2
    parts = []
    for part, keep in ((slice(0, middle), 0), (slice(middle, None), 1)):
        chunk = {name: values[:, part] for name, values in inputs.items()}
        parts.append(run_network(network, {**chunk, "keep": np.full((ROWS, 1), keep, np.float32)}))
    return np.concatenate(parts, axis=1)


def _check_order(outputs: Any, quantiles: tuple[float, ...]) -> Iterator[str]:
    with np.errstate(invalid="ignore"):  # drawn weights may overflow, and infinities have no order
        lowest = np.nanmin(np.diff(outputs, axis=-1), initial=0)
    if lowest < -1e-5 * np.nanmax(np.abs(outputs), initial=0):
        yield (
            f"quantiles: outputs must ascend along the last axis (train.quantiles {list(quantiles)}) whatever the weights are, found "
            f"one {-lowest:.2g} below the one before it with synthetic weights: return spec.ascending(flow), which makes such "
            "outputs of a flow (batch, time, units), or end with keras.ops.sort(outputs, axis=-1)"
        )


def _check_statistics(learner: Any, series: int) -> Iterator[str]:
    """Weights that training sets from the rows of a batch, without a gradient: idle rows would enter them."""
    first, second = (
        _state_after(learner, synthetic_inputs(learner, _STEPS, series, draw)) for draw in (0, 1)
    )
    for layer in learner.layers:
        changed = [
            weight.path.rpartition("/")[2]
            for weight in layer.non_trainable_weights
            if not np.array_equal(first[id(weight)], second[id(weight)])
        ]
        if changed:
            yield (
                f"{describe(layer)} gathers statistics of the batch ({', '.join(changed)}), which "
                "would include idle lanes and padding: use LayerNormalization, which uses each step alone"
            )


def _state_after(learner: Any, inputs: dict[str, Any]) -> dict[int, Any]:
    """The untrained weights, by identity, after a call in training; all are restored."""
    with restored_state(learner):
        run_network(learner, inputs, training=True)
        return {
            id(weight): np.array(keras.ops.convert_to_numpy(weight))
            for weight in learner.non_trainable_weights
        }


def _first_of(by_draw: list[list[str]], *kinds: str) -> list[str]:
    """The first fault of each kind over all draws."""
    faults = [fault for faults in by_draw for fault in faults]
    first = (next((fault for fault in faults if fault.startswith(f"{kind}:")), None) for kind in kinds)
    return [fault for fault in first if fault is not None]


def _join(names: Any) -> str:
    return ", ".join(dict.fromkeys(names))


def _distance(found: Any, wanted: Any) -> str:
    return f"{np.abs(found - wanted).max():.2g}" if found.shape == wanted.shape else "their shape"
