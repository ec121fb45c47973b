"""Random streams that depend on what they are for alone, and processes with memory."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Stream(IntEnum):
    """What a random stream is for; a new one goes to the end, so that the others keep their numbers."""

    WEATHER = 0
    WEATHER_FORECAST = 1
    MARKET = 2
    MARKET_FORECAST = 3
    CUSTOMER = 4
    USAGE_FORECAST = 5
    HOLES = 6
    BEGIN = 7
    METER = 8


def stream(seed: int, game: int, purpose: Stream, customer: int = 0) -> np.random.Generator:
    """The generator of one purpose in one game (and customer): the same however many others there are."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(game, int(purpose), customer)))


def wandering(random: np.random.Generator, shape: tuple[int, ...], hours: Floats | float) -> Floats:
    """Normal numbers (step, ...) of mean 0 and deviation 1 that forget with a time constant of `hours` steps."""
    keep = np.exp(-1.0 / np.asarray(hours, dtype=np.float64))
    shocks = random.normal(size=shape)
    shocks[1:] *= np.sqrt(1 - keep**2)
    for step in range(1, len(shocks)):
        shocks[step] += keep * shocks[step - 1]
    return shocks


def smoothed(values: Floats, hours: float) -> Floats:
    """The exponential mean of past and present values (step, ...), begun at the mean of the first day."""
    keep = np.exp(-1.0 / hours)
    state = values[:24].mean(axis=0)
    out = np.empty_like(values)
    for step in range(len(values)):
        state = keep * state + (1 - keep) * values[step]
        out[step] = state
    return out


def vintages(
    random: np.random.Generator, truth: Floats, issues: NDArray[np.int64], leads: int, spread: float
) -> Floats:
    """Forecasts (issue, lead, variable) of `truth` (step, variable): its error grows with the lead.

    `issues` are steps; lead 0 is the step of issue. The error of a vintage forgets within half a day of
    leads; beyond two days its deviation nears `spread`.
    """
    steps = np.minimum(issues[:, None] + np.arange(leads), len(truth) - 1)
    growth = spread * np.sqrt(1 - np.exp(-(np.arange(leads) + 1) / 40.0))
    error = np.moveaxis(wandering(random, (leads, len(issues), truth.shape[1]), 12.0), 0, 1)
    forecast: Floats = truth[steps] + growth[None, :, None] * error
    return forecast
