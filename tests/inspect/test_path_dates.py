"""The day of a row may be in the name of its file, its time of day in a column; a whole timestamp may be a heading."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from hindcast.pipeline.inspect.path_dates import times_in_paths
from tests.inspect import mock


@pytest.mark.parametrize(
    ("name", "form"), [("load_%Y%m%d_csv", "%Y%m%d %H:%M"), ("%Y__%Y-%m-%d_csv", "%Y-%m-%d %H:%M")]
)
def test_a_day_in_the_name_and_a_time_of_day_in_a_column_are_joined(
    name: str, form: str, tmp_path: Path
) -> None:
    times = pd.date_range("2025-03-29", "2025-04-01", freq="h", tz="Europe/Berlin", inclusive="left")
    files = {}
    for day in pd.date_range("2025-03-29", "2025-03-31"):
        rows = [(f"{time:%H:%M}", time.day * 100 + time.hour) for time in times if time.date() == day.date()]
        files[day.strftime(name)] = mock.lines("Time,Load MW", *rows)
    seen = mock.seen(tmp_path, **files)
    source = mock.only_source(seen)
    assert source["valid_time"]["column"] == "Time"
    assert source["valid_time"]["format"] == form
    (table,) = mock.read_back(seen, tmp_path).values()
    assert len(table) == 71
    expected = [time.day * 100 + time.hour for time in times]
    assert table.sort_values("valid_time")["load"].tolist() == expected
    assert sorted(table["valid_time"].astype("int64")) == sorted(times.as_unit("ns").astype("int64"))


def test_a_whole_timestamp_in_a_column_is_not_joined_to_the_day_in_the_name(tmp_path: Path) -> None:
    rows = [
        (f"{time:%Y-%m-%d %H:%M}", value)
        for time, value in zip(mock.hours(count=48), mock.values(48), strict=True)
    ]
    source = mock.only_source(mock.seen(tmp_path, load_20220101_csv=mock.lines("time,load", *rows)))
    assert source["valid_time"]["column"] == "time"
    assert "path" not in source["valid_time"]


@pytest.mark.parametrize("form", ["%Y-%m-%d", "%d.%m.%Y"])
def test_headings_that_are_dates_become_rows(form: str, tmp_path: Path) -> None:
    days = pd.date_range("2024-02-10", "2024-03-03")
    header = "item,store," + ",".join(days.strftime(form))
    rows = [
        (item, "S1", *(place * 1000 + day for day in range(len(days)))) for place, item in enumerate("ABC")
    ]
    rows[1] = (*rows[1][:5], "", *rows[1][6:])
    seen = mock.seen(tmp_path, sales_csv=mock.lines(header, *rows))
    (table,) = mock.read_back(seen, tmp_path).values()
    assert len(table) == 3 * len(days)
    assert int(table["sales"].isna().sum()) == 1
    found = table[table["series"] == "C"].sort_values("valid_time")
    assert found["sales"].tolist() == [2000.0 + day for day in range(len(days))]


def test_times_of_all_paths_are_read_or_none() -> None:
    paths = ["a_20240101.csv", "a_20240102.csv", "a_20240103.csv"]
    pattern, form, texts, _ = next(times_in_paths(paths, least=3))
    assert (form, texts) == ("%Y%m%d", ["20240101", "20240102", "20240103"])
    assert "8" in pattern
    assert list(times_in_paths([*paths, "b.csv"], least=3)) == []
    assert list(times_in_paths(["a_20249901.csv"], least=1)) == []
