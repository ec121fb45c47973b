"""Small files in the layouts of public exports, each with what a proposal once got wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from tests.inspect import mock

TEXTS = mock.hours(count=96).strftime("%Y-%m-%d %H:%M").tolist()
VALUES = mock.values(96).tolist()


def test_whole_counts_of_days_and_weeks_are_values(tmp_path: Path) -> None:
    weeks = pd.date_range("2022-01-01", periods=60, freq="7D").strftime("%Y-%m-%d")
    text = mock.lines(
        "Week Ending,POS Qty,Stock", *((week, 40 + at % 7, 90 - at % 5) for at, week in enumerate(weeks))
    )
    assert set(mock.only_source(mock.seen(tmp_path, pos_csv=text))["values"]) == {"pos_qty", "stock"}


def test_settlement_periods_beside_utc_are_no_values_across_a_clock_change(tmp_path: Path) -> None:
    local = pd.date_range("2024-03-29", "2024-04-03", freq="30min", tz="Europe/London", inclusive="left")
    utc = local.tz_convert("UTC").strftime("%Y-%m-%dT%H:%M:%SZ")
    period = ((local - pd.DatetimeIndex([time.normalize() for time in local])) // pd.Timedelta("30min")) + 1
    text = mock.lines(
        "StartTime,SettlementPeriod,Demand", *zip(utc, period, mock.values(len(utc)).tolist(), strict=True)
    )
    values = mock.only_source(mock.seen(tmp_path, x_csv=text))["values"]
    assert [value["column"] for value in values.values()] == ["Demand"]


def test_ids_of_steps_and_constant_codes_are_no_values(tmp_path: Path) -> None:
    rows = [(time, 20240430001 + at, 1, 0, region, value)
            for at, (time, value) in enumerate(zip(TEXTS, VALUES, strict=True)) for region in ("N", "V")]  # fmt: skip
    seen = mock.seen(
        tmp_path, x_csv=mock.lines("time,DISPATCHINTERVAL,RUNNO,INTERVENTION,REGIONID,TOTALDEMAND", *rows)
    )
    assert set(mock.only_source(seen)["values"]) == {"totaldemand"}
    assert mock.settings(seen)["align"]["target"] == ["totaldemand"]


def test_a_code_is_the_last_choice_for_the_target(tmp_path: Path) -> None:
    rows = [(time, 6 + at % 2, value) for at, (time, value) in enumerate(zip(TEXTS, VALUES, strict=True))]
    seen = mock.seen(tmp_path, x_csv=mock.lines("time,SOURCE,HourlyDryBulbTemperature", *rows))
    assert mock.settings(seen)["align"]["target"] == ["hourly_dry_bulb_temperature"]


def test_a_day_ahead_forecast_of_whole_megawatts_is_no_lead(tmp_path: Path) -> None:
    wave = np.rint(mock.values(96) / 10)
    rows = zip(TEXTS, wave.astype(int) + 1, wave.astype(int), strict=True)
    heading = "MTU (UTC),Actual Total Load (MW),Day-ahead Total Load Forecast (MW)"
    settings = mock.settings(mock.seen(tmp_path, x_csv=mock.lines(heading, *rows)))
    assert settings["align"]["published"] == {"load": "load_forecast"}


def test_german_names_of_files_tell_the_forecast_and_a_bracket_that_is_no_unit_is_none(
    tmp_path: Path,
) -> None:
    heading = "Datum von;Gesamt (Netzlast) [MWh] Originalauflösungen;Residuallast [MWh] Originalauflösungen"
    rows = [(time, value, value / 2) for time, value in zip(TEXTS, VALUES, strict=True)]
    text = mock.lines(heading, *rows, separator=";", decimal=",")
    seen = mock.seen(tmp_path, Realisierter_Stromverbrauch_csv=text, Prognostizierter_Stromverbrauch_csv=text)
    forecast, measured = mock.settings(seen)["raw"]["sources"].values()
    assert (forecast["role"], measured["role"]) == ("forecast", "realized")
    assert {value["unit"] for value in measured["values"].values()} == {"MWh"}


def test_the_title_of_an_export_in_a_column_names_no_series(tmp_path: Path) -> None:
    files = {
        f"export_{name}_csv": mock.lines("id;name;value;datetime", *(
            (number, title, value, time) for time, value in zip(TEXTS, VALUES, strict=True)), separator=";")
        for name, number, title in (("DemandaReal", 1293, "Demanda real"), ("DemandaPrevista", 544, "Demanda prevista"))
    }  # fmt: skip
    seen = mock.seen(tmp_path, **files)
    assert "96 steps in 1 sequence" in dict(seen.trial.findings)["pack"]
    assert mock.settings(seen)["align"]["published"] == {"value": "value_forecast"}


def test_headings_of_areas_of_which_some_are_numbered_are_series(tmp_path: Path) -> None:
    rows = [(time, value, value * 1.1, value * 1.2) for time, value in zip(TEXTS, VALUES, strict=True)]
    seen = mock.seen(tmp_path, prices_csv=mock.lines("time,SE1,SE3,FI", *rows))
    assert set(mock.read_back(seen, tmp_path)["realized"]["series"]) == {"SE1", "SE3", "FI"}
    assert any("are these headings names of series of one value" in text for text in mock.questions(seen))


def test_hours_past_midnight_are_named_with_the_remedy(tmp_path: Path) -> None:
    rows = [
        (f"202409{day:02d}", f"{hour:02d}", day + hour / 2) for day in range(1, 20) for hour in range(4, 26)
    ]
    text = mock.seen(tmp_path, x_csv=mock.lines("service_date,hour,delay", *rows)).require_proposal().text
    assert "holds hours up to 25, past midnight of a day in another column, which no setting reads" in text


def test_marks_behind_numbers_are_asked_about_with_the_setting(tmp_path: Path) -> None:
    rows = [
        (time, f"{value:.0f}{'s' if at % 24 == 5 else ''}")
        for at, (time, value) in enumerate(zip(TEXTS, VALUES, strict=True))
    ]
    (asked,) = (
        text
        for text in mock.questions(mock.seen(tmp_path, x_csv=mock.lines("time,temp", *rows)))
        if "marks" in text
    )
    assert asked.startswith("4 numbers of temp have letters behind them (")
    assert "`around: [s]`" in asked
