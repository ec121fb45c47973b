"""Each timestamp column has one role."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.inspect import mock

TIMES = mock.hours(count=240)


def source(folder: Path, header: str, *rows: tuple[Any, ...]) -> dict[str, Any]:
    """The only source proposed for one file."""
    return mock.only_source(mock.seen(folder, x_csv=mock.lines(header, *rows)))


def test_the_end_of_a_step_beside_its_start_is_excluded(tmp_path: Path) -> None:
    rows = [
        (f"{t:%Y-%m-%d %H:%M}", f"{t.floor('h') + (TIMES[1] - TIMES[0]):%Y-%m-%d %H:%M}", 1.5) for t in TIMES
    ]
    found = source(tmp_path, "from,to,measured", *rows)
    assert found["valid_time"]["column"] == "from"
    assert "label" not in found["valid_time"]


def test_of_one_moment_in_two_zones_utc_is_taken(tmp_path: Path) -> None:
    rows = [(f"{t.tz_convert('Europe/Berlin'):%Y-%m-%d %H:%M}", f"{t:%Y-%m-%d %H:%M}", 1.5) for t in TIMES]
    found = source(tmp_path, "cet_time,utc_time,measured", *rows)
    assert found["valid_time"] == {"column": "utc_time", "format": "iso", "zone": "UTC"}


def test_a_moment_of_publication_behind_measurements_says_when_they_are_known(tmp_path: Path) -> None:
    rows = [(f"{t:%Y-%m-%d %H:%M}", f"{t + 5.2 * (TIMES[1] - TIMES[0]):%Y-%m-%d %H:%M}", 1.5) for t in TIMES]
    assert source(tmp_path, "valid,updated_at,actual", *rows)["known"] == {
        "column": "updated_at",
        "format": "iso",
        "zone": "UTC",
    }


@pytest.mark.parametrize("name", ["hour", "value_date_to", "Hour Ending", "HE"])
def test_a_heading_that_speaks_of_the_end_labels_the_end(name: str, tmp_path: Path) -> None:
    found = source(tmp_path, f"{name},actual", *((f"{t:%Y-%m-%d %H:%M}", 1.5) for t in TIMES))
    assert found["valid_time"].get("label") == (None if name == "hour" else "end")


def test_an_integer_that_counts_series_is_not_a_lead(tmp_path: Path) -> None:
    rows = [(f"{t:%Y-%m-%d %H:%M}", meter, 1.5) for t in TIMES for meter in range(1, 6)]
    found = source(tmp_path, "time,meter,actual", *rows)
    assert found["role"] == "realized"
    assert found["series"] == {"column": "meter"}


def test_leads_in_minutes_are_recognised_by_their_heading(tmp_path: Path) -> None:
    rows = [(f"{t:%Y-%m-%d %H:%M}", lead, 1.5) for t in TIMES[::6] for lead in range(0, 360, 15)]
    text = mock.lines("run,lead_minutes,power", *rows)
    proposal = mock.seen(tmp_path, x_csv=text).require_proposal()
    assert "lead: {column: lead_minutes, unit: min}" in proposal.text


def test_days_that_could_be_months_are_decided_by_their_order(tmp_path: Path) -> None:
    rows = [(f"{t:%d/%m/%Y %H:%M}", 1.5) for t in TIMES]  # the 1st to the 10th of January
    found = source(tmp_path, "time,actual", *rows)
    assert found["valid_time"]["format"] == "%d/%m/%Y %H:%M"


def test_year_month_day_and_hour_in_columns_of_their_own_are_joined(tmp_path: Path) -> None:
    found = source(
        tmp_path, "year,month,day,hour,actual", *((t.year, t.month, t.day, t.hour, 1.5) for t in TIMES)
    )
    assert found["valid_time"]["columns"] == ["year", "month", "day", "hour"]
    assert found["valid_time"]["format"] == "%Y %m %d %H"


def test_times_of_publication_in_utc_may_be_written_earlier_than_local_timestamps(tmp_path: Path) -> None:
    times = mock.hours(count=96)
    known = (times - pd.Timedelta("6h")).strftime("%Y-%m-%dT%H:%M:%SZ")  # 3 h later, in Tokyo
    rows = zip(times.strftime("%Y-%m-%d %H:%M"), known, mock.values(96), strict=True)
    later = zip(
        times.strftime("%Y-%m-%d %H:%M"),
        (times + pd.Timedelta("2D")).strftime("%Y-%m-%dT%H:%M:%SZ"),
        mock.values(96),
        strict=True,
    )
    seen = mock.seen(tmp_path, load_csv=mock.lines("time,published_utc,load", *rows, *later))
    assert mock.only_source(seen)["known"]["column"] == "published_utc"
