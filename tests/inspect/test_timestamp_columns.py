"""A column of timestamps is read by the format that reads its texts."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tests.inspect import mock


def _read(folder: Path, heading: str, *rows: tuple[object, ...]) -> tuple[dict[str, object], list[int]]:
    """The valid time that is proposed, and the times that ingest stores."""
    seen = mock.seen(folder, load_csv=mock.lines(heading, *rows))
    (table,) = mock.read_back(seen, folder).values()
    return mock.only_source(seen)["valid_time"], table["valid_time"].tolist()


@pytest.mark.parametrize(("separator", "decimal"), [(",", "."), (";", ",")])
def test_days_as_excel_counts_them_are_timestamps(tmp_path: Path, separator: str, decimal: str) -> None:
    times = mock.hours(count=96)
    days = (times.tz_localize(None) - pd.Timestamp("1899-12-30")) / pd.Timedelta("1D")
    rows = zip([round(day, 7) for day in days], mock.values(96).tolist(), strict=True)
    text = mock.lines(f"date{separator}load", *rows, separator=separator, decimal=decimal)
    seen = mock.seen(tmp_path, load_csv=text)
    (table,) = mock.read_back(seen, tmp_path).values()
    assert mock.only_source(seen)["valid_time"]["format"] == "excel"
    assert table["valid_time"].tolist() == times.as_unit("ns").asi8.tolist()


def test_values_in_the_range_of_excel_s_days_are_values(tmp_path: Path) -> None:
    times = mock.hours(count=96)
    numbers = mock.values(96, level=39000.0).round(1).tolist()
    rows = zip(times.strftime("%Y-%m-%d %H:%M"), numbers, strict=True)
    _, stored = _read(tmp_path, "time,KWH/hh (per half hour)", *rows)
    assert stored == times.as_unit("ns").asi8.tolist()


@pytest.mark.parametrize("heading", ["end", "interval_end", "From"])
def test_a_heading_of_an_end_may_hold_days_as_excel_counts_them(tmp_path: Path, heading: str) -> None:
    texts = [f"{45_000 + n / 24:.7f}" for n in range(1, 97)]
    found, times = _read(tmp_path, f"{heading},load", *zip(texts, mock.values(96).tolist(), strict=True))
    assert found["format"] == "excel"
    first = pd.Timestamp("1899-12-30", tz="UTC") + pd.Timedelta(days=45_000)
    assert times[0] == (first + pd.Timedelta(hours=0 if "end" in heading else 1)).as_unit("ns").value


@pytest.mark.parametrize("heading", ["time_start", "begin", "time"])
def test_a_heading_that_names_the_start_needs_no_question_about_the_label(
    tmp_path: Path, heading: str
) -> None:
    times = mock.hours(count=96).strftime("%Y-%m-%d %H:%M")
    seen = mock.seen(
        tmp_path, load_csv=mock.lines(f"{heading},load", *zip(times, mock.values(96), strict=True))
    )
    asked = any("read as the start of its step" in question for question in mock.questions(seen))
    assert asked == (heading == "time")


def test_a_column_of_ends_shows_that_the_other_one_is_the_start(tmp_path: Path) -> None:
    times, ends = (
        mock.hours(start, 96).strftime("%Y-%m-%d %H:%M") for start in ("2022-01-01", "2022-01-01 01:00")
    )
    seen = mock.seen(
        tmp_path, load_csv=mock.lines("t1,t2,load", *zip(times, ends, mock.values(96), strict=True))
    )
    assert not any("start of its step" in question for question in mock.questions(seen))


def test_days_as_excel_counts_them_have_a_time_of_day_so_their_label_is_asked_for(tmp_path: Path) -> None:
    texts = [f"{45_000 + n / 24:.7f}" for n in range(1, 97)]
    seen = mock.seen(
        tmp_path, load_csv=mock.lines("time (GMT),load", *zip(texts, mock.values(96), strict=True))
    )
    assert any("start of its step" in question for question in mock.questions(seen))


def test_days_as_excel_counts_them_are_found_without_headings(tmp_path: Path) -> None:
    days = (mock.hours(count=96).tz_localize(None) - pd.Timestamp("1899-12-30")) / pd.Timedelta("1D")
    rows = zip((f"{day:.7f}" for day in days), mock.values(96, 40000).tolist(), strict=True)
    found = mock.only_source(mock.seen(tmp_path, x_csv=mock.lines("44561.9583333,39999.5", *rows)))
    assert found["valid_time"]["format"] == "excel"
    assert [value["column"] for value in found["values"].values()] == ["column_2"]
