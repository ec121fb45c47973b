"""Columns become series, values and roles, over all files together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hindcast.pipeline.inspect.heading_patterns import SplitHeading
from hindcast.pipeline.inspect.wide_or_long import ColumnLayout, SourceValue, make_names_unique, name_value
from tests.inspect import mock

TIMES = mock.hours(count=240)
STAMPS = [f"{t:%Y-%m-%d %H:%M}" for t in TIMES]
LOAD = mock.values(len(TIMES)).tolist()


def table(header: str, *columns: list[Any]) -> str:
    """A file of stamps and columns."""
    return mock.lines(f"time,{header}", *zip(STAMPS, *columns, strict=True))


def values(folder: Path, **files: str) -> dict[str, dict[str, Any]]:
    """The proposed values by role."""
    found: dict[str, dict[str, Any]] = {}
    for source in mock.settings(mock.seen(folder, **files))["raw"]["sources"].values():
        found.setdefault(source["role"], {}).update(source["values"])
    return found


def test_a_forecast_is_paired_with_its_measurement_and_the_rest_is_listed(tmp_path: Path) -> None:
    text = table("DE_load,DE_load_fcst,FR_load,FR_load_fcst,DE_price", LOAD, LOAD, LOAD, LOAD, LOAD)
    seen = mock.seen(tmp_path, x_csv=text)
    sources = mock.settings(seen)["raw"]["sources"]
    assert {name: list(source["values"]) for name, source in sources.items()} == {
        "forecast": ["load_forecast"],
        "realized": ["load"],
    }
    assert mock.settings(seen)["raw"]["zone"] == {"DE": "Europe/Berlin", "FR": "Europe/Paris"}
    assert "DE_price" in next(
        line for line in seen.require_proposal().text.splitlines() if "not used" in line
    )


def test_names_of_zones_are_series_where_two_files_have_them(tmp_path: Path) -> None:
    text = table("Coast,North,North_West", LOAD, LOAD[::-1], LOAD)
    found = values(tmp_path, load_actual_csv=text, load_forecast_csv=text)
    assert list(found["realized"]) == ["load"]
    assert list(found["forecast"]) == ["load_forecast"]
    assert "(?P<series>" in found["realized"]["load"]["header"]


def test_a_column_of_names_makes_headings_of_another_file_series(tmp_path: Path) -> None:
    rows = [
        (run, lead, point, 280.5)
        for run in ("2022010100", "2022010112", "2022010200")
        for lead in range(13)
        for point in ("p1", "p2")
    ]
    forecast = mock.lines("run,fhr,point,t2m", *rows)
    found = values(tmp_path, nwp_csv=forecast, obs_csv=table("p1,p2", LOAD, LOAD))
    (header,) = [value["header"] for value in found["realized"].values()]
    assert header == "^(?P<series>(?!time$).+)$"


def test_quantities_side_by_side_are_values(tmp_path: Path) -> None:
    found = values(tmp_path, x_csv=table("temperature (°C),wind_speed (m/s),humidity", LOAD, LOAD, LOAD))
    assert found["realized"] == {
        "temperature": {"column": "temperature (°C)", "unit": "°C"},
        "wind_speed": {"column": "wind_speed (m/s)", "unit": "m/s"},
        "humidity": {"column": "humidity"},
    }


@pytest.mark.parametrize(
    ("name", "role"), [("actual_2020", "realized"), ("prognose", "forecast"), ("day-ahead", "forecast")]
)
def test_the_name_of_a_file_gives_its_role(name: str, role: str, tmp_path: Path) -> None:
    text = table("x_mw", LOAD)
    seen = mock.seen(tmp_path, **{f"{name}_csv": text})
    assert {source["role"] for source in mock.settings(seen)["raw"]["sources"].values()} == {role}


def test_numbers_of_rows_texts_and_attributes_are_not_values(tmp_path: Path) -> None:
    rows = [
        (n, stamp, site, 100 + ord(site), "note", n % 7, value)
        for n, (stamp, site, value) in enumerate(
            (s, site, v) for s, v in zip(STAMPS, LOAD, strict=True) for site in "AB"
        )
    ]
    source = mock.only_source(
        mock.seen(tmp_path, x_csv=mock.lines("id,time,site,capacity_id,remark,weekday,output", *rows))
    )
    assert source["series"] == {"column": "site"}
    assert list(source["values"]) == ["output"]


def test_hours_of_a_day_side_by_side_are_hours_that_end_then(tmp_path: Path) -> None:
    days = [f"2022-{month:02d}-{day:02d}" for month in (1, 2) for day in range(1, 29)]
    text = mock.lines(
        "date," + ",".join(f"h{hour}" for hour in range(1, 25)), *((day, *range(100, 124)) for day in days)
    )
    seen = mock.seen(tmp_path, x_csv=text)
    source = mock.only_source(seen)
    assert source["values"]["value"]["header"] == "^h(?P<time>\\d+)$"
    assert source["valid_time"]["label"] == "hour_ending"
    asked = [asked.question for asked in seen.require_proposal().questions]
    assert any("hours run from 1 to 24" in question for question in asked)


def test_headings_of_any_script_name_values_that_differ(tmp_path: Path) -> None:
    found = values(tmp_path, x_csv=table("负荷 (MW),温度 (°C)", LOAD, LOAD[::-1]))
    assert len(found["realized"]) == 2


def test_headings_that_are_numbers_are_series_and_asked_about(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(1000, 9999, (200, 4))
    stamps = pd.date_range("2024-01-01", periods=200, freq="h").strftime("%Y-%m-%d %H:%M")
    body = [[stamp, *row] for stamp, row in zip(stamps, noise.tolist(), strict=True)]
    seen = mock.seen(tmp_path, flow_csv=mock.lines("timestamp,400001,400017,400030,773869", *body))
    assert "are these headings names of series" in "; ".join(mock.questions(seen))
    (table,) = mock.read_back(seen, tmp_path).values()
    assert set(table["series"].astype(str)) == {"400001", "400017", "400030", "773869"}


def source_value(role: str, name: str, heading: str, unit: str = "MW") -> SourceValue:
    return SourceValue(role, name, unit, {heading: None})


@pytest.mark.parametrize(
    ("role", "base", "by_word", "name"),
    [
        ("forecast", "Load", True, "load_forecast"),
        ("forecast", "load forecast", True, "load_forecast"),
        ("forecast", "load", False, "load"),
        ("realized", "Load [MW]", True, "load_mw"),
        ("realized", "", False, "value"),
    ],
)
def test_the_name_of_a_forecast_says_so_if_a_word_does(
    role: str, base: str, by_word: bool, name: str
) -> None:
    assert name_value(role, base, by_word=by_word) == name


def test_values_that_would_share_a_name_are_distinguished_by_heading_role_and_unit() -> None:
    layouts = make_names_unique(
        [
            ColumnLayout(
                (source_value("realized", "load", "load a"), source_value("realized", "load", "load b"))
            ),
            ColumnLayout((source_value("forecast", "load", "load"),)),
            ColumnLayout((source_value("realized", "load", "load kw", unit="kW"),)),
        ]
    )
    assert [[value.name for value in layout.values] for layout in layouts] == [  # noqa: PD011 (no DataFrame)
        ["load", "load_load_b"],
        ["load_forecast"],
        ["load_load_kw"],
    ]


def test_the_series_of_a_value_are_the_varying_parts_of_its_headings_or_the_headings() -> None:
    splits = {"A_load": SplitHeading("", "A", "_load"), "B_load": SplitHeading("", "B", "_load")}
    assert SourceValue("realized", "load", "", splits).series == ("A", "B")
    assert SourceValue("realized", "load", "", {"A": None, "B": None}, plain=True).series == ("A", "B")
    assert not source_value("realized", "load", "load").wide
    assert source_value("realized", "load", "load").series == ()
