"""What files show by themselves: issue times in their names, and why they cannot be a source."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from hindcast.pipeline.errors import RawDataError
from tests.inspect import mock


@pytest.mark.parametrize(
    "name", ["load_{:%Y%m%d_%H%M}_csv", "{:%Y-%m-%d}__load_csv", "run{:%Y%m%d%H}_load_forecast_csv"]
)
def test_a_time_in_the_names_of_overlapping_files_is_their_issue_time(tmp_path: Path, name: str) -> None:
    issues = pd.date_range("2024-01-01 00:00" if "__" in name else "2024-01-01 06:00", periods=12, freq="D")
    files = {}
    for issue in issues:
        times = pd.date_range(issue + pd.Timedelta("18h"), periods=48, freq="h")
        level = float(issue.day)
        rows = zip(times.strftime("%Y-%m-%dT%H:%MZ"), mock.values(48, level).tolist(), strict=True)
        files[name.format(issue)] = mock.lines("valid,load_fc", *rows)
    seen = mock.seen(tmp_path, actual_csv=mock.wall_hours("2024-01-01", 15, "UTC"), **files)
    assert "is read as the issue time" in "; ".join(mock.questions(seen))
    forecast = mock.settings(seen)["raw"]["sources"]["forecast"]
    assert forecast["group"] == {"constant": "raw"}
    table = mock.read_back(seen, tmp_path)["forecast"]
    assert sorted(set(table["issue_time"])) == issues.as_unit("ns").asi8.tolist()
    assert len(table) == 12 * 48


def test_days_in_the_names_of_files_that_follow_each_other_are_not_issue_times(tmp_path: Path) -> None:
    files = {
        f"load_{day:%Y%m%d}_csv": mock.wall_hours(f"{day:%Y-%m-%d}", 1, "UTC")
        for day in pd.date_range("2024-01-01", periods=12)
    }
    source = mock.only_source(mock.seen(tmp_path, **files))
    assert "issue_time" not in source
    assert source["group"] == {"constant": "raw"}


def test_excluded_columns_are_listed_with_the_reason_if_no_value_is_left(tmp_path: Path) -> None:
    stamps = pd.date_range("2024-01-01", periods=200, freq="h").strftime("%Y-%m-%d %H:%M")
    with pytest.raises(RawDataError) as caught:
        mock.seen(tmp_path, traffic_csv=mock.lines("time,index", *zip(stamps, range(200), strict=True)))
    assert "'index' is excluded: it numbers the rows" in caught.value.faults[0]


LOAD = mock.values(24 * 60)
HOURS = mock.hours("2024-01-01", 24 * 60)


def days_of(first: int, last: int, more: float = 0.0) -> str:
    """Rows of the days [first, last), whose values differ by `more` from those of other files."""
    rows = (
        (f"{HOURS[at]:%Y-%m-%d %H:%M}", float(round(LOAD[at] + more, 2)))
        for at in range(24 * first, 24 * last)
    )
    return mock.lines("time,load_mw", *rows)


NAMES = [
    ("load_{published:%Y%m%d}_csv", {"format": "%Y%m%d", "shift": "24h"}),
    ("load_{published:%Y-%m-%dT0900}_csv", {"format": "%Y-%m-%dT%H%M"}),
    ("load_{first:%Y%m%d}_{last:%Y%m%d}_{published:%Y%m%d}_csv", {"format": "%Y%m%d", "shift": "24h"}),
    ("load_{first:%Y%m%d}_v{published:%Y%m%d}_csv", {"format": "%Y%m%d", "shift": "24h"}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "expected"), NAMES)
def test_files_that_overlap_and_end_before_the_time_in_their_names_are_revisions(
    name: str, expected: dict[str, str], tmp_path: Path
) -> None:
    day = pd.Timedelta("1D")
    files = {
        name.format(
            first=HOURS[24 * (end - 7)], last=HOURS[24 * end - 1], published=HOURS[24 * end] + day
        ): days_of(end - 7, end, end / 100)
        for end in range(7, 30)
    }
    seen = mock.seen(tmp_path, **files)
    known = mock.only_source(seen)["known"]
    assert known | expected == known
    assert any("later files are read as revisions" in question for question in mock.questions(seen))
    (table,) = mock.read_back(seen, tmp_path).values()
    assert len(table) == 23 * 7 * 24
    late = pd.Timedelta("24h") if "shift" in expected else pd.Timedelta("9h")
    of_last = table[table["valid_time"] == HOURS[24 * 28 + 5].value]
    assert of_last["known_time"].max() == (HOURS[24 * 29] + day + late).value
    assert any(what == "pack" and " sequence" in found for what, found in seen.trial.findings)


def test_forecasts_whose_names_hold_a_day_are_asked_for_the_shift(tmp_path: Path) -> None:
    files = {f"{HOURS[24 * day]:%Y%m%d}isolf_csv": days_of(day, day + 6, day / 100) for day in range(20)}
    seen = mock.seen(tmp_path, **files)
    assert mock.only_source(seen)["issue_time"]["format"] == "%Y%m%d"
    assert any("-16h is 08:00 of the day before" in question for question in mock.questions(seen))
