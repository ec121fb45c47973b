"""Simulates games and customers from a seed, and writes them as CSV files below `data/simulated`.

Each game has a folder with `forecast_weather.csv` (issued every 12 h), `forecast_market.csv` and the operator's own
`forecast_usage.csv` (daily; one column per customer), and `usage_<year>.csv` in local time, as written
by meters: an hour is missing in spring and occurs twice in autumn. Some customers begin late, some cells and a few
issues are missing, meters have outages, and a few readings are impossible.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from hindcast.pipeline.arrays import Floats, Ints, Names, Times
from hindcast.pipeline.engine import map_in_order
from hindcast.pipeline.files import replace_folders
from hindcast.pipeline.settings.base import HOUR
from hindcast.pipeline.settings.clock import wall_of
from hindcast.pipeline.settings.params import SimulationParams
from hindcast.pipeline.settings.sections import SimulateSettings
from hindcast.pipeline.simulate.usage import Customer, add_noise, compute_drivers, compute_usage
from hindcast.pipeline.simulate.weather import (
    MARKET_MEMORY,
    WEATHER_MEMORY,
    Calendar,
    Stream,
    correlated_noise,
    forecast_vintages,
    measure_market,
    measure_weather,
    random_stream,
)

_WARM_UP = 96  # hours simulated before the start: states settle, and the first steps have forecasts
_LEADS = 60
_OPERATOR_LEADS = 48
_DECIMALS = {"cloud_cover": 0, "humidity": 0, "radiation": 0, "rain": 2, "price": 2}

_LATE = 0.3  # share of customers that begin after the first measured day
_MISSING_ISSUE = 0.005  # share of issues that are missing
_MISSING_CELL = 0.002
_MISSING_READING = 0.004
_OUTAGES_A_YEAR = 3.0
_LONGEST_OUTAGE = 48  # hours
_IMPOSSIBLE = 5e-5  # share of readings that no meter can have measured
_IMPOSSIBLE_READING = 99999.0

_FEW_DAYS = 40_000  # days of customers: written in three seconds, as long as processes take to start


def simulate(params: SimulationParams, root: Path) -> dict[str, int]:
    """Write `data/simulated` below `root`; return the numbers of games, customers, files and rows.

    The bytes are a function of `seed` and `simulate`; the bytes of a game do not depend on the number of games.
    """
    settings = params.simulate
    with replace_folders(root / "data/simulated") as (fresh,):
        write = partial(_write_game, fresh.resolve(), params.seed, settings)
        small = settings.games * settings.customers * settings.days < _FEW_DAYS
        numbers = range(settings.games)
        written = map_in_order(write, numbers, _game_name, "simulate", "game", small=small, folder=root)
    files, rows = (sum(counts) for counts in zip(*written, strict=True))
    customers = settings.games * settings.customers
    return {"games": settings.games, "customers": customers, "files": files, "rows": rows}


def _write_game(parent: Path, seed: int, settings: SimulateSettings, number: int) -> tuple[int, int]:
    """Write the files of one game below `parent`; return the numbers of files and rows."""
    folder = parent / _game_name(number)
    folder.mkdir()
    tables = make_tables(Game.simulate(seed, number, settings))
    for name, table in tables.items():
        table.to_csv(folder / name, index=False, na_rep="n/e", lineterminator="\n")
    return len(tables), sum(len(table) for table in tables.values())


def _game_name(number: int) -> str:
    return f"game_{number + 1:02d}"


@dataclass(frozen=True)
class Game:
    """Hidden states (step, variable) of one game, from some days before its first measured step."""

    seed: int
    number: int
    settings: SimulateSettings
    times: Times
    weather: Floats
    market: Floats

    @classmethod
    def simulate(cls, seed: int, number: int, settings: SimulateSettings) -> Game:
        """Simulate the states of one game: a function of seed, number, start, days and zone only."""
        steps = _WARM_UP + 24 * settings.days
        shapes = (steps, len(WEATHER_MEMORY)), (steps, len(MARKET_MEMORY))
        weather = correlated_noise(random_stream(seed, number, Stream.WEATHER), shapes[0], WEATHER_MEMORY)
        market = correlated_noise(random_stream(seed, number, Stream.MARKET), shapes[1], MARKET_MEMORY)
        times = settings.start + (np.arange(steps, dtype=np.int64) - _WARM_UP) * HOUR
        return cls(seed, number, settings, times, weather, market)

    def random(self, purpose: Stream, customer: int = 0) -> np.random.Generator:
        """Return a random stream of this game."""
        return random_stream(self.seed, self.number, purpose, customer)

    def issues(self, every: int, at: int) -> Issues:
        """Return issues every `every` hours, first at `at` o'clock UTC, from three days before the first measured step."""
        steps = np.arange(_WARM_UP - 72, len(self.times))
        return Issues(self, steps[(self.times[steps] // HOUR) % every == at])


@dataclass(frozen=True)
class Issues:
    """The issue times of one kind of forecast, as steps of the game."""

    game: Game
    steps: Ints

    def valid(self, leads: int) -> Times:
        """The valid times of forecasts (issue, lead)."""
        return self.game.times[self.steps][:, None] + np.arange(leads) * HOUR

    def calendar(self, leads: int) -> Calendar:
        """Local time of `valid`."""
        return Calendar.of(self.valid(leads), self.game.settings.zone)

    def newest_at(self, later: Issues) -> Ints:
        """Return, for each issue of `later`, the index of the newest own issue that was already available."""
        return np.searchsorted(self.steps, later.steps, side="right") - 1

    def table(self, values: dict[str, Floats]) -> pd.DataFrame:
        """Return values (issue, lead) as rows, without forecasts of steps that are not measured."""
        valid = self.valid(next(iter(values.values())).shape[1])
        inside = (valid >= self.game.times[_WARM_UP]) & (valid <= self.game.times[-1])
        issued = np.broadcast_to(valid[:, :1], valid.shape)
        stamps = {"issued": _utc_text(issued[inside]), "valid": _utc_text(valid[inside])}
        rounded = {name: np.round(value[inside], _DECIMALS.get(name, 1)) for name, value in values.items()}
        return pd.DataFrame(stamps | rounded)


def make_tables(game: Game) -> dict[str, pd.DataFrame]:
    """Return the files of a game by name, with missing cells as NaN."""
    count = game.settings.customers
    customers = [Customer.draw(game.random(Stream.CUSTOMER, number)) for number in range(count)]
    begins = [
        draw_first_step(game.random(Stream.BEGIN, number), game.settings.days) for number in range(count)
    ]
    weather_issues, market_issues = game.issues(12, 0), game.issues(24, 5)
    weather = forecast_vintages(
        game.random(Stream.WEATHER_FORECAST), game.weather, weather_issues.steps, _LEADS, 0.5
    )
    market = forecast_vintages(
        game.random(Stream.MARKET_FORECAST), game.market, market_issues.steps, _LEADS, 0.4
    )
    tables = {
        "forecast_weather.csv": weather_issues.table(
            measure_weather(weather, weather_issues.calendar(_LEADS))
        ),
        "forecast_market.csv": market_issues.table(measure_market(market, market_issues.calendar(_LEADS))),
        "forecast_usage.csv": _operator_forecast(game, customers, begins, weather, market),
    }
    random = game.random(Stream.HOLES)
    tables = {name: remove_cells(random, remove_issues(random, table)) for name, table in tables.items()}
    return tables | _measured_usage(game, customers, begins)


def draw_first_step(random: np.random.Generator, days: int) -> int:
    """Return the step at which a customer begins: the first step, or for some customers a step in the first half."""
    late, share = random.random(2)
    return int(share * days * 12) if late < _LATE else 0


def remove_issues(random: np.random.Generator, table: pd.DataFrame) -> pd.DataFrame:
    """Remove some issues of forecasts; the first two are kept."""
    issues = table["issued"].unique()
    missing = random.random(len(issues)) < _MISSING_ISSUE
    missing[:2] = False
    return table[~table["issued"].isin(issues[missing])]


def remove_cells(random: np.random.Generator, table: pd.DataFrame) -> pd.DataFrame:
    """Remove some cells of a table, but no timestamps."""
    values = table.drop(columns=["issued", "valid"])
    kept = random.random(values.shape) >= _MISSING_CELL
    return pd.concat([table[["issued", "valid"]], values.where(kept)], axis=1)


def take_readings(random: np.random.Generator, usage: Floats, begin: int) -> tuple[Ints, Floats]:
    """Return the steps for which a meter wrote a line (from `begin`, except outages), and its readings."""
    steps = len(usage)
    is_read = np.arange(steps) >= begin
    for _ in range(random.poisson(_OUTAGES_A_YEAR * steps / 8766)):
        start, length = random.integers(steps), random.integers(3, _LONGEST_OUTAGE + 1)
        is_read[start : start + length] = False
    chance = random.random(steps)
    readings = np.where(chance < _MISSING_READING, np.nan, usage)
    readings[chance > 1 - _IMPOSSIBLE] = _IMPOSSIBLE_READING
    kept = np.flatnonzero(is_read)
    return kept, readings[kept]


def _operator_forecast(
    game: Game, customers: list[Customer], begins: list[int], weather: Floats, market: Floats
) -> pd.DataFrame:
    """Return the operator's forecast per customer at 06:00 UTC, from the newest weather and market, without memory."""
    issues = game.issues(24, 6)
    calendar, valid = issues.calendar(_OPERATOR_LEADS), issues.valid(_OPERATOR_LEADS)
    # at that time, the newest weather forecast is 6 hours old, the newest market forecast 1 hour
    newest_weather = weather[game.issues(12, 0).newest_at(issues), 6 : 6 + _OPERATOR_LEADS]
    newest_market = market[game.issues(24, 5).newest_at(issues), 1 : 1 + _OPERATOR_LEADS]
    drivers = compute_drivers(
        measure_weather(newest_weather, calendar),
        measure_market(newest_market, calendar),
        with_memory=False,
    )
    values = {}
    for number, (customer, begin) in enumerate(zip(customers, begins, strict=True)):
        random = game.random(Stream.USAGE_FORECAST, number)
        error = 0.05 * correlated_noise(random, (_OPERATOR_LEADS, len(issues.steps)), 12.0).T
        forecast = compute_usage(customer, drivers, calendar) * np.exp(error)
        values[_name(number)] = np.where(valid >= game.times[_WARM_UP + begin], forecast, np.nan)
    return issues.table(values)


def _measured_usage(game: Game, customers: list[Customer], begins: list[int]) -> dict[str, pd.DataFrame]:
    """Return measured usage in local time, one file per local year, customer by customer."""
    calendar = Calendar.of(game.times, game.settings.zone)
    drivers = compute_drivers(
        measure_weather(game.weather, calendar), measure_market(game.market, calendar), with_memory=True
    )
    local = _text(wall_of(game.times[_WARM_UP:], game.settings.zone))
    parts = []
    for number, (customer, begin) in enumerate(zip(customers, begins, strict=True)):
        random = game.random(Stream.METER, number)
        usage = add_noise(random, compute_usage(customer, drivers, calendar))[_WARM_UP:]
        steps, readings = take_readings(random, np.round(usage, 3), begin)
        parts.append(pd.DataFrame({"customer": _name(number), "hour": local[steps], "kwh": readings}))
    whole = pd.concat(parts, ignore_index=True)
    years = whole["hour"].str[:4]
    return {f"usage_{year}.csv": whole[years == year] for year in sorted(years.unique())}


def _name(customer: int) -> str:
    return f"customer_{customer + 1:03d}"


def _utc_text(times: Times) -> Names:
    return np.char.add(_text(times, "T").astype(str), "Z").astype(object)


def _text(times: Times, between: str = " ") -> Names:
    text = np.datetime_as_string(times.astype("datetime64[ns]"), unit="m")
    return np.char.replace(text, "T", between).astype(object)
