"""The length of the blocks of a circular block bootstrap, from the data: the rule of Politis and White (2004).

With the correction of Patton, Politis and White (2009, doi:10.1080/07474930802459016): the length that makes the mean squared error of the
bootstrap's variance of a mean smallest, from autocovariances with a flat-top window.
"""

from __future__ import annotations

import numpy as np

from hindcast.pipeline.arrays import Floats, Ints

_CRITICAL = 2.0  # standard errors: smaller autocorrelations count as none


def block_lengths(values: Floats) -> Floats:
    """Return the length for each of S series (S, n) of daily values, at least 1; 1 for a series that does not vary."""
    count, size = values.shape
    if size < 3:
        return np.ones(count)
    run = max(5, int(np.log10(size)))
    most = min(int(np.ceil(np.sqrt(size))) + run, size - 2)
    covariance, correlation = _autocovariances(values, most)
    window = np.minimum(2 * np.maximum(_last_lag(correlation, run, size), 1), most)
    lag = np.arange(1, most + 1)
    weight = np.clip(2 * (1 - lag / window[:, None]), 0, 1)
    weighted = weight * covariance[:, 1:]
    slope, total = 2 * (weighted * lag).sum(axis=1), covariance[:, 0] + 2 * weighted.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        length = (1.5 * slope * slope / (total * total) * size) ** (1 / 3)
    longest = np.ceil(min(3 * np.sqrt(size), size / 3))
    return np.clip(np.where(np.isfinite(length), length, 1.0), 1.0, longest)


def _autocovariances(values: Floats, most: int) -> tuple[Floats, Floats]:
    """Return the autocovariances (S, lag) of the lags 0 to `most`, and the sizes of the correlations; 0 where a part does not vary."""
    centred = values - values.mean(axis=1, keepdims=True)
    size = values.shape[1]
    covariance, correlation = np.zeros((2, len(values), most + 1))
    for lag in range(most + 1):
        product = (centred[:, lag:] * centred[:, : size - lag]).sum(axis=1)
        later = (centred[:, lag + 1 :] ** 2).sum(axis=1)
        earlier = (centred[:, : size - lag - 1] ** 2).sum(axis=1)
        scale = np.sqrt(later * earlier)
        covariance[:, lag] = product / size
        np.divide(np.abs(product), scale, out=correlation[:, lag], where=scale > 0)
    return covariance, correlation


def _last_lag(correlation: Floats, run: int, size: int) -> Ints:
    """Return the lag after which `run` correlations in a row are not significant; the last lag if there is none."""
    small = correlation < _CRITICAL * np.sqrt(np.log10(size) / size)
    most = correlation.shape[1] - 1
    found = np.full(len(correlation), most)
    for lag in range(most - run, -1, -1):
        found[small[:, lag : lag + run].all(axis=1)] = lag
    last: Ints = np.maximum(found - 1, 0)
    return last
