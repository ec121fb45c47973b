"""Files answer what other files leave open: the order of day and month, and the zone."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tests.inspect import mock


@pytest.mark.parametrize("form", ["%m/%d/%Y", "%d/%m/%Y"])
@pytest.mark.parametrize("own_headings", [True, False])
def test_a_day_above_12_in_one_file_decides_for_all(form: str, own_headings: bool, tmp_path: Path) -> None:
    files, expected = {}, []
    for day in pd.date_range("2025-11-11", "2025-11-14"):
        heading = f"Load of {day.strftime(form)} (MW)" if own_headings else "Load (MW)"
        rows = [(day.strftime(form), f"{hour:02d}:00", day.day * 100 + hour) for hour in range(24)]
        files[f"load_{day:%Y%m%d}_csv"] = mock.lines(f"Date,Hour,{heading}", *rows)
        expected += [value for *_, value in rows]
    seen = mock.seen(tmp_path, **files)
    assert mock.only_source(seen)["valid_time"]["format"] == f"{form} %H:%M"
    (table,) = mock.read_back(seen, tmp_path).values()
    table = table.sort_values("valid_time")
    assert table["valid_time"].min() == pd.Timestamp("2025-11-11").value
    (name,) = mock.only_source(seen)["values"]
    assert table[name].tolist() == expected


def test_a_zone_proven_by_one_source_serves_the_others(tmp_path: Path) -> None:
    times = mock.hours("2022-01-01", 24 * 340, "America/New_York")
    measured = [
        (f"{time:%m/%d/%Y %H:%M}", value) for time, value in zip(times, mock.values(len(times)), strict=True)
    ]
    ahead = [(f"{time:%m/%d/%Y %H:%M}", value) for time, value in measured_times(times)]
    seen = mock.seen(
        tmp_path,
        measured_csv=mock.lines("time,load", *measured),
        forecast_csv=mock.lines("time,load", *ahead),
    )
    sources = mock.settings(seen)["raw"]["sources"]
    assert {source["valid_time"]["zone"] for source in sources.values()} == {"America/New_York"}
    assert any("nothing in these files contradicts" in question for question in mock.questions(seen))


def measured_times(times: pd.DatetimeIndex) -> list[tuple[pd.Timestamp, float]]:
    """The summer only, which shows no clock change."""
    summer = [time for time in times if 5 <= time.month <= 9]
    return list(zip(summer, mock.values(len(summer)).tolist(), strict=True))


def test_a_zone_that_other_files_contradict_does_not_serve_them(tmp_path: Path) -> None:
    wall = mock.hours("2022-01-01", 24 * 340, "America/New_York")
    utc = mock.hours("2022-01-01", 24 * 340)
    texts = {
        name: mock.lines(
            "time,load",
            *(
                (f"{time:%Y-%m-%d %H:%M}", value)
                for time, value in zip(times, mock.values(len(times)), strict=True)
            ),
        )
        for name, times in (("measured_csv", wall), ("forecast_csv", utc))
    }
    sources = mock.settings(mock.seen(tmp_path, **texts))["raw"]["sources"]
    zones = {source["role"]: source["valid_time"]["zone"] for source in sources.values()}
    assert zones == {"forecast": "UTC", "realized": "America/New_York"}
