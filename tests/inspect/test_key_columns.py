"""Columns that name rows, and columns of values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
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
    assert "not used (numbers the steps of the day): SP" in seen.require_proposal().text


def test_a_stock_is_a_value_and_neither_the_number_of_a_step_nor_a_series(tmp_path: Path) -> None:
    days = pd.date_range("2022-01-01", periods=400, freq="D").strftime("%Y-%m-%d")
    for name, most in (("small", 49), ("large", 180)):
        stock = np.random.default_rng(3).integers(0, most, 4 * len(days)).tolist()
        rows = [
            (day, store, item, 20 + place % 7, stock[4 * place + 2 * (store == "0040") + (item == "B")])
            for place, day in enumerate(days)
            for store in ("0012", "0040")
            for item in "AB"
        ]
        text = mock.lines("date,store,item,qty_sold,stock_end", *rows)
        seen = mock.seen(tmp_path / name, sales_csv=text)
        source = mock.only_source(seen)
        assert source["group"] == {"column": "store"}
        assert source["series"] == {"column": "item"}
        assert source["valid_time"]["format"] == "iso"
        assert "period" not in source["valid_time"]
        assert {value["column"] for value in source["values"].values()} == {"qty_sold", "stock_end"}


def test_codes_with_zeros_before_them_name_series_whatever_the_heading(tmp_path: Path) -> None:
    stamps = pd.date_range("2024-01-01", periods=100, freq="h").strftime("%Y-%m-%d %H:%M")
    rows = [(stamp, code, 1.5 + place) for place, stamp in enumerate(stamps) for code in ("01", "02", "36")]
    seen = mock.seen(tmp_path, load_csv=mock.lines("time,fips,load", *rows))
    assert mock.only_source(seen)["series"] == {"column": "fips"}
