"""Weather and market of one game: hidden states that persist for days, and the quantities measured from them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from hindcast.pipeline.arrays import Floats, Ints, Times
from hindcast.pipeline.settings.base import DAY, HOUR
from hindcast.pipeline.settings.clock import wall_of

WEATHER = ("temperature", "wind_speed", "gust", "cloud_cover", "humidity", "pressure", "radiation", "rain")
MARKET = ("price", "activity")

WEATHER_MEMORY = np.array([40.0, 60.0, 14.0, 18.0])  # hours, for the states warmth, pressure, cloud, wind
MARKET_MEMORY = np.array([30.0, 20.0])  # hours, for the states activity, scarcity


@dataclass(frozen=True)
class Calendar:
    """Local time of each step: hour 0-23, weekday from Monday 0, and day of the year as an angle."""

    hour: Ints
    weekday: Ints
    season: Floats

    @classmethod
    def of(cls, times: Times, zone: str) -> Calendar:
        """Return the calendar of UTC timestamps (any shape) in a zone."""
        wall = wall_of(times, zone)
        day = wall // DAY
        season = np.asarray(2 * np.pi * (day % 365.2425) / 365.2425, dtype=np.float64)
        return cls((wall % DAY) // HOUR, (day + 3) % 7, season)


def measure_weather(hidden: Floats, calendar: Calendar) -> dict[str, Floats]:
    """Convert hidden states (..., 4) to the values of WEATHER, each with the calendar's shape."""
    warmth, pressure, cloud, wind = np.moveaxis(hidden, -1, 0)
    cover = 1 / (1 + np.exp(-1.4 * cloud + 0.8 * pressure))
    sun = _sun_height(calendar)
    day_wave = np.cos(2 * np.pi * (calendar.hour - 15) / 24)
    temperature = 9 - 9 * np.cos(calendar.season - 0.35) + 3.2 * day_wave * (1 - 0.6 * cover) + 4.5 * warmth
    speed = 3.5 * np.exp(0.55 * wind - 0.2 * pressure)
    return {
        "temperature": temperature,
        "wind_speed": speed,
        "gust": speed * (1.35 + 0.25 * cover),
        "cloud_cover": 100 * cover,
        "humidity": np.clip(68 + 22 * (cover - 0.5) - 1.1 * (temperature - 9) + 6 * cloud, 12, 100),
        "pressure": 1013 + 9 * pressure,
        "radiation": 850 * sun * (1 - 0.78 * cover),
        "rain": np.maximum(0.0, 1.6 * (cloud - pressure - 1.1)),
    }


def measure_market(hidden: Floats, calendar: Calendar) -> dict[str, Floats]:
    """Convert hidden states (..., 2) to the values of MARKET, each with the calendar's shape."""
    mood, scarcity = np.moveaxis(hidden, -1, 0)
    weekend = calendar.weekday >= 5
    from_eight = (calendar.hour + 4) % 24  # hours since 20:00
    evening = np.exp(-(np.minimum(from_eight, 24 - from_eight) ** 2) / 18)
    activity = 100 / (1 + np.exp(-(0.9 * mood + 1.2 * evening + 0.5 * weekend - 0.9)))
    price = 70 + 0.35 * (activity - 50) + 16 * scarcity + 4 * np.maximum(scarcity - 1, 0) ** 2
    return {"price": price, "activity": activity}


def _sun_height(calendar: Calendar) -> Floats:
    """Return the height of the sun, 0 to 1: in winter, days are shorter and the sun is lower."""
    height = 0.55 - 0.33 * np.cos(calendar.season + 0.17)
    noon = np.cos(2 * np.pi * (calendar.hour - 13) / 24)
    return np.maximum(0.0, 0.7 * noon + height - 0.45)


class Stream(IntEnum):
    """The purpose of a random stream; add new purposes at the end, so that the others keep their numbers."""

    WEATHER = 0
    WEATHER_FORECAST = 1
    MARKET = 2
    MARKET_FORECAST = 3
    CUSTOMER = 4
    USAGE_FORECAST = 5
    HOLES = 6
    BEGIN = 7
    METER = 8


def random_stream(seed: int, game: int, purpose: Stream, customer: int = 0) -> np.random.Generator:
    """Return the generator of one purpose in one game (and customer); it does not depend on the number of others."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(game, int(purpose), customer)))


def correlated_noise(random: np.random.Generator, shape: tuple[int, ...], hours: Floats | float) -> Floats:
    """Return normal numbers (step, ...), mean 0, deviation 1; correlation decays with time constant `hours` (steps)."""
    keep = np.exp(-1.0 / np.asarray(hours, dtype=np.float64))
    shocks = random.normal(size=shape)
    shocks[1:] *= np.sqrt(1 - keep**2)
    for step in range(1, len(shocks)):
        shocks[step] += keep * shocks[step - 1]
    return shocks


def smooth(values: Floats, hours: float) -> Floats:
    """Return the exponential mean of past and present values (step, ...), starting at the mean of the first day."""
    keep = np.exp(-1.0 / hours)
    state = values[:24].mean(axis=0)
    means = np.empty_like(values)
    for step in range(len(values)):
        state = keep * state + (1 - keep) * values[step]
        means[step] = state
    return means


def forecast_vintages(
    random: np.random.Generator, truth: Floats, issues: Ints, leads: int, spread: float
) -> Floats:
    """Return forecasts (issue, lead, variable) of `truth` (step, variable), with errors that grow with the lead.

    `issues` are steps; lead 0 is the step of issue. The error of a vintage is correlated over half a day of
    leads; beyond two days its deviation approaches `spread`.
    """
    steps = np.minimum(issues[:, None] + np.arange(leads), len(truth) - 1)
    growth = spread * np.sqrt(1 - np.exp(-(np.arange(leads) + 1) / 40.0))
    error = np.moveaxis(correlated_noise(random, (leads, len(issues), truth.shape[1]), 12.0), 0, 1)
    forecast: Floats = truth[steps] + growth[None, :, None] * error
    return forecast
