"""The scale of the mean absolute scaled error (Hyndman and Koehler 2006): the mean seasonal difference of each series in training."""

from __future__ import annotations

import numpy as np

from hindcast.pipeline.arrays import Floats
from hindcast.pipeline.feed.scored_rows import read_blocks, rows_of, scored_spans
from hindcast.pipeline.judge.load import EvaluationSource, index_series
from hindcast.pipeline.judge.table import blocks
from hindcast.pipeline.settings.base import DAY


def seasonal_scales(dataset: EvaluationSource) -> Floats:
    """Return the mean absolute difference to the value one season before (target, series), over training steps; NaN without one.

    The season is a day, and a week for steps of a day or longer.
    """
    names, series_of = index_series(dataset.sequences)
    reference = "reference_24h" if dataset.frequency < DAY else "reference_168h"
    targets, series = len(dataset.targets), len(names.series)
    if reference not in dataset.baselines or "train" not in getattr(dataset, "splits", ("train",)):
        return np.full((targets, series), np.nan)
    at = dataset.baselines.index(reference)
    total, count = np.zeros((2, targets, series))
    spans = scored_spans(dataset, "train")
    for part in blocks(len(spans)):
        rows = rows_of(dataset, spans, np.arange(part.start, part.stop))
        own = series_of[rows.sequence]
        for block, read in read_blocks(dataset, rows, targets * len(dataset.baselines)):
            change = np.abs(read("Y").astype(np.float64) - read("baseline")[:, :, at])
            change[~(read("W") > 0)] = np.nan
            for target in range(targets):
                there = np.flatnonzero(~np.isnan(change[:, target]))
                place = own[block][there]
                count[target] += np.bincount(place, minlength=series)
                np.add.at(total[target], place, change[there, target])
    scales: Floats = np.divide(total, count, out=np.full((targets, series), np.nan), where=count > 0)
    return scales
