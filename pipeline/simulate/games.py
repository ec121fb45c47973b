"""One game: its hidden world, the forecasts that were issued about it, and what its customers' meters said."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hindcast.pipeline.settings.base import HOUR
from hindcast.pipeline.settings.clock import wall_of
from hindcast.pipeline.settings.sections import SimulateSettings
from hindcast.pipeline.simulate.usage import Customer, strain_of, usage_of, with_chance
from hindcast.pipeline.simulate.weather import (
    MARKET_MEMORY,
    WEATHER_MEMORY,
    Calendar,
    Floats,
    Stream,
    market_of,
    stream,
    vintages,
    wandering,
    weather_of,
)

Stamps = NDArray[np.int64]


_WARM_UP = 96  # hours before the start: states settle, and the first steps have forecasts


_LEADS = 60


_OPERATOR_LEADS = 48


_DECIMALS = {"cloud_cover": 0, "humidity": 0, "radiation": 0, "rain": 2, "price": 2}


@dataclass(frozen=True)
class Game:
    """Hidden states (step, variable) of one game, begun some days before its first measured step."""

    seed: int
    number: int
    settings: SimulateSettings
    times: Stamps
    weather: Floats
    market: Floats

    @classmethod
    def made(cls, seed: int, number: int, settings: SimulateSettings) -> Game:
        """The world of one game: a function of seed, number, start, days and zone alone."""
        steps = _WARM_UP + 24 * settings.days
        shapes = (steps, len(WEATHER_MEMORY)), (steps, len(MARKET_MEMORY))
        weather = wandering(stream(seed, number, Stream.WEATHER), shapes[0], WEATHER_MEMORY)
        market = wandering(stream(seed, number, Stream.MARKET), shapes[1], MARKET_MEMORY)
        times = settings.start + (np.arange(steps, dtype=np.int64) - _WARM_UP) * HOUR
        return cls(seed, number, settings, times, weather, market)

    def stream(self, purpose: Stream, customer: int = 0) -> np.random.Generator:
        """A random stream of this game."""
        return stream(self.seed, self.number, purpose, customer)

    def issues(self, every: int, at: int) -> Issues:
        """Issues each `every` hours, at `at` o'clock UTC and so on, from three days before the first measured step."""
        steps = np.arange(_WARM_UP - 72, len(self.times))
        return Issues(self, steps[(self.times[steps] // HOUR) % every == at])


@dataclass(frozen=True)
class Issues:
    """When forecasts of a kind come out, as steps of the game."""

    game: Game
    steps: Stamps

    def valid(self, leads: int) -> Stamps:
        """The stamps (issue, lead) that they are about."""
        return self.game.times[self.steps][:, None] + np.arange(leads) * HOUR

    def calendar(self, leads: int) -> Calendar:
        """Local time of `valid`."""
        return Calendar.of(self.valid(leads), self.game.settings.zone)

    def newest(self, later: Issues) -> Stamps:
        """For each of some other issues the newest of these that was out."""
        return np.searchsorted(self.steps, later.steps, side="right") - 1

    def table(self, values: dict[str, Floats]) -> pd.DataFrame:
        """Values (issue, lead) as rows; what is not about a measured step is left out."""
        valid = self.valid(next(iter(values.values())).shape[1])
        inside = (valid >= self.game.times[_WARM_UP]) & (valid <= self.game.times[-1])
        issued = np.broadcast_to(valid[:, :1], valid.shape)
        stamps = {"issued": _utc_text(issued[inside]), "valid": _utc_text(valid[inside])}
        rounded = {name: np.round(value[inside], _DECIMALS.get(name, 1)) for name, value in values.items()}
        return pd.DataFrame(stamps | rounded)


def tables_of(game: Game) -> dict[str, pd.DataFrame]:
    """The files of a game by name, missing cells as NaN."""
    customers = [Customer.drawn(game.stream(Stream.CUSTOMER, at)) for at in range(game.settings.customers)]
    begins = [first_steps(game.stream(Stream.BEGIN, at), game.settings.days) for at in range(len(customers))]
    weather_issues, market_issues = game.issues(12, 0), game.issues(24, 5)
    weather = vintages(game.stream(Stream.WEATHER_FORECAST), game.weather, weather_issues.steps, _LEADS, 0.5)
    market = vintages(game.stream(Stream.MARKET_FORECAST), game.market, market_issues.steps, _LEADS, 0.4)
    tables = {
        "forecast_weather.csv": weather_issues.table(weather_of(weather, weather_issues.calendar(_LEADS))),
        "forecast_market.csv": market_issues.table(market_of(market, market_issues.calendar(_LEADS))),
        "forecast_usage.csv": _operator(game, customers, begins, weather, market),
    }
    holes = game.stream(Stream.HOLES)
    punched = {name: with_holes(holes, without_some_issues(holes, table)) for name, table in tables.items()}
    return punched | _usage(game, customers, begins)


def _operator(
    game: Game, customers: list[Customer], begins: list[int], weather: Floats, market: Floats
) -> pd.DataFrame:
    """The operator's forecast of each customer, at 06:00 UTC: from the newest weather and market, without memory."""
    issues = game.issues(24, 6)
    calendar, valid = issues.calendar(_OPERATOR_LEADS), issues.valid(_OPERATOR_LEADS)
    # the newest weather is then 6 hours old, the newest market 1 hour
    newest_weather = weather[game.issues(12, 0).newest(issues), 6 : 6 + _OPERATOR_LEADS]
    newest_market = market[game.issues(24, 5).newest(issues), 1 : 1 + _OPERATOR_LEADS]
    strain = strain_of(
        weather_of(newest_weather, calendar), market_of(newest_market, calendar), with_memory=False
    )
    values = {}
    for number, (customer, begin) in enumerate(zip(customers, begins, strict=True)):
        random = game.stream(Stream.USAGE_FORECAST, number)
        mistake = 0.05 * wandering(random, (_OPERATOR_LEADS, len(issues.steps)), 12.0).T
        forecast = usage_of(customer, strain, calendar) * np.exp(mistake)
        values[_name(number)] = np.where(valid >= game.times[_WARM_UP + begin], forecast, np.nan)
    return issues.table(values)


def _usage(game: Game, customers: list[Customer], begins: list[int]) -> dict[str, pd.DataFrame]:
    """Measured usage in local time, a file a local year, customer by customer."""
    calendar = Calendar.of(game.times, game.settings.zone)
    strain = strain_of(weather_of(game.weather, calendar), market_of(game.market, calendar), with_memory=True)
    local = _text(wall_of(game.times[_WARM_UP:], game.settings.zone))
    parts = []
    for number, (customer, begin) in enumerate(zip(customers, begins, strict=True)):
        random = game.stream(Stream.METER, number)
        measured = with_chance(random, usage_of(customer, strain, calendar))[_WARM_UP:]
        kept, cells = kept_steps(random, np.round(measured, 3), begin)
        parts.append(pd.DataFrame({"customer": _name(number), "hour": local[kept], "kwh": cells}))
    whole = pd.concat(parts, ignore_index=True)
    years = whole["hour"].str[:4]
    return {f"usage_{year}.csv": whole[years == year] for year in sorted(years.unique())}


def _name(customer: int) -> str:
    return f"customer_{customer + 1:03d}"


def _utc_text(times: Stamps) -> NDArray[np.object_]:
    return np.char.add(_text(times, "T").astype(str), "Z").astype(object)


def _text(times: Stamps, between: str = " ") -> NDArray[np.object_]:
    text = np.datetime_as_string(times.astype("datetime64[ns]"), unit="m")
    return np.char.replace(text, "T", between).astype(object)


_LATE = 0.3  # share of customers that begin after the first measured day


_LOST_ISSUE = 0.005


_LOST_CELL = 0.002


_LOST_READING = 0.004


_OUTAGES_A_YEAR = 3.0


_LONGEST_OUTAGE = 48  # hours


_NONSENSE = 5e-5  # share of readings that no meter can have meant


_SHOWN_THEN = 99999.0


def first_steps(random: np.random.Generator, days: int) -> int:
    """The step at which a customer begins: the first, or for some a time in the first half."""
    late, share = random.random(2)
    return int(share * days * 12) if late < _LATE else 0


def without_some_issues(random: np.random.Generator, table: pd.DataFrame) -> pd.DataFrame:
    """Forecasts some of which never came out; the first two issues always did."""
    issues = table["issued"].unique()
    lost = random.random(len(issues)) < _LOST_ISSUE
    lost[:2] = False
    return table[~table["issued"].isin(issues[lost])]


def with_holes(random: np.random.Generator, table: pd.DataFrame) -> pd.DataFrame:
    """A table whose cells are missing here and there; its stamps stay."""
    values = table.drop(columns=["issued", "valid"])
    kept = random.random(values.shape) >= _LOST_CELL
    return pd.concat([table[["issued", "valid"]], values.where(kept)], axis=1)


def kept_steps(random: np.random.Generator, measured: Floats, begin: int) -> tuple[NDArray[np.int64], Floats]:
    """The steps for which a meter wrote a line, from `begin` on and but for outages, and what it wrote."""
    steps = len(measured)
    there = np.arange(steps) >= begin
    for _ in range(random.poisson(_OUTAGES_A_YEAR * steps / 8766)):
        start, length = random.integers(steps), random.integers(3, _LONGEST_OUTAGE + 1)
        there[start : start + length] = False
    chance = random.random(steps)
    cells = np.where(chance < _LOST_READING, np.nan, measured)
    cells[chance > 1 - _NONSENSE] = _SHOWN_THEN
    kept = np.flatnonzero(there)
    return kept, cells[kept]
