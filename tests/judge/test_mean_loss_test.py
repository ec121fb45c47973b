"""The test of mean losses against its formula written out, and how often it rejects what is true."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hindcast.pipeline.judge.mean_loss_test import FEWEST_ORIGINS, compare_losses


def slow(difference: list[float], lags: int | None) -> tuple[float, int]:
    size = len(difference)
    mean = sum(difference) / size
    e = [value - mean for value in difference]

    def covariance(lag: int) -> float:
        return sum(e[at] * e[at - lag] for at in range(lag, size)) / size

    if lags is None:
        n = math.floor(4 * (size / 100) ** (2 / 9))
        first = 2 * sum(lag * covariance(lag) for lag in range(1, n + 1))
        zeroth = covariance(0) + 2 * sum(covariance(lag) for lag in range(1, n + 1))
        lags = min(math.floor(1.1447 * ((first / zeroth) ** 2 * size) ** (1 / 3)), size // 3)
    variance = covariance(0) + 2 * sum((1 - lag / (lags + 1)) * covariance(lag) for lag in range(1, lags + 1))
    return mean / math.sqrt(variance / size), lags


@pytest.mark.parametrize("seed", range(6))
def test_the_statistic_is_that_of_the_formula(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ours, theirs = rng.gamma(2, size=(2, 80 + 40 * seed))
    theirs[1:] += 0.8 * theirs[:-1] * (seed % 2)
    found = compare_losses(ours, theirs)
    statistic, lags = slow((theirs - ours).tolist(), None)
    assert found.statistic == pytest.approx(statistic)
    assert found.lags == lags
    assert found.p_value == pytest.approx(2 * (1 - 0.5 * (1 + math.erf(abs(statistic) / math.sqrt(2)))))
    overlapping = compare_losses(ours, theirs, overlap=lags + 5)
    assert overlapping.statistic == pytest.approx(slow((theirs - ours).tolist(), lags + 5)[0])
    back = compare_losses(theirs, ours)
    assert back.statistic == pytest.approx(-statistic)


def test_of_equal_forecasters_few_are_called_different_although_losses_depend_on_each_other() -> None:
    rng, rejected, naive = np.random.default_rng(0), 0, 0
    for _ in range(300):
        noise = rng.normal(size=(2, 420))
        for at in range(1, 420):
            noise[:, at] += 0.6 * noise[:, at - 1]
        ours, theirs = np.abs(noise[:, 20:])
        rejected += (compare_losses(ours, theirs).p_value or 1) < 0.05
        naive += abs((theirs - ours).mean()) > 1.96 * (theirs - ours).std() / 20
    assert naive > 30, "without the covariances"
    assert rejected < 30, "the nominal number is 15"


def test_too_few_origins_or_equal_losses_give_no_test() -> None:
    loss = np.random.default_rng(1).random(FEWEST_ORIGINS)
    assert compare_losses(loss[1:], loss[1:] + 1).statistic is None
    assert compare_losses(loss, loss).p_value is None
    assert compare_losses(loss, loss[::-1]).statistic is not None
    assert compare_losses(0 * loss, 0 * loss + 0.1).statistic is None, (
        "a difference without variance has no test"
    )
