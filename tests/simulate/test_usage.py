"""Usage is nonlinear and remembers the days before."""

from __future__ import annotations

import numpy as np

from hindcast.pipeline.settings.sections import SimulateSettings
from hindcast.pipeline.simulate.games import Game
from hindcast.pipeline.simulate.usage import Customer, compute_drivers, compute_usage
from hindcast.pipeline.simulate.weather import Calendar, measure_market, measure_weather


def test_usage_remembers_the_days_before_and_is_not_linear() -> None:
    settings = SimulateSettings(days=60)
    game = Game.simulate(5, 0, settings)
    calendar = Calendar.of(game.times, settings.zone)
    weather, market = measure_weather(game.weather, calendar), measure_market(game.market, calendar)
    customer = Customer.draw(np.random.default_rng(0))
    usual = compute_usage(customer, compute_drivers(weather, market, with_memory=True), calendar)

    def answer(degrees: float) -> np.ndarray:
        colder = weather["temperature"].copy()
        colder[600:624] -= degrees
        drivers = compute_drivers(weather | {"temperature": colder}, market, with_memory=True)
        return compute_usage(customer, drivers, calendar) - usual

    cold, colder = answer(8.0), answer(16.0)
    assert not cold[:600].any()
    assert cold[624 + 36] > 0.2 * cold[600:624].mean() > 0  # a day and a half after the cold has gone
    assert colder[623] > 2.2 * cold[623]  # twice as cold is more than twice as much
