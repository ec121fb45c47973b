"""A column with EST and EDT, or with a flag, tells the two repeated hours apart."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tests.inspect import mock


@pytest.mark.parametrize(
    ("heading", "zone", "summer", "winter"),
    [
        ("Time Zone", "America/New_York", "EDT", "EST"),
        ("tz", "Europe/Berlin", "CEST", "CET"),
        ("DST", "America/Chicago", "Y", "N"),
        ("DST", "America/Chicago", "1", "0"),
    ],
)
def test_the_column_answers_the_repeated_hour(
    heading: str, zone: str, summer: str, winter: str, tmp_path: Path
) -> None:
    times = mock.hours("2021-10-01", 24 * 60, zone)
    marks = [summer if time.dst() else winter for time in times]
    rows = [
        (f"{time:%Y-%m-%d %H:%M}", mark, place)
        for place, (time, mark) in enumerate(zip(times, marks, strict=True))
    ]
    rows = [row for _, row in sorted(enumerate(rows), key=lambda item: (item[1][0], item[1][1] != winter))]
    seen = mock.seen(tmp_path, load_csv=mock.lines(f"time,{heading},load", *rows))
    setting = mock.only_source(seen)["valid_time"]
    assert setting["ambiguous"] == {"column": heading, "later": [winter]}
    (table,) = mock.read_back(seen, tmp_path).values()
    found = table.sort_values("valid_time")["load"].tolist()
    assert found == list(range(len(times)))
    assert "series" not in mock.only_source(seen) or "column" not in mock.only_source(seen)["series"]


def test_timestamps_with_z_that_show_wall_time_are_questioned(tmp_path: Path) -> None:
    times = mock.hours("2021-10-01", 24 * 60, "Europe/Berlin")
    rows = [(f"{time:%Y-%m-%dT%H:%M:%S}Z", place) for place, time in enumerate(times)]
    seen = mock.seen(tmp_path / "wall", load_csv=mock.lines("time,load", *rows))
    assert any("is the Z wrong?" in question for question in mock.questions(seen))
    rows = [
        (f"{time:%Y-%m-%dT%H:%M:%S}Z", place)
        for place, time in enumerate(pd.DatetimeIndex(times).tz_convert("UTC"))
    ]
    seen = mock.seen(tmp_path / "utc", load_csv=mock.lines("time,load", *rows))
    assert not any("is the Z wrong?" in question for question in mock.questions(seen))
