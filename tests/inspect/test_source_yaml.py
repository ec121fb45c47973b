"""What a source says, and what it asks at its lines."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tests.inspect import mock


def with_sentinel(sentinel: str, low: float, high: float, every: int = 17) -> str:
    """Hours whose values wander between two bounds, with a sentinel now and then."""
    share = (mock.values(480, 0.0) + 15) / 30
    cells = [f"{low + (high - low) * part:.1f}" for part in share]
    cells[::every] = [sentinel] * len(cells[::every])
    stamps = pd.date_range("2024-01-01", periods=480, freq="h").strftime("%Y-%m-%d %H:%M")
    return mock.lines("time,load", *zip(stamps, cells, strict=True))


@pytest.mark.parametrize(
    ("sentinel", "low", "high"),
    [("-999", 30000, 60000), ("-9999", 30000, 60000), ("-999", 1000, 9990), ("-99.0", 0, 500), ("9999", 0, 5500),
     ("99999", 30000, 60000), ("-9999", -500, 3000)],
)  # fmt: skip
def test_a_sentinel_is_read_as_missing_and_asked_about_whatever_the_scale(
    tmp_path: Path, sentinel: str, low: float, high: float
) -> None:
    seen = mock.seen(tmp_path, load_csv=with_sentinel(sentinel, low, high))
    assert sentinel in mock.only_source(seen)["missing"]
    assert f"{sentinel!r}: far from all other numbers, or far more frequent, so read as missing" in "; ".join(
        mock.questions(seen)
    )
    (table,) = mock.read_back(seen, tmp_path).values()
    assert table["load"].between(low, high).sum() == table["load"].notna().sum()


@pytest.mark.parametrize(
    ("value", "low", "high"), [("9999", 9000, 10500), ("-99.0", -150, 50), ("-999", -1500, 300)]
)
def test_a_number_near_others_that_occurs_now_and_then_is_not_a_sentinel(
    tmp_path: Path, value: str, low: float, high: float
) -> None:
    seen = mock.seen(tmp_path, load_csv=with_sentinel(value, low, high, every=240))
    assert value not in mock.only_source(seen).get("missing", [])


def test_hours_that_cannot_be_read_as_a_clock_are_asked_about(tmp_path: Path) -> None:
    times, load = mock.hours(count=24 * 30), mock.values(24 * 30)
    cells = [chr(ord("a") + hour) for hour in times.hour]
    seen = mock.seen(
        tmp_path,
        load_csv=mock.lines("Date,Hour,Price", *zip(times.strftime("%Y-%m-%d"), cells, load, strict=True)),
    )
    assert "does this column name series, or the hours of the date?" in "; ".join(mock.questions(seen))


def test_forecasts_among_the_names_of_series_are_asked_about(tmp_path: Path) -> None:
    rows = [
        (f"{time:%Y-%m-%dT%H}", kind, value)
        for time, value in zip(mock.hours(), mock.values(24 * 30).tolist(), strict=True)
        for kind in ("Demand", "Day-ahead demand forecast")
    ]
    seen = mock.seen(tmp_path, data_csv=mock.lines("period,type-name,value", *rows))
    assert "`where`" in " ".join(mock.questions(seen))
