"""Columns that name rows, and columns of values."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from tests.inspect import mock


def test_a_counter_alone_beside_its_timestamps_is_a_value(tmp_path: Path) -> None:
    stamps = pd.date_range("2024-01-01", periods=200, freq="h").strftime("%Y-%m-%d %H:%M")
    seen = mock.seen(tmp_path, traffic_csv=mock.lines("time,vehicles", *zip(stamps, range(200), strict=True)))
    assert list(mock.only_source(seen)["values"].values()) == [{"column": "vehicles"}]


def test_a_column_of_units_names_no_series(tmp_path: Path) -> None:
    stamps = pd.date_range("2024-01-01", periods=100, freq="h").strftime("%Y-%m-%d %H:%M")
    rows = [(stamp, "MW", 1.5 + place) for place, stamp in enumerate(stamps)]
    seen = mock.seen(tmp_path, load_csv=mock.lines("time,unit,load", *rows))
    assert mock.only_source(seen)["series"] == {"constant": "raw"}


def test_a_column_that_numbers_the_steps_of_the_day_is_no_value(tmp_path: Path) -> None:
    stamps = pd.date_range("2024-01-01", periods=96, freq="h")
    load = mock.values(len(stamps))
    rows = [
        (stamp.strftime("%d-%m-%Y"), stamp.hour + 1, stamp.hour + 1, value)
        for stamp, value in zip(stamps, load, strict=True)
    ]
    seen = mock.seen(tmp_path, load_csv=mock.lines("Date,Hour,SP,load", *rows))
    assert list(mock.only_source(seen)["values"]) == ["load"]
    assert seen.proposal is not None
    assert "not used (numbers the steps of the day): SP" in seen.proposal.text
