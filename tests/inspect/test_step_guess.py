"""Files of days and weeks: the proposal reads their dates as local days, with an anchor and a label, and asks."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tests.inspect import mock


def dated(
    days: pd.DatetimeIndex, heading: str = "Date", form: str = "%Y-%m-%d", cell: str = "Load MW"
) -> str:
    return mock.lines(
        f"{heading},{cell}", *zip(days.strftime(form), mock.values(len(days)).tolist(), strict=True)
    )


def stored(folder: Path, **files: str) -> tuple[dict[str, object], pd.DatetimeIndex, list[str]]:
    """The raw settings, the times that ingest stores, and the questions."""
    seen = mock.seen(folder, **files)
    (table,) = mock.read_back(seen, folder).values()
    times = pd.DatetimeIndex(table["valid_time"].sort_values().unique().astype("datetime64[ns]"), tz="UTC")
    return mock.settings(seen)["raw"], times, mock.questions(seen)


@pytest.mark.parametrize("form", ["%Y-%m-%d", "%d.%m.%Y", "%Y-%m-%d 00:00"])
def test_dates_are_local_days_of_the_country_in_the_name_of_the_file(form: str, tmp_path: Path) -> None:
    days = pd.date_range("2023-01-01", periods=400, freq="D")
    raw, times, asked = stored(tmp_path, DE_load_csv=dated(days, form=form))
    assert raw["frequency"] == "1d"
    assert raw["zone"] == "Europe/Berlin"
    assert list(times) == list(days.tz_localize("Europe/Berlin").tz_convert("UTC"))
    assert any("read as the day of its values" in question for question in asked)


def test_days_with_utc_in_their_heading_are_days_of_utc(tmp_path: Path) -> None:
    days = pd.date_range("2023-01-01", periods=100, freq="D")
    raw, times, _ = stored(tmp_path, DE_load_csv=dated(days, heading="Date (UTC)"))
    assert raw["frequency"] == "24h"
    assert list(times) == list(days.tz_localize("UTC"))


def test_midnights_of_a_proven_zone_with_offsets_are_local_days(tmp_path: Path) -> None:
    days = pd.date_range("2023-01-01", periods=400, freq="D", tz="Europe/Madrid")
    cells = zip((day.isoformat() for day in days), mock.values(400).tolist(), strict=True)
    raw, times, _ = stored(tmp_path, ES_load_csv=mock.lines("start,load", *cells))
    assert (raw["frequency"], raw["zone"]) == ("1d", "Europe/Madrid")
    assert list(times) == list(days.tz_convert("UTC"))


WEEKS = [
    ("date", "2022-01-03", "monday", "start"),
    ("week_start", "2022-01-02", "sunday", "start"),
    ("target_end_date", "2022-01-01", "sunday", "last_day"),
    ("week ending", "2022-01-02", "monday", "last_day"),
    ("date", "2022-01-07", "saturday", "last_day"),
]


@pytest.mark.parametrize(("heading", "first", "anchor", "label"), WEEKS)
def test_dates_a_week_apart_are_weeks_from_a_weekday_on(
    heading: str, first: str, anchor: str, label: str, tmp_path: Path
) -> None:
    dates = pd.date_range(first, periods=130, freq="7D").delete([17, 40])
    seen = mock.seen(tmp_path, US_cases_csv=dated(dates, heading=heading, cell="cases"))
    settings = mock.settings(seen)
    assert (settings["raw"]["frequency"], settings["raw"]["anchor"]) == ("7d", anchor)
    assert mock.only_source(seen)["valid_time"].get("label", "start") == label
    if heading != "week_start":
        assert any("day of their step" in each or "ends its step" in each for each in mock.questions(seen))
    assert "seasonal_52w" in settings["evaluate"]["baselines"]
    (table,) = mock.read_back(seen, tmp_path).values()
    assert len(table) == len(dates)
    assert any(line[0] == "pack" and "1 series" in line[1] for line in seen.trial.findings)


def test_weekly_forecasts_become_a_weekly_gate(tmp_path: Path) -> None:
    weeks = pd.date_range("2022-01-01", periods=60, freq="7D")
    cells = [
        (issue.strftime("%Y-%m-%d"), lead, (issue + pd.Timedelta(7 * lead, "D")).strftime("%Y-%m-%d"), value)
        for issue, value in zip(weeks, mock.values(60).tolist(), strict=True)
        for lead in range(4)
    ]
    files = {
        "forecast_csv": mock.lines("reference_date,horizon,target_end_date,cases", *cells),
        "target_csv": dated(weeks, heading="target_end_date", cell="cases"),
    }
    seen = mock.seen(tmp_path, **files)
    origin = mock.settings(seen)["align"]["origin"]
    # a reference date is the Saturday: it is over when the next week has begun
    assert origin == {"on": "sunday", "at": "00:00", "covers": "this_week", "starts": "sunday", "for": "21d"}
    assert "horizon" not in mock.settings(seen)["raw"]["sources"]["forecast"]["values"]
    assert any(what == "pack: forecast" for what, _ in seen.trial.findings)


def test_rows_a_month_apart_are_asked_about(tmp_path: Path) -> None:
    months = pd.date_range("2015-01-01", periods=60, freq="MS")
    seen = mock.seen(tmp_path, load_csv=dated(months))
    assert any("steps of months" in question for question in mock.questions(seen))


def test_dates_ten_days_apart_have_a_date_as_anchor(tmp_path: Path) -> None:
    raw, times, asked = stored(tmp_path, load_csv=dated(pd.date_range("2022-01-03", periods=60, freq="10D")))
    assert (raw["frequency"], raw["anchor"]) == ("10d", "2022-01-03")
    assert len(times) == 60
    assert any("10 days apart" in question for question in asked)
