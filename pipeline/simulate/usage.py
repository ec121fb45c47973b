"""Usage of customers: a nonlinear function of weather and market that depends on the previous days."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hindcast.pipeline.arrays import Floats
from hindcast.pipeline.simulate.weather import Calendar, correlated_noise, smooth

COLD_MEMORY = 36.0  # hours: time constant of the cold stored in a building
FATIGUE_MEMORY = 60.0  # hours: time constant of players' fatigue

_COMFORT = 15.0  # degC; below it, buildings are heated
_USUAL_COLD = 1.4
_LEAST_PRICE = 5.0  # EUR/MWh; below it, negative prices included, usage no longer grows
_USUAL_ACTIVITY = 0.85


@dataclass(frozen=True)
class Customer:
    """How one customer responds to weather and market."""

    size: float
    cold: float  # response to the cold stored in the building
    chill: float  # response to the cold in the hour itself
    play: float  # response to activity
    fatigue: float  # how far fatigue reduces the response to activity
    thrift: float  # response to the price
    shift: float  # hours by which the daily profile is delayed
    weekend: float

    @classmethod
    def draw(cls, random: np.random.Generator) -> Customer:
        """Return a random customer."""
        return cls(
            size=float(np.exp(random.normal(1.0, 0.5))),
            cold=float(random.uniform(0.5, 1.4)),
            chill=float(random.uniform(0.05, 0.2)),
            play=float(random.uniform(0.3, 0.9)),
            fatigue=float(random.uniform(0.4, 1.0)),
            thrift=float(random.uniform(0.0, 0.5)),
            shift=float(random.uniform(-2.0, 2.0)),
            weekend=float(random.uniform(-0.2, 0.3)),
        )


@dataclass(frozen=True)
class Drivers:
    """The drivers of all customers of a game, in each hour and accumulated over days (all about 0 to 2)."""

    cold: Floats
    stored_cold: Floats
    activity: Floats
    fatigue: Floats
    price: Floats


def compute_drivers(
    weather: Mapping[str, Floats], market: Mapping[str, Floats], *, with_memory: bool
) -> Drivers:
    """Compute drivers from weather and market; without memory, accumulated drivers are estimated from the hour."""
    felt = weather["temperature"] - 0.45 * weather["wind_speed"] + 0.004 * weather["radiation"]
    cold = (np.maximum(0.0, _COMFORT - felt) / 10) ** 1.5
    activity = market["activity"] / 50
    if with_memory:
        stored, fatigue = smooth(cold, COLD_MEMORY), smooth(activity, FATIGUE_MEMORY)
    else:
        stored, fatigue = 0.5 * (cold + _USUAL_COLD), np.full_like(activity, _USUAL_ACTIVITY)
    return Drivers(cold, stored, activity, fatigue, np.maximum(market["price"], _LEAST_PRICE) / 70)


def compute_usage(customer: Customer, drivers: Drivers, calendar: Calendar) -> Floats:
    """Return the energy of each step in kWh, without noise."""
    daily = 1 + 0.45 * np.cos(2 * np.pi * (calendar.hour - 19 - customer.shift) / 24)
    daily *= 1 + customer.weekend * (calendar.weekday >= 5)
    heating = customer.cold * drivers.stored_cold * (0.6 + 0.4 * daily) + customer.chill * drivers.cold
    appetite = np.maximum(0.0, drivers.activity - customer.fatigue * (drivers.fatigue - _USUAL_ACTIVITY) * 4)
    return customer.size * (
        daily * (0.5 + customer.play * appetite) * drivers.price**-customer.thrift + heating
    )


def add_noise(random: np.random.Generator, usage: Floats) -> Floats:
    """Return measured usage: with unpredictable deviations of about 7 % that last for hours."""
    return usage * np.exp(
        0.06 * correlated_noise(random, usage.shape, 5.0) + 0.04 * random.normal(size=usage.shape)
    )
