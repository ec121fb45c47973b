"""The files are a function of the seed, do not depend on other games, and ingest reads all of them.

Forecasts and readings of a game: vintages, local time, late customers, missing cells.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dask
import numpy as np
import pandas as pd
import pytest

from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.files import digest_of_file
from hindcast.pipeline.raw.ingest import ingest
from hindcast.pipeline.settings.base import HOUR
from hindcast.pipeline.settings.params import Params, check_params
from hindcast.pipeline.simulate import games
from hindcast.pipeline.simulate.games import Game, make_tables, simulate
from hindcast.pipeline.simulate.weather import MARKET, WEATHER
from hindcast.pipeline.tables import read_table

ISO = "%Y-%m-%dT%H:%MZ"


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


def test_two_workers_write_the_bytes_of_one(
    tmp_path: Path, params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = _with(params, games=3, customers=2, days=12)
    counts = simulate(small, tmp_path / "one")
    monkeypatch.setattr(games, "_FEW_DAYS", 0)
    with dask.config.set(scheduler="processes", num_workers=2):
        assert simulate(small, tmp_path / "two") == counts
    assert _digests(tmp_path / "two") == _digests(tmp_path / "one")
    assert counts["files"] == len(_digests(tmp_path / "one")) == 12


def test_ingest_reads_every_row(tmp_path: Path, params: Params) -> None:
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
    }  # only the impossible readings of meters
    table = read_table(tmp_path / "data/tables", "meters", "game_01")
    assert table is not None
    steps = table[table["series"] == "customer_001"]["valid_time"].to_numpy()
    assert (steps % HOUR == 0).all()
    assert len(np.unique(steps)) == len(steps)


@pytest.mark.parametrize("start", ["yesterday", None, "2024-09-15T00:30"])
def test_a_start_that_is_not_a_full_hour_is_an_error(
    compose: Callable[..., dict[str, Any]], start: str | None
) -> None:
    values = compose()
    values["simulate"]["start"] = start
    with pytest.raises(SettingsError, match=r"simulate\.start: .*found"):
        check_params(values, "test")


def test_a_customer_does_not_change_when_others_join(params: Params, tables: dict[str, pd.DataFrame]) -> None:
    fewer = make_tables(Game.simulate(params.seed, 0, _with(params, customers=3).simulate))
    usage, again = tables["usage_2024.csv"], fewer["usage_2024.csv"]
    pd.testing.assert_frame_equal(usage[usage["customer"].isin(again["customer"].unique())], again)


def test_forecasts_come_in_vintages_issued_before_the_end_of_their_steps(
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


def test_readings_are_in_local_time_with_the_hour_that_occurs_twice(
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
    hours = make_tables(Game.simulate(3, 0, march.simulate))["usage_2025.csv"]["hour"]
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
