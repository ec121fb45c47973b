"""Issue times in names, on a clock that shows an hour twice, are read as the two hours they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.inspect import mock

ISSUES = pd.date_range("2025-11-01 12:00", "2025-11-02 18:00", freq="h", tz="UTC")


def files(zone: str, delay: str = "1h", suffix: str = "d") -> dict[str, str]:
    """A forecast of three hours an hour, with the local issue time in its name, and the measurement."""
    made: dict[str, str] = {}
    for issue in ISSUES:
        local = issue.tz_convert(zone)
        second = local.strftime("%Y%m%d%H%M") in {name[2:14] for name in made}
        valid = pd.date_range(issue + pd.Timedelta(delay), periods=3, freq="h")
        rows = [(time.strftime("%Y-%m-%d %H:%M"), 100 * issue.hour + lead) for lead, time in enumerate(valid)]
        name = f"F-{local:%Y%m%d%H%M}{suffix if second else ''}_csv"
        made[name] = mock.lines("begin_utc,forecast mw", *rows)
    return made


def measured() -> str:
    times = pd.date_range("2025-10-20", periods=24 * 16, freq="h").strftime("%Y-%m-%d %H:%M")
    return mock.lines("begin_utc,mw", *zip(times, mock.values(len(times)).tolist(), strict=True))


@pytest.mark.parametrize("zone", ["America/Chicago", "America/New_York"])
def test_files_of_the_second_hour_are_a_part_with_the_later_hour(tmp_path: Path, zone: str) -> None:
    seen = mock.seen(tmp_path, measured_csv=measured(), **files(zone))
    sources = mock.settings(seen)["raw"]["sources"]
    whole, part = (source for source in sources.values() if source["role"] == "forecast")
    assert (whole["issue_time"]["zone"], whole["issue_time"]["ambiguous"]) == (zone, "earlier")
    assert (part["issue_time"]["zone"], part["issue_time"]["ambiguous"]) == (zone, "later")
    assert part["part_of"] in sources
    assert whole["files"] == "F-????????????.csv"
    assert part["files"] == "F-202511020100d.csv"
    (asked, _) = (text for text in mock.questions(seen) if "have the same time in their names" in text)
    assert "F-202511020100.csv and F-202511020100d.csv" in asked
    assert (
        f"clocks of {zone} show alike: is it this zone? In it, forecasts begin 1h after their issue time"
        in asked
    )
    table = mock.read_back(seen, tmp_path)[part["part_of"]]
    found = np.unique(table["issue_time"].to_numpy(np.int64))
    assert found.tolist() == ISSUES.as_unit("ns").asi8.tolist()


def test_files_with_the_same_rows_are_no_two_hours(tmp_path: Path) -> None:
    made = files("UTC")
    made["F-202511020100d_csv"] = made["F-202511020100_csv"]
    seen = mock.seen(tmp_path, measured_csv=measured(), **made)
    assert not any("show alike" in text for text in mock.questions(seen))


def test_names_in_a_zone_without_such_an_hour_are_one_source(tmp_path: Path) -> None:
    sources = mock.settings(mock.seen(tmp_path, measured_csv=measured(), **files("Asia/Tokyo")))["raw"][
        "sources"
    ]
    assert [source["role"] for source in sources.values()].count("forecast") == 1
