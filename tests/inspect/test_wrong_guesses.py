"""Inputs whose obvious reading is wrong: what inspection proposes is right, or asked."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.inspect.inspect_files import Inspection
from hindcast.pipeline.raw.ingest import ingest
from hindcast.pipeline.settings.params import check_params
from tests.inspect import mock


def stored(seen: Inspection, workspace: Path) -> pd.DataFrame:
    """The only table that ingest stores by a proposal; ignored lines may be in quarantine."""
    ingest(check_params(mock.settings(seen), "proposed"), workspace)
    (table,) = mock.tables(workspace).values()
    return table


def test_the_status_of_a_revision_is_no_series(tmp_path: Path) -> None:
    rows = []
    for place, time in enumerate(mock.hours(count=120)):
        for area, level in (("DE", 500), ("FR", 900)):
            for status, delay in (("preliminary", 1), ("final", 30)):
                published = time + pd.Timedelta(hours=1 + delay)
                rows.append(
                    (area, f"{time:%Y-%m-%dT%H:%MZ}", f"{published:%Y-%m-%dT%H:%MZ}", status, level + place)
                )
    seen = mock.seen(tmp_path, load_csv=mock.lines("area,begin_utc,published_utc,status,mw", *rows))
    source = mock.only_source(seen)
    assert source["series"] == {"column": "area"}
    assert source["known"]["column"] == "published_utc"
    assert "says how final a value is" in seen.require_proposal().text


def test_an_energy_per_half_hour_is_a_value(tmp_path: Path) -> None:
    times = pd.date_range("2012-10-26", periods=96, freq="30min")
    rows = [
        ("MAC1", "Std", f"{time:%Y-%m-%d %H:%M:%S}.0000000", "Null" if place == 9 else f" {place / 100:.3f} ")
        for place, time in enumerate(times)
    ]
    seen = mock.seen(tmp_path, LCL_csv=mock.lines("LCLid,stdorToU,DateTime,KWH/hh (per half hour) ", *rows))
    source = mock.only_source(seen)
    assert source["values"] == {"energy": {"column": "KWH/hh (per half hour)", "unit": "kWh"}}
    assert source["series"] == {"column": "LCLid"}
    assert "Null" in source["missing"]
    assert mock.settings(seen)["raw"]["frequency"] == "30min"


def test_a_constant_is_no_target_and_am_is_no_country(tmp_path: Path) -> None:
    times = pd.date_range("2024-10-26", periods=240, freq="h")
    rows = [
        ("0000000", f"{time:%m/%d/%Y}", f"{time:%I:%M:%S %p}", "Hour", 7, value)
        for time, value in zip(times, mock.values(240), strict=True)
    ]
    header = "Meter Number,Date,Start Time,Duration,Phases,Consumed"
    seen = mock.seen(tmp_path, Usage_csv=mock.lines(header, *rows))
    source, settings = mock.only_source(seen), mock.settings(seen)
    assert source["valid_time"]["columns"] == ["Date", "Start Time"]
    assert source["valid_time"]["format"] == "%m/%d/%Y %I:%M:%S %p"
    assert settings["raw"]["frequency"] == "1h"
    assert settings["align"]["target"] == ["consumed"]
    assert not any("Yerevan" in question for question in mock.questions(seen))


def test_hours_of_24_are_hour_endings_as_text_too(tmp_path: Path) -> None:
    for name, text in (("text", "{:02d}:00"), ("number", "{}")):
        rows = [
            (f"{day:%m/%d/%Y}", text.format(hour), hour + day.day)
            for day in pd.date_range("2025-11-20", periods=10)
            for hour in range(1, 25)
        ]
        seen = mock.seen(tmp_path / name, load_csv=mock.lines("Date,Hour Ending,Load", *rows))
        assert mock.only_source(seen)["valid_time"]["label"] == "hour_ending"


def test_a_lead_beside_a_valid_time_makes_a_forecast(tmp_path: Path) -> None:
    first = pd.Timestamp("2024-05-01T02:00Z")
    rows = [
        ("A", f"{first + pd.Timedelta(hours=step):%Y-%m-%dT%H:%MZ}", 2 + step + lead, 100 + step + lead)
        for step in range(3)
        for lead in (0, 24)
    ]
    source = mock.only_source(mock.seen(tmp_path, f_csv=mock.lines("series,valid,lead,load", *rows)))
    assert source["role"] == "forecast"
    assert source["lead"] == {"column": "lead", "unit": "h"}


def test_files_named_by_their_issue_time_are_vintages_and_no_series(tmp_path: Path) -> None:
    files = {}
    for hour in range(5, 10):
        issue = pd.Timestamp("2025-11-02", tz="UTC") + pd.Timedelta(hours=hour)
        rows = [(f"{issue + pd.Timedelta(hours=k):%Y-%m-%dT%H:%MZ}", 1000 * hour + k) for k in range(1, 9)]
        files[f"F-20251102{hour:02d}00{'d' if hour == 7 else ''}_csv"] = mock.lines("begin_utc,mw", *rows)
    source = mock.only_source(mock.seen(tmp_path, **files))
    assert source["issue_time"]["format"] == "%Y%m%d%H%M"
    assert "path" not in source.get("series", {})


def test_a_row_of_totals_is_ignored_and_the_first_hour_is_kept(tmp_path: Path) -> None:
    files = {}
    for day in pd.date_range("2022-04-04", "2022-04-05"):
        hours = pd.date_range(day, periods=25, freq="h")
        rows = [(f"{a:%Y-%m-%d %H:%M}", f"{b:%Y-%m-%d %H:%M}", 0.5 + a.hour) for a, b in pairwise(hours)]
        rows.append((f"{hours[0]:%Y-%m-%d %H:%M}", f"{hours[-1]:%Y-%m-%d %H:%M}", 300.0))
        files[f"use_{day:%Y%m%d}_csv"] = mock.lines("From,To,kWh", *rows)
    seen = mock.seen(tmp_path, **files)
    assert any("2022-04-04 00:00,2022-04-05 00:00,300.0" in question for question in mock.questions(seen))
    table = stored(seen, tmp_path)
    table = table.sort_values("valid_time")
    assert len(table) == 48
    assert table["energy"].iloc[[0, 24]].tolist() == [0.5, 0.5]


def test_of_two_stacked_tables_the_larger_one_is_read(tmp_path: Path) -> None:
    times = pd.date_range("2025-04-06 00:05", periods=60, freq="5min")
    first = [f'D,D,PRICE,5,"{time:%Y/%m/%d %H:%M:%S}",R1,50.0' for time in times]
    second = [
        f'D,D,REGION,9,"{time:%Y/%m/%d %H:%M:%S}",R1,{1000 + place},2000,900,1100'
        for place, time in enumerate(times)
    ]
    text = [
        "C,EXAMPLE,A,B,C2,2025/04/06,X,Y,A,Z",
        "I,D,PRICE,5,TIME,REGION,RRP",
        *first,
        "I,D,REGION,9,TIME,REGION,DEMAND,AVAILABLE,NET,GROSS",
        *second,
        'C,"END OF REPORT",123',
    ]
    seen = mock.seen(tmp_path, two_csv="\n".join(text) + "\n")
    table = stored(seen, tmp_path)
    assert table["demand"].tolist() == [1000 + place for place in range(60)]
    assert set(table["series"]) == {"R1"}


def test_hours_a_minute_early_are_asked_about_and_rounded(tmp_path: Path) -> None:
    ends = ["15:59", "16:59", "17:59", "19:00", "20:00", "21:00"]
    rows = [(f"2024-12-08 {end}", 97 + place) for place, end in enumerate(ends)]
    seen = mock.seen(tmp_path, hours_csv=mock.lines("end_utc,value", *rows))
    assert mock.only_source(seen)["off_grid"] == {"round": "1min"}
    assert any("2024-12-08 15:59" in question for question in mock.questions(seen))


def test_a_city_in_a_name_gives_the_zone_and_its_half_hour_the_offset_of_the_grid(tmp_path: Path) -> None:
    times = pd.date_range("2025-05-05", periods=240, freq="h")
    rows = [(f"{time:%Y-%m-%d %H:%M}", 1000 + place, 1003 + place) for place, time in enumerate(times)]
    seen = mock.seen(tmp_path, adelaide_csv=mock.lines("start_local,load_mw,plan_mw", *rows))
    settings = mock.settings(seen)
    zones = {source["valid_time"]["zone"] for source in settings["raw"]["sources"].values()}
    assert zones == {"Australia/Adelaide"}
    assert settings["raw"]["grid_offset"] == "30min"
    assert settings["align"]["published"] == {"load": "load_forecast"}
    assert any("local time: is it the time of this zone?" in question for question in mock.questions(seen))


def test_files_without_timestamps_are_shown_by_their_first_texts(tmp_path: Path) -> None:
    with pytest.raises(RawDataError) as caught:
        mock.seen(
            tmp_path, odd_csv=mock.lines("when,load", *((f"week {n} of 2024", n * 7) for n in range(20)))
        )
    (fault,) = caught.value.faults
    assert "'when': 'week 0 of 2024' (close to a date or time), 'load': '0'" in fault
    assert "Known formats are" in fault


def test_two_files_with_one_issue_time_are_asked_about(tmp_path: Path) -> None:
    files = {}
    for place, stamp in enumerate(
        ["202511020500", "202511020600", "202511020600d", "202511020700", "202511020800"]
    ):
        begin = pd.Timestamp("2025-11-02T05:00Z") + pd.Timedelta(hours=place)
        rows = [(f"{begin + pd.Timedelta(hours=k):%Y-%m-%dT%H:%MZ}", 1000 * place + k) for k in range(1, 9)]
        files[f"F-{stamp}_csv"] = mock.lines("begin_utc,mw", *rows)
    asked = mock.questions(mock.seen(tmp_path, **files))
    assert any(
        "F-202511020600.csv and F-202511020600d.csv" in question and "part_of" in question
        for question in asked
    )


def test_values_published_before_their_hour_are_asked_about(tmp_path: Path) -> None:
    rows = [
        ("FR", f"{time:%Y-%m-%dT%H:%MZ}", f"{time - pd.Timedelta(hours=30):%Y-%m-%dT%H:%MZ}", 1000 + place)
        for place, time in enumerate(mock.hours(count=240))
    ]
    asked = mock.questions(mock.seen(tmp_path, a_csv=mock.lines("area,begin_utc,published_utc,mw", *rows)))
    assert any(
        "if the values are measured, is published_utc the wrong column" in question for question in asked
    )


def test_columns_of_previous_days_are_forecasts_of_the_same_quantity(tmp_path: Path) -> None:
    times, level = mock.hours(count=240), mock.values(240)
    rows = [
        (f"{time:%Y-%m-%dT%H:%M}", value, value + 1, value + 2)
        for time, value in zip(times, level, strict=True)
    ]
    header = "time,temperature_2m,temperature_2m_previous_day1,temperature_2m_previous_day2"
    seen = mock.seen(tmp_path, x_csv=mock.lines(header, *rows))
    sources = mock.settings(seen)["raw"]["sources"]
    roles = {value["column"]: one["role"] for one in sources.values() for value in one["values"].values()}
    assert roles == {
        "temperature_2m": "realized",
        "temperature_2m_previous_day1": "forecast",
        "temperature_2m_previous_day2": "forecast",
    }
    ((_, published),) = mock.settings(seen)["align"]["published"].items()
    (column,) = [
        value["column"]
        for one in sources.values()
        for name, value in one["values"].items()
        if name == published
    ]
    assert column == "temperature_2m_previous_day1"
    (known,) = [one["known"] for one in sources.values() if one["role"] == "forecast"]
    assert known == {"before_step": "24h"}
    assert mock.settings(seen)["align"]["origin"] == {"before": "24h"}
