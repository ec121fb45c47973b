"""Rows that a column calls forecasts or measurements are two sources."""

from __future__ import annotations

from pathlib import Path

from tests.inspect import mock

LABELS = {"DAM": "Demand Forecast Day Ahead", "ACTUAL": "Total Actual Hourly Load"}


def rows(runs: dict[str, str]) -> list[tuple[object, ...]]:
    times = mock.hours(count=96).strftime("%Y-%m-%dT%H:%M:%SZ")
    return [
        (time, run, area, label, 3.8, round(value * scale, 2))
        for run, label in runs.items()
        for area, scale in (("PGE", 10.0), ("SCE", 12.0))
        for time, value in zip(times, mock.values(96), strict=True)
    ]


def test_a_column_that_names_both_roles_parts_the_rows(tmp_path: Path) -> None:
    seen = mock.seen(tmp_path, x_csv=mock.lines("start,MARKET_RUN_ID,AREA,LABEL,POS,MW", *rows(LABELS)))
    forecast, measured = mock.settings(seen)["raw"]["sources"].values()
    assert (forecast["role"], forecast["where"]) == ("forecast", {"LABEL": LABELS["DAM"]})
    assert (measured["role"], measured["where"]) == ("realized", {"LABEL": LABELS["ACTUAL"]})
    assert mock.settings(seen)["align"]["published"] == {"power": "power_forecast"}
    read = mock.read_back(seen, tmp_path)
    assert {name: len(table) for name, table in read.items()} == {"forecast": 192, "realized": 192}


def test_a_column_with_another_text_names_no_roles(tmp_path: Path) -> None:
    seen = mock.seen(
        tmp_path,
        x_csv=mock.lines("start,MARKET_RUN_ID,AREA,LABEL,POS,MW", *rows({**LABELS, "RTM": "Real time"})),
    )
    assert not any("where" in source for source in mock.settings(seen)["raw"]["sources"].values())
