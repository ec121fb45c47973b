"""What customers use: it bends with weather and market, and it remembers the days before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hindcast.pipeline.simulate.weather import Calendar, Floats, smoothed, wandering

COLD_MEMORY = 36.0  # hours in which a building forgets the cold
WEARINESS_MEMORY = 60.0  # hours in which players forget how much they played

_COMFORT = 15.0  # degC below which is heated
_USUAL_COLD = 1.4
_LEAST_PRICE = 5.0  # EUR/MWh; below it, and where prices are negative, nobody uses still more
_USUAL_ACTIVITY = 0.85


@dataclass(frozen=True)
class Customer:
    """How one customer answers."""

    size: float
    cold: float  # answer to the cold that is stored
    chill: float  # answer to the cold of the hour
    play: float  # answer to activity
    weary: float  # how far weariness takes activity back
    thrift: float  # answer to the price
    shift: float  # hours by which the daily shape is late
    weekend: float

    @classmethod
    def drawn(cls, random: np.random.Generator) -> Customer:
        """A customer by chance."""
        return cls(
            size=float(np.exp(random.normal(1.0, 0.5))),
            cold=float(random.uniform(0.5, 1.4)),
            chill=float(random.uniform(0.05, 0.2)),
            play=float(random.uniform(0.3, 0.9)),
            weary=float(random.uniform(0.4, 1.0)),
            thrift=float(random.uniform(0.0, 0.5)),
            shift=float(random.uniform(-2.0, 2.0)),
            weekend=float(random.uniform(-0.2, 0.3)),
        )


@dataclass(frozen=True)
class Strain:
    """What acts on all customers of a game: at the moment, and stored over days (all about 0 to 2)."""

    cold: Floats
    stored_cold: Floats
    activity: Floats
    weariness: Floats
    price: Floats


def strain_of(weather: Mapping[str, Floats], market: Mapping[str, Floats], *, with_memory: bool) -> Strain:
    """Weather and market -> strain; without memory the stores are guessed from the hour alone."""
    felt = weather["temperature"] - 0.45 * weather["wind_speed"] + 0.004 * weather["radiation"]
    cold = (np.maximum(0.0, _COMFORT - felt) / 10) ** 1.5
    activity = market["activity"] / 50
    if with_memory:
        stored, weariness = smoothed(cold, COLD_MEMORY), smoothed(activity, WEARINESS_MEMORY)
    else:
        stored, weariness = 0.5 * (cold + _USUAL_COLD), np.full_like(activity, _USUAL_ACTIVITY)
    return Strain(cold, stored, activity, weariness, np.maximum(market["price"], _LEAST_PRICE) / 70)


def usage_of(customer: Customer, strain: Strain, calendar: Calendar) -> Floats:
    """Energy of each step in kWh, without chance."""
    daily = 1 + 0.45 * np.cos(2 * np.pi * (calendar.hour - 19 - customer.shift) / 24)
    daily *= 1 + customer.weekend * (calendar.weekday >= 5)
    heating = customer.cold * strain.stored_cold * (0.6 + 0.4 * daily) + customer.chill * strain.cold
    eagerness = np.maximum(0.0, strain.activity - customer.weary * (strain.weariness - _USUAL_ACTIVITY) * 4)
    return customer.size * (
        daily * (0.5 + customer.play * eagerness) * strain.price**-customer.thrift + heating
    )


def with_chance(random: np.random.Generator, usage: Floats) -> Floats:
    """Measured usage: what nobody can foresee is some 7 % and lasts for hours."""
    return usage * np.exp(0.06 * wandering(random, usage.shape, 5.0) + 0.04 * random.normal(size=usage.shape))
