"""Files of one source that differ in what their timestamps mark are seen, asked about and read each in its way."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tests.inspect import mock

QUARTERS = pd.Timedelta("15min")


def month(number: int, shift: pd.Timedelta, step: str, zone: str = "") -> tuple[pd.DatetimeIndex, str]:
    """The steps of a month, and a file whose timestamps are `shift` after their starts."""
    first = pd.Timestamp(f"2024-{number:02d}-01")
    times = pd.date_range(first, first + pd.DateOffset(months=1), freq=step, inclusive="left")
    stamps = (times + shift).strftime("%Y-%m-%d %H:%M") + zone
    return times, mock.lines("time,load_mw", *zip(stamps, mock.values(len(times)).tolist(), strict=True))


@pytest.mark.parametrize("step", ["15min", "h"])
@pytest.mark.parametrize("ends", [(2, 3), (1,), (1, 3)])
def test_files_with_other_labels_are_a_part_of_the_source(
    ends: tuple[int, ...], step: str, tmp_path: Path
) -> None:
    late, none = pd.Timedelta(1, "h") if step == "h" else QUARTERS, pd.Timedelta(0)
    months = {number: month(number, late if number in ends else none, step) for number in (1, 2, 3)}
    seen = mock.seen(tmp_path, **{f"load_2024-{number}_csv": text for number, (_, text) in months.items()})
    sources = mock.settings(seen)["raw"]["sources"]
    (whole, first), (_, second) = sources.items()
    assert second["part_of"] == whole
    assert "part_of" not in first
    assert ("label" in first["valid_time"], second["valid_time"]["label"]) == (False, "end")
    (table,) = mock.read_back(seen, tmp_path).values()
    expected = months[1][0].append([months[2][0], months[3][0]])
    assert list(pd.DatetimeIndex(table["valid_time"].sort_values().astype("datetime64[ns]"))) == list(
        expected
    )
    assert any("and its end in the others?" in question for question in mock.questions(seen))
    assert any(what == "pack" and "1 series" in found for what, found in seen.trial.findings)


def test_timestamps_with_an_offset_are_asked_about_only(tmp_path: Path) -> None:
    months = {number: month(number, pd.Timedelta(number % 2, "h"), "h", "Z")[1] for number in (1, 2, 3)}
    seen = mock.seen(tmp_path, **{f"load_2024-{number}_csv": text for number, text in months.items()})
    assert "part_of" not in mock.only_source(seen)
    assert any("do some files mark the end" in question for question in mock.questions(seen))


def test_files_with_one_label_are_one_source(tmp_path: Path) -> None:
    files = {f"load_2024-{number}_csv": month(number, QUARTERS, "15min")[1] for number in (1, 2, 3)}
    seen = mock.seen(tmp_path, **files)
    assert mock.only_source(seen)["valid_time"]["label"] == "end"


def test_hours_of_a_last_day_with_23_of_them_may_number_steps(tmp_path: Path) -> None:
    rows = [
        (f"2021100{day}", hour, 5.5 + hour) for day in (1, 2, 3) for hour in range(1, 24 if day == 3 else 25)
    ]
    seen = mock.seen(tmp_path, load_csv=mock.lines("Datum,SP,load", *rows))
    (asked,) = (text for text in mock.questions(seen) if "hours run from 1 to 24" in text)
    assert (
        "If clocks change on 2021-10-03, which has the numbers 1 to 23, they number the steps of each day"
        in asked
    )
    assert "write `period: {column: SP, length: 1h}`" in asked
