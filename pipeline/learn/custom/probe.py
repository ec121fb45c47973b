"""A network of the user's own run_network before it is trained: what numbers tell that its graph does not."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from hindcast.pipeline.learn.custom.leak_probe import LayerProbe, Leakage
from hindcast.pipeline.learn.custom.probe_inputs import (
    ROWS,
    draw_weights,
    restored_state,
    run_network,
    synthetic_inputs,
)
from hindcast.pipeline.learn.stateful import carry

_DRAWS = (0, 1, 2)  # 0: the weights as they are
_STEPS = 8
_LONG = 433  # steps, on both sides of the place that is changed more than a week of hours; a prime: no other axis is as long
_HALVES = {"float16", "bfloat16"}


def check_forward_pass(
    learner: Any, *, stateful: bool, series: int = 0, quantiles: tuple[float, ...] = ()
) -> list[str]:
    """What numbers tell, of several draws of weights: a row must not see another row, in training neither; quantiles ascend.

    In stateful mode a step must see others through recurrent state alone, so that chunks give what one whole gives.
    Played on made-up inputs of 0..`series`; weights and generators are left as they were.
    """
    if not learner.trainable_weights:
        return [
            "weights: there are none to train: end with a layer that learns, such as Dense, with trainable=True"
        ]
    with restored_state(learner):
        if not np.isfinite(run_network(learner, synthetic_inputs(learner, _STEPS, series))).all():
            return ["outputs: not all are numbers, on made-up inputs around 0"]
        faults = _faults_of_statistics(learner, series)
        observed, spreads, rest = LayerProbe(learner, stateless=stateful), [], []
        for draw in _DRAWS:
            if draw:
                draw_weights(learner, draw)
            spreads.append(observed.leakage(_LONG if stateful else _STEPS, series, draw))
            rest.append(_faults_of_draw(learner, series, draw, stateful=stateful, quantiles=quantiles))
        faults += _faults_of_spread(spreads, stateful=stateful) or _first(rest, "rows", "statefulness")
        faults += _first(rest, "quantiles")
        if not faults and (through := observed.rows_in_training(_STEPS, series)):
            faults = [f"rows: in training, a row reaches another in {_listed(through)}"]
    return faults


def agree(found: Any, wanted: Any, *, half: bool) -> bool:
    """Whether two ways to the same outputs agree, to the rounding of other shapes; `half`: of numbers of 16 bits."""
    tolerance = (5e-2 if half else 1e-3) * np.abs(wanted[np.isfinite(wanted)]).max(initial=1e-3)
    return found.shape == wanted.shape and np.allclose(found, wanted, rtol=0, atol=tolerance, equal_nan=True)


def uses_half_precision(network: Any) -> bool:
    """Whether some layer computes in numbers of 16 bits."""
    return any(layer.compute_dtype in _HALVES for layer in network.layers)


def _faults_of_spread(spreads: list[Leakage], *, stateful: bool) -> list[str]:
    faults = []
    if rows := [name for leakage in spreads for name in leakage.rows]:
        faults.append(
            f"rows: the outputs of a row change with other rows, by {_listed(rows)}: leave axis 0 alone, "
            "a row is a series of its own"
        )
    steps = [name for leakage in spreads for name in leakage.steps]
    if stateful and steps:
        later = ", and later steps are seen" if any(leakage.ahead for leakage in spreads) else ""
        faults.append(
            f"statefulness: two chunks give other outputs than one whole: what passes from step to step in {_listed(steps)} "
            f"is no recurrent state{later}: take LSTM, GRU or SimpleRNN for it, or set train.mode=windows"
        )
    return faults


def _faults_of_draw(
    learner: Any, series: int, draw: int, *, stateful: bool, quantiles: tuple[float, ...]
) -> list[str]:
    inputs, half = synthetic_inputs(learner, _STEPS, series, draw), uses_half_precision(learner)
    whole = run_network(learner, inputs)
    alone = run_network(learner, {name: values[:1] for name, values in inputs.items()})
    # at the first weights nothing holds yet that a constraint asks for
    faults = _faults_of_order(whole, quantiles) if quantiles and draw else []
    if not agree(alone, whole[:1], half=half):
        what = f"by {_apart(alone, whole[:1])} when other rows are left out"
        faults.append(
            f"rows: the outputs of a row change {what}: they may not depend on how many rows there are"
        )
    if stateful:
        found = _in_chunks(learner, inputs)
        if not agree(found, whole, half=half):
            faults.append(
                f"statefulness: two chunks give other outputs than one whole (apart by {_apart(found, whole)}): what passes "
                "from step to step must pass through the state of LSTM, GRU and SimpleRNN layers"
            )
    return faults


def _in_chunks(learner: Any, inputs: dict[str, Any]) -> Any:
    network, middle = carry(learner, ROWS), _STEPS // 2
    parts = []
    for part, keep in ((slice(0, middle), 0), (slice(middle, None), 1)):
        chunk = {name: values[:, part] for name, values in inputs.items()}
        parts.append(run_network(network, {**chunk, "keep": np.full((ROWS, 1), keep, np.float32)}))
    return np.concatenate(parts, axis=1)


def _faults_of_order(outputs: Any, quantiles: tuple[float, ...]) -> list[str]:
    with np.errstate(
        invalid="ignore"
    ):  # drawn weights may lead beyond all numbers, of which no order is told
        lowest = np.nanmin(np.diff(outputs, axis=-1), initial=0)
    if not lowest < -1e-5 * np.nanmax(np.abs(outputs), initial=0):
        return []
    return [
        (
            f"quantiles: outputs must ascend along the last axis (train.quantiles {list(quantiles)}) whatever the weights are, found "
            f"one {-lowest:.2g} below the one before it on made-up weights: return spec.ascending(flow), which makes such outputs "
            "of a flow (batch, time, units), or end with keras.ops.sort(outputs, axis=-1)"
        )
    ]


def _faults_of_statistics(learner: Any, series: int) -> list[str]:
    """Weights that training sets from the rows it sees, by no gradient: rows that play nothing would enter them."""
    after, after_other = (
        _set_by(learner, synthetic_inputs(learner, _STEPS, series, draw)) for draw in (0, 1)
    )
    faults = []
    for layer in learner.layers:
        moved = [
            weight.path.rpartition("/")[2]
            for weight in layer.non_trainable_weights
            if not np.array_equal(after[id(weight)], after_other[id(weight)])
        ]
        if moved:
            faults.append(
                f"layer {layer.name!r} ({type(layer).__name__}) gathers statistics of the batch ({', '.join(moved)}), and "
                "idle lanes and padding would enter them: take LayerNormalization, which looks at each step by itself"
            )
    return faults


def _set_by(learner: Any, inputs: dict[str, Any]) -> dict[int, Any]:
    """The weights without gradients, by identity, as a call in training leaves them; all are put back afterwards."""
    with restored_state(learner):
        run_network(learner, inputs, training=True)
        return {
            id(weight): np.array(keras.ops.convert_to_numpy(weight))
            for weight in learner.non_trainable_weights
        }


def _first(faults: list[list[str]], *kinds: str) -> list[str]:
    """The first fault of each kind, of those that the draws show."""
    told = [fault for of_draw in faults for fault in of_draw]
    found = (next((fault for fault in told if fault.startswith(f"{kind}:")), None) for kind in kinds)
    return [fault for fault in found if fault is not None]


def _listed(names: Any) -> str:
    return ", ".join(dict.fromkeys(names))


def _apart(found: Any, wanted: Any) -> str:
    return f"{np.abs(found - wanted).max():.2g}" if found.shape == wanted.shape else "their shape"
