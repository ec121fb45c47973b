"""Hidden states have the memory they declare, and the error of a forecast grows with its lead."""

from __future__ import annotations

import numpy as np

from hindcast.pipeline.simulate.weather import correlated_noise, forecast_vintages, smooth


def test_the_error_of_a_forecast_grows_with_its_lead() -> None:
    random = np.random.default_rng(0)
    truth = correlated_noise(random, (4000, 1), 30.0)
    issues = np.arange(0, 3900, 6)
    made = forecast_vintages(random, truth, issues, 60, 0.5)[:, :, 0]
    error = (made - truth[issues[:, None] + np.arange(60), 0]).std(axis=0)
    assert error[0] < error[12] < error[30] < error[55] < 0.5
    assert error[30] > 0.25


def test_a_mean_decays_by_its_time_constant() -> None:
    values = np.zeros((100, 1))
    values[50] = 1.0
    out = smooth(values, 10.0)[:, 0]
    assert not out[:50].any()
    np.testing.assert_allclose(out[60] / out[50], np.exp(-1))


def test_correlated_noise_has_its_deviation_and_memory() -> None:
    made = correlated_noise(np.random.default_rng(1), (60_000, 2), np.array([5.0, 40.0]))
    np.testing.assert_allclose(made.std(axis=0), 1, atol=0.08)
    for column, hours in enumerate((5, 40)):
        pair = np.corrcoef(made[:-hours, column], made[hours:, column])[0, 1]
        np.testing.assert_allclose(pair, np.exp(-1), atol=0.05)
