"""Files of days with 23, 24 and 25 numbered hours are one source; rows that name quantities are values."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tests.inspect import mock

ZONE = "Europe/Berlin"


def days(first: str, last: str) -> dict[str, pd.DatetimeIndex]:
    """The hours of each local day."""
    found = {}
    for day in pd.date_range(first, last, freq="D"):
        start, end = (pd.Timestamp(each, tz=ZONE) for each in (day, day + pd.Timedelta("1D")))
        found[f"{day:%Y%m%d}"] = pd.date_range(start, end, freq="h", inclusive="left")
    return found


def wide(times: pd.DatetimeIndex, rows: dict[str, float], end: str = ";") -> str:
    head = ";".join(["", *map(str, range(1, len(times) + 1))]) + end
    body = [
        ";".join([name, *(f"{level + n},5" for n in range(len(times)))]) + end for name, level in rows.items()
    ]
    return "\n".join([head, *body]) + "\n"


@pytest.mark.parametrize("end", [";", ""])
@pytest.mark.parametrize(("first", "last"), [("2023-03-25", "2023-03-28"), ("2023-10-27", "2023-10-31")])
def test_rows_of_quantities_in_files_of_two_widths_are_values(
    tmp_path: Path, first: str, last: str, end: str
) -> None:
    found = days(first, last)
    files = {f"P_{day}_csv": wide(times, {"price": 10, "energy": 200}, end) for day, times in found.items()}
    seen = mock.seen(tmp_path, **files)
    tables = mock.read_back(seen, tmp_path)
    expected = [time.value for times in found.values() for time in times.as_unit("ns").tz_convert("UTC")]
    assert len(tables) == 2
    for name, level in (("price", 10.5), ("energy", 200.5)):
        (table,) = (table for table in tables.values() if name in table)
        table = table.sort_values("valid_time")
        assert table["valid_time"].tolist() == expected
        assert table[name].tolist() == [level + n for times in found.values() for n in range(len(times))]


def test_names_of_series_in_files_of_two_widths_are_series(tmp_path: Path) -> None:
    found = days("2023-03-25", "2023-03-28")
    files = {f"load_{day}_csv": wide(times, {"north": 10, "south": 200}, "") for day, times in found.items()}
    seen = mock.seen(tmp_path, **files)
    (table,) = mock.read_back(seen, tmp_path).values()
    assert sorted(set(table["series"])) == ["north", "south"]
    assert len(table) == 2 * (23 + 3 * 24)


def test_days_of_24_hours_in_the_headings_of_files_named_by_the_day(tmp_path: Path) -> None:
    found = days("2023-05-01", "2023-05-04")
    files = {f"load_{day}_csv": wide(times, {"north": 10, "south": 200}, "") for day, times in found.items()}
    seen = mock.seen(tmp_path, **files)
    (table,) = mock.read_back(seen, tmp_path).values()
    assert len(table) == 2 * 4 * 24
    assert "hours run from 1 to 24" in "; ".join(mock.questions(seen))
