"""A date and its hour, however written, are one timestamp."""

from __future__ import annotations

from pathlib import Path

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
