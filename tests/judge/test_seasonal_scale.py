"""Scales of series: the mean difference to the day before, over training rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hindcast.pipeline.forecasters import STORED
from hindcast.pipeline.judge.load import index_series
from hindcast.pipeline.judge.seasonal_scale import seasonal_scales
from hindcast.pipeline.settings.base import DAY
from tests.judge.mock_judged import mock_dataset


def test_a_scale_is_the_mean_over_the_training_rows_of_a_series() -> None:
    dataset = mock_dataset()
    names, series_of = index_series(dataset.sequences)
    owner = np.repeat(series_of, dataset.sequences.sample_count)
    arrays, train = dataset.arrays, np.zeros(len(owner), np.bool_)
    train[dataset.parts["train"].indices] = True
    shift = arrays["baseline"][:, :, 0, STORED.index("reference_24h")]
    change = np.abs(arrays["Y"][:, :, 0].astype(float) - shift)
    change[arrays["W"][:, :, 0] == 0] = np.nan
    (found,) = seasonal_scales(dataset)
    assert len(found) == len(names.series) == 3
    for series in range(3):
        assert found[series] == pytest.approx(np.nanmean(change[train & (owner == series)]))
    weekly = seasonal_scales(replace(dataset, frequency=DAY))
    assert np.isnan(seasonal_scales(replace(dataset, baselines=STORED[:3]))).all()
    assert weekly.shape == (1, 3)
