"""A date and its hour, however written, are one timestamp."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tests.inspect import mock


@pytest.mark.parametrize(
    ("write", "label"),
    [("{0:02d} - {1:02d}", None), ("{0:02d}:00-{1:02d}:00", None), ("{0:02d}:00 - {1:02d}:00", None), ("{0:02d}-{1:02d}", None),
     ("H{1}", "hour_ending"), ("HE{1:02d}", "hour_ending"), ("{0}h", None), ("Hour {1}", "hour_ending")],
)  # fmt: skip
@pytest.mark.parametrize("form", ["%d-%m-%Y", "%Y-%m-%d"])
def test_an_hour_beside_a_date_is_part_of_the_timestamp(
    tmp_path: Path, write: str, label: str | None, form: str
) -> None:
    times, load = mock.hours(count=24 * 30), mock.values(24 * 30)
    cells = [write.format(hour, hour + 1) for hour in times.hour]
    seen = mock.seen(
        tmp_path,
        load_csv=mock.lines("Date,Hours,Price", *zip(times.strftime(form), cells, load, strict=True)),
    )
    valid = mock.only_source(seen)["valid_time"]
    assert (valid["columns"], valid.get("label")) == (["Date", "Hours"], label)
    (table,) = mock.read_back(seen, tmp_path).values()
    assert table["valid_time"].tolist() == times.as_unit("ns").asi8.tolist()
    assert table["price"].tolist() == load.tolist()


def _read(folder: Path, heading: str, *rows: tuple[object, ...]) -> tuple[dict[str, object], list[int]]:
    """The valid time that is proposed, and the times that ingest stores."""
    seen = mock.seen(folder, load_csv=mock.lines(heading, *rows))
    (table,) = mock.read_back(seen, folder).values()
    return mock.only_source(seen)["valid_time"], table["valid_time"].tolist()


@pytest.mark.parametrize("form", ["%I:%M:%S %p", "%I:%M %p", "%H:%M:%S"])
def test_a_clock_of_twelve_hours_beside_a_date_is_joined(tmp_path: Path, form: str) -> None:
    times = mock.hours(count=96)
    rows = zip(times.strftime("%m/%d/%Y"), times.strftime(form), mock.values(96), strict=True)
    valid, stored = _read(tmp_path, "Date,Start Time,load", *rows)
    assert (valid["columns"], valid["format"]) == (["Date", "Start Time"], f"%m/%d/%Y {form}")
    assert stored == times.as_unit("ns").asi8.tolist()


def test_days_in_a_row_are_likelier_than_the_same_day_of_each_month(tmp_path: Path) -> None:
    times = mock.hours("2025-11-01", count=96)
    rows = zip(times.strftime("%m/%d/%Y"), times.strftime("%H:%M"), mock.values(96), strict=True)
    seen = mock.seen(tmp_path, load_csv=mock.lines("date,clock,load", *rows))
    assert mock.only_source(seen)["valid_time"]["format"] == "%m/%d/%Y %H:%M"


def test_columns_of_one_file_have_one_order_of_day_and_month(tmp_path: Path) -> None:
    times = mock.hours("2021-09-06", count=24 * 8)
    issued = (times - pd.Timedelta("1h")).floor("12h").strftime("%m/%d/%Y %H:%M")
    rows = zip(issued, times.strftime("%m/%d/%Y %H:%M"), mock.values(len(times)), strict=True)
    seen = mock.seen(tmp_path, f_csv=mock.lines("init_time,valid,power forecast", *rows))
    source = mock.only_source(seen)
    assert [source[name]["format"] for name in ("issue_time", "valid_time")] == ["%m/%d/%Y %H:%M"] * 2


@pytest.mark.parametrize("first", ["2022-03-24", "2022-03-27"])
def test_a_day_of_23_numbers_shows_that_they_count_hours(first: str, tmp_path: Path) -> None:
    times = pd.date_range(
        pd.Timestamp(first, tz="Europe/Berlin"), pd.Timestamp("2022-03-31", tz="Europe/Berlin"),
        freq="h", inclusive="left",
    )  # fmt: skip
    numbers = pd.Series(1, times).groupby(times.date).cumsum()
    rows = zip(times.strftime("%Y-%m-%d"), numbers, mock.values(len(times)), strict=True)
    valid, stored = _read(tmp_path, "date,hour,load", *rows)
    assert valid["period"] == {"column": "hour", "length": "1h"}
    assert stored == times.as_unit("ns").asi8.tolist()


def test_a_clock_is_preferred_to_a_number_of_rows_beside_it(tmp_path: Path) -> None:
    times = mock.hours("2021-06-19", 24)
    clocks = times.strftime("%I:%M %p")
    rows = zip(range(1, 25), times.strftime("%d-%m-%Y"), clocks, mock.values(24), strict=True)
    valid, stored = _read(tmp_path, "nr,Date,Time,load", *rows)
    assert valid["columns"] == ["Date", "Time"]
    assert stored == times.as_unit("ns").asi8.tolist()


def test_a_number_of_all_rows_is_no_step_of_the_day(tmp_path: Path) -> None:
    times = pd.date_range("2019-04-04", periods=480, freq="15min")
    rows = zip(
        range(1, 481), times.strftime("%Y%m%d"), times.strftime("%H:%M:%S"), mock.values(480), strict=True
    )
    valid, stored = _read(tmp_path, "nr,Date,Time,load", *rows)
    assert valid["columns"] == ["Date", "Time"]
    assert stored == times.as_unit("ns").asi8.tolist()


def test_numbers_of_rows_are_no_steps_if_a_column_of_times_says_otherwise(tmp_path: Path) -> None:
    days = mock.hours(count=24 * 6).to_series().groupby(mock.hours(count=24 * 6).date)
    for day, times in days:  # two areas in turn: 48 rows a day look like half hours
        clocks = [time for time in times.dt.strftime("%H:%M:%S") for _ in "AB"]
        rows = zip(range(1, 49), clocks, ["A", "B"] * 24, mock.values(48).tolist(), strict=True)
        name = f"report_{day:%Y%m%d}_csv"
        seen = mock.seen(tmp_path, **{name: mock.lines("nr,Time,area,load", *rows)})
    assert "period" not in mock.only_source(seen)["valid_time"]
    assert mock.settings(seen)["raw"]["frequency"] == "1h"
    (table,) = mock.read_back(seen, tmp_path).values()
    assert len(table) == 2 * 24 * 6
