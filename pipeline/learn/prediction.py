"""A trained network -> predictions for exactly the scored rows of a split, in physical units."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from hindcast.pipeline.arrays import Ints, Values
from hindcast.pipeline.feed.batches import BatchSource
from hindcast.pipeline.feed.scaling import neutral_scaling, series_numbers
from hindcast.pipeline.feed.scored_rows import Rows, scored_rows
from hindcast.pipeline.learn.backend import set_environment
from hindcast.pipeline.learn.model_card import check_belongs, read_model_card
from hindcast.pipeline.settings.train import TrainSettings
from hindcast.pipeline.store.reader import Dataset

if TYPE_CHECKING:
    from hindcast.pipeline.learn.modes import EvaluationPass

MOST_ROWS = 1024
"""Lanes or windows played at once, at most. Without gradients they take little memory, and large matrices are faster."""


@dataclass(frozen=True)
class Predictions:
    """Predictions of a split's scored rows, in order (sequence, step); all arrays have one entry per row.

    `step` counts from the start of the sequence, `offset` from that of the sample; `value` (row, target) is in physical
    units. A network with quantiles also gives `quantiles` (row, target, quantile) at `levels`; `value` is then the one at the
    level nearest to 0.5.
    """

    sequence: npt.NDArray[np.int32]
    step: Ints
    sample: Ints
    offset: npt.NDArray[np.int32]
    value: Values
    quantiles: Values | None = None
    levels: tuple[float, ...] = ()


def predict(dataset: Dataset, models: Path, split: str, rows: Rows | None = None) -> Predictions:
    """Predict a split with the network in the folder `models`; `rows` are its scored rows, if the caller has them.

    FormatError if the network was trained on another data set. The number of lanes and rows of a batch are not those of
    training; they change nothing but the rounding of float32.
    """
    set_environment()
    from hindcast.pipeline.learn.modes import make_evaluation_pass
    from hindcast.pipeline.learn.saving import load_network

    card = read_model_card(models)
    check_belongs(card, dataset, models)
    settings = TrainSettings.model_validate(card["train"])
    known = [(group, series) for group, series in card["series"]]
    scaling = neutral_scaling(len(dataset.features), len(dataset.targets))
    numbers = series_numbers(dataset.sequences, known, card["groups"])
    # `rows` name the steps that count: reading targets and weights again would cost a fifth of the time
    batch_source = BatchSource(
        dataset, scaling, numbers, with_published=settings.residual, with_targets=False
    )
    twin = load_network(models / "model.keras")
    rows = scored_rows(dataset, split) if rows is None else rows
    played = make_evaluation_pass(batch_source, twin, settings, split, most_rows=MOST_ROWS)
    value = _predict_rows(played, rows, dataset.segment_length, twin.output.shape[2:])
    if not settings.quantiles:
        return Predictions(rows.sequence, rows.step, rows.sample, rows.offset, value)
    middle = value[:, :, settings.middle]
    return Predictions(rows.sequence, rows.step, rows.sample, rows.offset, middle, value, settings.quantiles)


def _predict_rows(
    evaluation: EvaluationPass, rows: Rows, segment_length: int, shape: tuple[int, ...]
) -> Values:
    """The outputs (row, target[, quantile]) at `rows`, in their order; those at other steps are left out."""
    value, filled = np.empty((len(rows), *shape), np.float32), 0
    # consecutive steps make a span: rows are found by their span, of which there are far fewer
    at = rows.sample * segment_length + rows.offset
    head = np.flatnonzero(np.diff(at, prepend=-2) != 1)
    first, count = at[head], np.diff(np.append(head, len(at)))
    del at
    for batch, outputs in evaluation.play() if len(rows) else ():
        row, step = np.nonzero(batch.weights.any(axis=2))
        found = batch.identity[row, 1] * segment_length + batch.begin[row] + step
        span = np.searchsorted(first, found, side="right") - 1
        inside = found - first[span]
        scored = (span >= 0) & (inside < count[span])
        value[(head[span] + inside)[scored]] = outputs[row[scored], step[scored]]
        filled += int(scored.sum())
    assert filled == len(rows), "every scored row is predicted exactly once"
    return value
