"""Timestamps that are counts are read by the unit that a heading or a line above the rows names, else asked about."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hindcast.pipeline.inspect.count_guess import find_count_unit
from hindcast.pipeline.raw.ingest import ingest
from hindcast.pipeline.settings.params import check_params
from tests.inspect import mock

TIMES = pd.date_range("2024-01-01", periods=24 * 30, freq="h", tz="UTC")
LOAD = mock.values(len(TIMES))


def counts(base: str, unit: str, decimals: int = 0) -> list[object]:
    found = (TIMES - pd.Timestamp(base, tz="UTC")) / pd.Timedelta(unit)
    return [round(float(count), decimals) if decimals else round(float(count)) for count in found]


def stored(folder: Path, text: str) -> tuple[pd.DatetimeIndex, dict[str, object], list[str]]:
    seen = mock.seen(folder, load_csv=text)
    (table,) = mock.read_back(seen, folder).values()
    assert any(what == "pack" and " sequence" in found for what, found in seen.trial.findings)
    times = pd.DatetimeIndex(table["valid_time"].astype("datetime64[ns]"), tz="UTC")
    np.testing.assert_allclose(table["load"].to_numpy(), LOAD)
    return times, mock.only_source(seen)["valid_time"], mock.questions(seen)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("time (hours since 1900-01-01 00:00:00)", "hours since 1900-01-01T00:00:00"),
        ("hours since 1900-01-01 00:00:0.0", "hours since 1900-01-01T00:00:00"),
        ("Days since 2000-1-1", "days since 2000-01-01"),
        ("minutes_since_2013-01-01", "minutes since 2013-01-01"),
        ("# time: seconds since 1970-01-01T00:00:00Z", "seconds since 1970-01-01T00:00:00+00:00"),
        ("30 min since 2013-01-01 00:00 +0100", "30min since 2013-01-01T00:00:00+01:00"),
        ("measured since 2013-01-01", None),
        ("hours since 2013-13-01", None),
        ("hours since the start", None),
    ],
)
def test_units_are_found_in_texts(text: str, expected: str | None) -> None:
    assert find_count_unit(text) == expected


@pytest.mark.parametrize(
    ("heading", "base", "unit"),
    [("time (hours since 1900-01-01 00:00:00.0)", "1900-01-01", "1h"), ("minutes since 2020-01-01", "2020-01-01", "1min"),
     ("time [seconds since 1970-01-01 UTC]", "1970-01-01", "1s"), ("30min since 2013-01-01", "2013-01-01", "30min")],
)  # fmt: skip
def test_a_unit_in_the_heading_proves_the_counts(heading: str, base: str, unit: str, tmp_path: Path) -> None:
    text = mock.lines(f"{heading},load", *zip(counts(base, unit), LOAD.tolist(), strict=True))
    times, setting, asked = stored(tmp_path, text)
    assert list(times) == list(TIMES)
    assert " since " in str(setting["format"])
    assert not any("no text names the unit" in question for question in asked)


@pytest.mark.parametrize(
    "line", ["# time: hours since 1900-01-01 00:00:00", "Exported;hours since 1900-01-01;x"]
)
def test_a_unit_above_the_rows_proves_the_counts(line: str, tmp_path: Path) -> None:
    body = mock.lines(
        "time;load", *zip(counts("1900-01-01", "1h"), LOAD.tolist(), strict=True), separator=";"
    )
    times, _, _ = stored(tmp_path, f"{line}\n{body}")
    assert list(times) == list(TIMES)


def test_a_unit_below_the_heading_proves_the_counts(tmp_path: Path) -> None:
    rows = zip(counts("2000-01-01", "1D", decimals=8), LOAD.tolist(), strict=True)
    head, _, body = mock.lines("time;load", *rows, separator=";").partition("\n")
    seen = mock.seen(tmp_path, load_csv=f"{head}\ndays since 2000-01-01;MW\n{body}")
    assert mock.only_source(seen)["valid_time"]["format"] == "days since 2000-01-01"
    ingest(check_params(mock.settings(seen), "proposed"), tmp_path)
    (table,) = mock.tables(tmp_path).values()
    assert list(table["valid_time"].astype("datetime64[ns]")) == list(TIMES.tz_localize(None))


def test_files_with_different_bases_are_different_sources(tmp_path: Path) -> None:
    files = {}
    for month in (1, 2):
        start = pd.Timestamp(f"2024-{month:02d}-01", tz="UTC")
        body = mock.lines("time,load", *((hour, float(LOAD[hour])) for hour in range(600)))
        files[f"load_{month}_csv"] = f"# hours since {start:%Y-%m-%d}\n{body}"
    seen = mock.seen(tmp_path, **files)
    formats = {source["valid_time"]["format"] for source in mock.settings(seen)["raw"]["sources"].values()}
    assert formats == {"hours since 2024-01-01", "hours since 2024-02-01"}


def test_a_unit_that_no_text_names_is_asked_about(tmp_path: Path) -> None:
    text = mock.lines("time,load", *zip(counts("1900-01-01", "1h"), LOAD.tolist(), strict=True))
    times, _, asked = stored(tmp_path, text)
    assert list(times) == list(TIMES)
    assert any(
        "no text names the unit of these counts; by 'hours since 1900-01-01', 1086960 would be 2024-01-01"
        in each
        for each in asked
    )


@pytest.mark.parametrize(("unit", "form"), [("1s", "epoch_s"), ("1ms", "epoch_ms"), ("1us", "epoch_us"), ("1ns", "epoch_ns")])  # fmt: skip
def test_counts_since_1970_in_any_unit(unit: str, form: str, tmp_path: Path) -> None:
    numbers = (TIMES - pd.Timestamp("1970-01-01", tz="UTC")) // pd.Timedelta(unit)
    times, setting, _ = stored(
        tmp_path, mock.lines("time,load", *zip(numbers.tolist(), LOAD.tolist(), strict=True))
    )
    assert list(times) == list(TIMES)
    assert setting["format"] == form


@pytest.mark.parametrize("first", [0, 1])
def test_slots_of_half_hours_count_from_0_or_1(first: int, tmp_path: Path) -> None:
    times = pd.date_range("2024-01-01", periods=48 * 15, freq="30min")
    rows = [(f"{time:%Y-%m-%d}", 2 * time.hour + time.minute // 30 + first, float(value))
            for time, value in zip(times, LOAD, strict=True)]  # fmt: skip
    found, setting, _ = stored(tmp_path, mock.lines("date,slot,load", *rows))
    assert list(found) == list(times.tz_localize("UTC"))
    assert setting["period"] == {"column": "slot", "length": "30min", **({"first": 0} if first == 0 else {})}


def test_small_measured_numbers_under_a_heading_with_an_hour_are_no_counts(tmp_path: Path) -> None:
    load = np.random.default_rng(1).integers(30, 75, 96).tolist()
    days = {
        f"report_2024120{day}_csv": mock.lines(
            "Hour,A KWH/hh (per half hour),B KWH/hh (per half hour)",
            *((hour, load[24 * (day - 5) + hour], load[24 * (day - 5) + hour] + 20) for hour in range(24)),
        )
        for day in range(5, 9)
    }
    seen = mock.seen(tmp_path, **days)
    assert not any("no text names the unit of these counts" in question for question in mock.questions(seen))
    assert len(mock.only_source(seen)["values"]) == 1
