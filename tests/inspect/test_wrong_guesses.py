"""Inputs whose obvious reading is wrong: what inspection proposes is right, or asked."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from tests.inspect import mock


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
