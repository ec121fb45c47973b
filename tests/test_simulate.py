"""The simulated world: a function of its seed, with the traps that real files have, and worth learning from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.files import digest_of_file
from hindcast.pipeline.raw.ingest import ingest
from hindcast.pipeline.settings.base import HOUR
from hindcast.pipeline.settings.params import Params, check_params
from hindcast.pipeline.settings.sections import SimulateSettings
from hindcast.pipeline.simulate.games import Game, tables_of
from hindcast.pipeline.simulate.usage import Customer, strain_of, usage_of
from hindcast.pipeline.simulate.weather import (
    MARKET,
    WEATHER,
    Calendar,
    market_of,
    smoothed,
    vintages,
    wandering,
    weather_of,
)
from hindcast.pipeline.simulate.write_csv import simulate
from hindcast.pipeline.tables import read_table

ISO = "%Y-%m-%dT%H:%MZ"


@pytest.fixture(scope="module")
def params(compose: Callable[..., dict[str, Any]]) -> Params:
    values = compose("simulate.games=2", "simulate.customers=8", "simulate.days=60")
    return check_params(values, "test")


@pytest.fixture(scope="module")
def game(params: Params) -> Game:
    return Game.made(params.seed, 0, params.simulate)


@pytest.fixture(scope="module")
def tables(game: Game) -> dict[str, pd.DataFrame]:
    return tables_of(game)


def _digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): digest_of_file(path) for path in sorted(folder.rglob("*.csv"))
    }


def _with(params: Params, **simulate: Any) -> Params:
    return params.model_copy(update={"simulate": params.simulate.model_copy(update=simulate)})


def test_the_same_seed_writes_the_same_bytes_and_another_seed_others(tmp_path: Path, params: Params) -> None:
    small = _with(params, customers=2, days=12)
    for name, one in (("a", small), ("b", small), ("c", small.model_copy(update={"seed": 8}))):
        counts = simulate(one, tmp_path / name)
        assert counts["files"] == len(_digests(tmp_path / name)) == 8
    first, second, other = (_digests(tmp_path / name) for name in "abc")
    assert first == second
    assert not set(first.values()) & set(other.values())


def test_a_game_does_not_change_when_others_join(tmp_path: Path, params: Params) -> None:
    small = _with(params, customers=2, days=12)
    simulate(_with(small, games=1), tmp_path)
    alone = _digests(tmp_path)
    simulate(_with(small, games=3), tmp_path)
    together = _digests(tmp_path)
    assert len(together) == 3 * len(alone)
    assert alone.items() <= together.items()


def test_a_customer_does_not_change_when_others_join(params: Params, tables: dict[str, pd.DataFrame]) -> None:
    fewer = tables_of(Game.made(params.seed, 0, _with(params, customers=3).simulate))
    usage, again = tables["usage_2024.csv"], fewer["usage_2024.csv"]
    pd.testing.assert_frame_equal(usage[usage["customer"].isin(again["customer"].unique())], again)


def test_forecasts_come_in_vintages_issued_before_the_end_of_what_they_are_about(
    tables: dict[str, pd.DataFrame],
) -> None:
    for name, columns in (("forecast_weather.csv", WEATHER), ("forecast_market.csv", MARKET)):
        table = tables[name]
        assert tuple(table.columns) == ("issued", "valid", *columns)
        issued, valid = (pd.to_datetime(table[column], format=ISO) for column in ("issued", "valid"))
        lead = (valid - issued) / pd.Timedelta(hours=1)
        assert (lead.min(), lead.max()) == (0, 59)
        assert table.groupby("valid").size().median() >= 2
        assert not table.duplicated(["issued", "valid"]).any()


def test_the_error_of_a_forecast_grows_with_its_lead() -> None:
    random = np.random.default_rng(0)
    truth = wandering(random, (4000, 1), 30.0)
    issues = np.arange(0, 3900, 6)
    made = vintages(random, truth, issues, 60, 0.5)[:, :, 0]
    error = (made - truth[issues[:, None] + np.arange(60), 0]).std(axis=0)
    assert error[0] < error[12] < error[30] < error[55] < 0.5
    assert error[30] > 0.25


def test_meters_stand_in_local_time_with_the_hour_that_comes_twice(
    params: Params, game: Game, tables: dict[str, pd.DataFrame]
) -> None:
    usage = tables["usage_2024.csv"]
    zone = ZoneInfo(params.simulate.zone)
    first = pd.Timestamp(game.settings.start, tz="UTC").tz_convert(zone).strftime("%Y-%m-%d %H:%M")
    assert usage["hour"].min() == first
    twice = usage[usage.duplicated(["customer", "hour"], keep=False)]
    assert twice["hour"].unique().tolist() == ["2024-10-27 02:00"]
    for _, rows in usage.groupby("customer"):
        assert rows["hour"].is_monotonic_increasing


def test_spring_has_an_hour_less(params: Params) -> None:
    march = _with(params, customers=1, days=12, start=1_742_774_400 * 10**9)  # 2025-03-24
    hours = tables_of(Game.made(3, 0, march.simulate))["usage_2025.csv"]["hour"]
    assert hours[hours.str.startswith("2025-03-30")].str[11:13].tolist()[:4] == ["00", "01", "03", "04"]


def test_some_customers_begin_late_and_some_values_are_missing(tables: dict[str, pd.DataFrame]) -> None:
    begins = tables["usage_2024.csv"].groupby("customer")["hour"].min()
    assert 0 < (begins > begins.min()).sum() < len(begins)
    late = begins.index[begins > begins.min()][0]
    operator = tables["forecast_usage.csv"]
    assert operator[late].isna().mean() > operator[begins.index[begins == begins.min()][0]].isna().mean()
    for table in tables.values():
        values = table.select_dtypes("number")
        assert 0 < values.isna().to_numpy().mean() < 0.5


def test_ingest_reads_all_of_it(tmp_path: Path, params: Params) -> None:
    counts = simulate(params, tmp_path)
    raw = params.raw.model_copy(update={"path": str(tmp_path / "data/simulated")})
    sources = ingest(params.model_copy(update={"raw": raw}), tmp_path)["sources"]
    read = sum(
        one["rows_read"] / (params.simulate.customers if name == "operator" else 1)
        for name, one in sources.items()
    )
    assert read == counts["rows"]
    assert set().union(*(one["rules"] for one in sources.values())) <= {
        "max"
    }  # nothing but a meter's nonsense
    table = read_table(tmp_path / "data/tables", "meters", "game_01")
    assert table is not None
    steps = table[table["series"] == "customer_001"]["valid_time"].to_numpy()
    assert (steps % HOUR == 0).all()
    assert len(np.unique(steps)) == len(steps)


@pytest.mark.parametrize("start", ["yesterday", None, "2024-09-15T00:30"])
def test_a_start_that_is_no_full_hour_is_refused(
    compose: Callable[..., dict[str, Any]], start: str | None
) -> None:
    values = compose()
    values["simulate"]["start"] = start
    with pytest.raises(SettingsError, match=r"simulate\.start: .*found"):
        check_params(values, "test")


def test_usage_remembers_the_days_before_and_bends() -> None:
    settings = SimulateSettings(days=60)
    game = Game.made(5, 0, settings)
    calendar = Calendar.of(game.times, settings.zone)
    weather, market = weather_of(game.weather, calendar), market_of(game.market, calendar)
    customer = Customer.drawn(np.random.default_rng(0))
    usual = usage_of(customer, strain_of(weather, market, with_memory=True), calendar)

    def answer(degrees: float) -> np.ndarray:
        colder = weather["temperature"].copy()
        colder[600:624] -= degrees
        strain = strain_of(weather | {"temperature": colder}, market, with_memory=True)
        return usage_of(customer, strain, calendar) - usual

    cold, colder = answer(8.0), answer(16.0)
    assert not cold[:600].any()
    assert cold[624 + 36] > 0.2 * cold[600:624].mean() > 0  # a day and a half after the cold has gone
    assert colder[623] > 2.2 * cold[623]  # twice as cold is more than twice as much


def test_a_memory_forgets_as_its_time_constant_says() -> None:
    values = np.zeros((100, 1))
    values[50] = 1.0
    out = smoothed(values, 10.0)[:, 0]
    assert not out[:50].any()
    np.testing.assert_allclose(out[60] / out[50], np.exp(-1))


def test_wandering_numbers_have_their_deviation_and_memory() -> None:
    made = wandering(np.random.default_rng(1), (60_000, 2), np.array([5.0, 40.0]))
    np.testing.assert_allclose(made.std(axis=0), 1, atol=0.08)
    for column, hours in enumerate((5, 40)):
        pair = np.corrcoef(made[:-hours, column], made[hours:, column])[0, 1]
        np.testing.assert_allclose(pair, np.exp(-1), atol=0.05)
