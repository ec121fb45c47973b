"""A trained network -> predictions for exactly the scored rows of a split, in physical units."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hindcast.pipeline.arrays import Ints, Values
from hindcast.pipeline.feed.batches import BatchSource
from hindcast.pipeline.feed.scaling import neutral_scaling, series_numbers
from hindcast.pipeline.feed.scored_rows import Spans, rows_of, scored_spans
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


def predict(dataset: Dataset, models: Path, split: str) -> Predictions:
    """Predict a split with the network in the folder `models`; see `predict_spans`."""
    spans = scored_spans(dataset, split)
    rows, settings = rows_of(dataset, spans, np.arange(len(spans))), train_settings(read_model_card(models))
    value = predict_spans(dataset, models, split, spans)
    if not settings.quantiles:
        return Predictions(rows.sequence, rows.step, rows.sample, rows.offset, value)
    middle = value[:, :, settings.middle]
    return Predictions(rows.sequence, rows.step, rows.sample, rows.offset, middle, value, settings.quantiles)


def predict_spans(dataset: Dataset, models: Path, split: str, spans: Spans) -> Values:
    """Predict the rows of a split, given as spans: (row, target[, quantile]) in physical units.

    FormatError if the network was trained on another data set. The number of lanes and rows of a batch are not those of
    training; they change nothing but the rounding of float32.
    """
    set_environment()
    from hindcast.pipeline.learn.modes import make_evaluation_pass
    from hindcast.pipeline.learn.saving import load_network

    card = read_model_card(models)
    check_belongs(card, dataset, models)
    settings = train_settings(card)
    known = [(group, series) for group, series in card["series"]]
    scaling = neutral_scaling(len(dataset.features), len(dataset.targets))
    numbers = series_numbers(dataset.sequences, known, card["groups"])
    # the spans name the steps that count: reading targets and weights again would cost a fifth of the time
    batch_source = BatchSource(
        dataset, scaling, numbers, with_published=settings.is_residual, with_targets=False
    )
    twin = load_network(models / "model.keras")
    played = make_evaluation_pass(batch_source, twin, settings, split, most_rows=MOST_ROWS)
    return _play_rows(played, spans, dataset.segment_length, twin.output.shape[2:])


def train_settings(card: dict[str, Any]) -> TrainSettings:
    """The settings of training in a model card."""
    return TrainSettings.model_validate(card["train"])


def _play_rows(
    evaluation: EvaluationPass, spans: Spans, segment_length: int, shape: tuple[int, ...]
) -> Values:
    """The outputs (row, target[, quantile]) at the rows of the spans, in order; those at other steps are left out."""
    value, filled = np.empty((len(spans), *shape), np.float32), 0
    first_row = np.cumsum(spans.count) - spans.count
    for batch, outputs in evaluation.play() if len(spans) else ():
        row, step = np.nonzero(batch.weights.any(axis=2))
        found = batch.identity[row, 1] * segment_length + batch.begin[row] + step
        span = np.searchsorted(spans.first, found, side="right") - 1
        inside = found - spans.first[span]
        scored = (span >= 0) & (inside < spans.count[span])
        value[(first_row[span] + inside)[scored]] = outputs[row[scored], step[scored]]
        filled += int(scored.sum())
    assert filled == len(spans), "every scored row is predicted exactly once"
    return value
