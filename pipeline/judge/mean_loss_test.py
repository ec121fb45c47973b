"""The test of Diebold and Mariano (1995): is the mean difference of two forecasters' losses another than 0?

The loss of an origin is the mean absolute error over its rows, all series and leads together. Losses of neighbouring origins depend on each
other, so the variance of their mean is that of Newey and West (1987), with the number of lags from the data (Newey and West 1994).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from hindcast.pipeline.arrays import Floats

FEWEST_ORIGINS = 30
"""With fewer there is no test, because the statistic is not nearly normal."""

_NO_VARIANCE = 1e-24  # of the square of the mean: rounding


@dataclass(frozen=True)
class MeanLossTest:
    """The statistic (above 0: the first forecaster has the lower loss) and its two-sided p-value; None with too few origins or equal losses.

    `lags` are those of the variance, `origins` is the number of origins.
    """

    statistic: float | None
    p_value: float | None
    lags: int
    origins: int


def compare_losses(first: Floats, second: Floats, overlap: int = 0) -> MeanLossTest:
    """Test the mean losses of two forecasters at T origins, in the order of time.

    `overlap` is the number of later origins whose steps overlap those of an origin: the variance has at least as many lags, at most a third of T.
    """
    difference = second - first
    size = len(difference)
    if size < FEWEST_ORIGINS or not difference.any():
        return MeanLossTest(None, None, 0, size)
    lags = min(max(_lags(difference), overlap), size // 3)
    variance = _variance(difference, lags) / size
    if variance <= _NO_VARIANCE * float(difference.mean()) ** 2:
        return MeanLossTest(None, None, lags, size)
    statistic = float(difference.mean()) / math.sqrt(variance)
    return MeanLossTest(statistic, math.erfc(abs(statistic) / math.sqrt(2)), lags, size)


def _autocovariances(values: Floats, lags: int) -> Floats:
    centred = values - values.mean()
    return np.array(
        [float((centred[lag:] * centred[: len(values) - lag]).sum()) / len(values) for lag in range(lags + 1)]
    )


def _lags(values: Floats) -> int:
    """Return the number of lags for Bartlett weights."""
    size = len(values)
    covariance = _autocovariances(values, math.floor(4 * (size / 100) ** (2 / 9)))
    lag = np.arange(1, len(covariance))
    slope = 2 * float((lag * covariance[1:]).sum())
    total = float(covariance[0]) + 2 * float(covariance[1:].sum())
    if total == 0:
        return 0
    return math.floor(1.1447 * math.pow((slope / total) ** 2 * size, 1 / 3))


def _variance(values: Floats, lags: int) -> float:
    """Return the long-run variance with Bartlett weights, which is never negative."""
    covariance = _autocovariances(values, lags)
    weight = 1 - np.arange(1, lags + 1) / (lags + 1)
    return float(covariance[0] + 2 * (weight * covariance[1:]).sum())
