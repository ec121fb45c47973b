"""The real files, each with its known traps."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest

from hindcast.pipeline.raw.ingest import ingest
from hindcast.pipeline.settings.params import check_params
from tests.raw.mock import Outcome, moment, outcome

HOUR = 3600 * 10**9
FOLDERS = {
    "gefcom2012": "gefcom2012_wind",
    "ercot": "ercot_load",
    "opsd": "opsd_load",
    "entsoe": "entsoe_load",
}


@pytest.fixture(scope="session")
def real(
    shared_data: Callable[[str], Path], compose: Callable[..., dict[str, Any]]
) -> Callable[[str], Outcome]:
    """`real(name)` gives the outputs of ingest for a real data set with its committed settings."""
    done: dict[str, Outcome] = {}

    def read(name: str) -> Outcome:
        folder = shared_data(FOLDERS[name])
        if name not in done:
            params = check_params(compose(f"dataset={name}", f"raw.path={folder}"), name)
            with TemporaryDirectory() as workspace:
                done[name] = outcome(Path(workspace), ingest(params, Path(workspace)))
        return done[name]

    return read


@pytest.mark.parametrize("name", list(FOLDERS))
def test_every_row_of_the_real_data_is_accounted_for(name: str, real: Callable[[str], Outcome]) -> None:
    sources = real(name).report["sources"]
    assert len(sources) >= 2
    for source in sources.values():
        assert (
            source["rows_read"] == source["rows_stored"] + source["rows_quarantined"] + source["rows_folded"]
        )
        assert set(source["rules"]) <= {"nonexistent_dropped"}


@pytest.mark.parametrize("source", ["operator_es", "measured_es"])
def test_every_utc_hour_of_spain_occurs_exactly_once(source: str, real: Callable[[str], Outcome]) -> None:
    times = real("entsoe").tables[source, "ES"]["valid_time"].to_numpy()
    assert times[0] == moment("2014-12-31T23:00")
    assert times[-1] == moment("2019-12-31T22:00")
    assert (np.diff(times) == HOUR).all()


def test_the_two_rows_of_the_hour_that_occurs_twice_are_in_the_order_of_the_file(
    real: Callable[[str], Outcome],
) -> None:
    table = real("entsoe").tables["measured_es", "ES"].set_index("valid_time")
    hours = [moment(f"2015-10-25T0{hour}:00") for hour in range(3)]
    assert table.loc[hours, "load"].tolist() == [20261.0, 19775.0, 19505.0]
    assert table.loc[moment("2015-03-29T00:00"), "load"] == 22123.0
    assert table.loc[moment("2015-03-29T01:00"), "load"] == 20906.0


def test_the_hours_that_clocks_skip_are_rejected_and_reported(real: Callable[[str], Outcome]) -> None:
    found = real("entsoe")
    assert found.report["sources"]["measured_es"]["rules"] == {"nonexistent_dropped": 5}
    rejected = found.quarantine["measured_es"]
    assert rejected["text"].str.endswith('"",""').all()
    assert rejected["file"].str.match(r"ES/Total Load - Day Ahead _ Actual_201[5-9]\.csv").all()


def test_france_changes_from_hours_to_quarters_inside_a_file(real: Callable[[str], Outcome]) -> None:
    times = real("entsoe").tables["measured_fr", "FR"]["valid_time"].to_numpy()
    change = moment("2024-12-31T00:00")
    assert (np.diff(times[times <= change]) == HOUR).all()
    assert (np.diff(times[times >= change]) == HOUR // 4).all()
    assert times[0] == moment("2021-01-01T00:00")
    assert times[-1] == moment("2025-12-31T23:45")


def test_missing_markers_of_entsoe_are_missing_values(
    real: Callable[[str], Outcome], shared_data: Callable[[str], Path]
) -> None:
    for country, suffix in (("ES", "es"), ("FR", "fr")):
        cells = Counter[str]()
        for path in (shared_data("entsoe_load") / country).iterdir():
            with path.open(encoding="utf-8", newline="") as stream:
                rows = list(csv.reader(stream))[1:]
            cells.update(row[2] for row in rows if not row[2].isdigit())
        assert cells
        missing = real("entsoe").tables[f"measured_{suffix}", country]["load"].isna().sum()
        dropped = 5 if country == "ES" else 0  # empty cells of hours that clocks skip
        assert missing == sum(cells.values()) - dropped
        assert set(cells) <= {"-", "n/e", "N/A", ""}


def test_the_465_empty_issues_of_each_wind_farm_are_stored(real: Callable[[str], Outcome]) -> None:
    table = real("gefcom2012").tables["weather", "GEFCom2012"]
    assert sorted(table["series"].unique()) == list("1234567")
    empty = table[table[["u", "v", "ws", "wd"]].isna().all(axis=1)]
    assert empty.groupby("series").size().tolist() == [11160] * 7
    issues = empty.groupby("series")["issue_time"].nunique()
    assert issues.tolist() == [465] * 7
    leads = (
        empty.groupby(["series", "issue_time"])["valid_time"].max()
        - empty.groupby(["series", "issue_time"])["issue_time"].first()
    )
    assert set(leads // HOUR) == {12, 24, 36}


def test_wind_leads_run_from_1_to_48_hours_after_each_issue(real: Callable[[str], Outcome]) -> None:
    table = real("gefcom2012").tables["weather", "GEFCom2012"]
    leads = (table["valid_time"] - table["issue_time"]) // HOUR
    assert sorted(leads.unique()) == list(range(1, 49))
    assert set((table["issue_time"] // HOUR) % 12) == {0}
    assert (table["known_time"] == table["issue_time"]).all()


def test_the_zone_that_starts_in_october_is_stored_with_its_empty_values(
    real: Callable[[str], Outcome],
) -> None:
    table = real("opsd").tables["measured", "DE"]
    assert sorted(table["series"].unique()) == [
        "DE",
        "DE_50hertz",
        "DE_LU",
        "DE_amprion",
        "DE_tennet",
        "DE_transnetbw",
    ]
    late = table[table["series"] == "DE_LU"].reset_index(drop=True)
    assert len(late) == 8784
    assert late["load"].isna().sum() == 6553
    first = late.loc[late["load"].notna(), "valid_time"].min()
    assert first == moment("2018-10-01T00:00")


def test_the_missing_values_of_opsd_are_those_of_its_description(real: Callable[[str], Outcome]) -> None:
    tables = real("opsd").tables
    missing = {
        (source, series): int(rows.iloc[:, -1].isna().sum())
        for (source, _), table in tables.items()
        for series, rows in table.groupby("series")
    }
    assert missing["operator", "DE"] == 24
    assert missing["operator", "GB_GBN"] == 72
    assert missing["measured", "FR"] == 29


def test_a_forecast_without_issue_time_is_known_at_its_gate_on_the_previous_local_day(
    real: Callable[[str], Outcome],
) -> None:
    table = real("opsd").tables["operator", "GR"].set_index("valid_time")
    midday = moment("2020-07-01T12:00")
    assert table.loc[midday, "known_time"] == moment("2020-06-30T07:00")  # 10:00 in Athens
    assert (table["issue_time"] == table["known_time"]).all()


def test_ercot_has_every_hour_of_every_zone(real: Callable[[str], Outcome]) -> None:
    found = real("ercot")
    for source in ("operator", "measured"):
        table = found.tables[source, "ERCOT"]
        assert table["series"].nunique() == 8
        for _, rows in table.groupby("series"):
            assert (np.diff(rows["valid_time"]) == HOUR).all()
