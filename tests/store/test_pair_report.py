"""Series that one side names alone are reported, and refused if most are lost; two sources of one value are reported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hindcast.pipeline.errors import AlignmentError
from hindcast.pipeline.raw.ingest import ingest
from hindcast.pipeline.settings.params import check_params
from hindcast.pipeline.store.pack import pack

HOURS = [f"2024-03-{1 + hour // 24:02}T{hour % 24:02}:00Z" for hour in range(288)]


def settings(**changes: Any) -> dict[str, Any]:
    """An hourly forecast in columns and measurements in rows."""
    common = {"group": {"constant": "NY"}, "valid_time": {"column": "time"}}
    forecast = {
        "role": "forecast",
        "files": "forecast.csv",
        "known": {"before_step": "24h"},
        "values": {"load_forecast": {"header": "^(?P<series>[CN].*)$"}},
    }
    measured = {
        "role": "realized",
        "files": "measured.csv",
        "series": {"column": "zone"},
        "known": {"after_step": "1h"},
        "values": {"load": {"column": "mw"}},
    }
    return {
        "raw": {
            "path": "raw",
            "frequency": "1h",
            "sources": {
                "forecast": common | forecast | changes.get("forecast", {}),
                "measured": common | measured,
                **{name: common | forecast | more for name, more in changes.get("more", {}).items()},
            },
        },
        "align": {
            "target": ["load"],
            "published": {"load": "load_forecast"},
            "origin": {"before": "24h"},
            "gaps": {"fill": "2h"},
            "features": {"lags": {"load": ["48h"]}},
        },
        "pack": {"min_coverage": 0.1, **changes.get("pack", {})},
    }


def packed(folder: Path, forecasts: str, zones: str, **changes: Any) -> dict[str, Any]:
    (folder / "raw").mkdir(exist_ok=True)
    cells = [
        ",".join(str(1000 * place + hour % 7) for place, _ in enumerate(forecasts.split(",")))
        for hour in range(288)
    ]
    lines = [f"{time},{cell}\n" for time, cell in zip(HOURS, cells, strict=True)]
    (folder / "raw/forecast.csv").write_text(f"time,{forecasts}\n" + "".join(lines))
    rows = [
        f"{time},{zone},{1000 * place + hour % 7 + 1}\n"
        for place, zone in enumerate(zones.split(","))
        for hour, time in enumerate(HOURS)
    ]
    (folder / "raw/measured.csv").write_text("time,zone,mw\n" + "".join(rows))
    params = check_params(settings(**changes), "test")
    ingest(params, folder)
    return pack(params, folder)


def test_most_series_spelled_differently_are_refused_with_both_lists_and_the_map(tmp_path: Path) -> None:
    with pytest.raises(AlignmentError, match=r"pack\.unmatched_series=accept") as caught:
        packed(tmp_path, "Capitl,Centrl,N.Y.C.", "CAPITL,CENTRL,N.Y.C.")
    (fault,) = caught.value.faults
    assert "2 series without this forecast (NY/CAPITL, NY/CENTRL)" in fault
    assert "2 series never measured (NY/Capitl, NY/Centrl)" in fault
    assert "set map: {CAPITL: Capitl, CENTRL: Centrl}" in fault
    assert "2 of 3 measured series have no sample" in fault


def test_they_are_accepted_on_purpose_and_reported(tmp_path: Path) -> None:
    report = packed(
        tmp_path, "Capitl,Centrl,N.Y.C.", "CAPITL,CENTRL,N.Y.C.", pack={"unmatched_series": "accept"}
    )
    assert "2 series without this forecast" in report["pairs"]["warnings"][0]
    assert report["pairs"]["unmatched"][0]["lost"] == {"count": 2, "first": ["CAPITL", "CENTRL"]}


@pytest.mark.parametrize("field", [{"case": "upper"}, {"map": {"Capitl": "CAPITL", "Centrl": "CENTRL"}}])
def test_names_that_are_made_alike_are_three_series(field: dict[str, Any], tmp_path: Path) -> None:
    report = packed(tmp_path, "Capitl,Centrl,N.Y.C.", "CAPITL,CENTRL,N.Y.C.", forecast={"series": field})
    assert (report["series"], report["steps_seen"]) == (3, 864)
    assert "unmatched" not in report.get("pairs", {})


def test_more_forecasts_than_measurements_are_reported_and_not_refused(tmp_path: Path) -> None:
    report = packed(tmp_path, "C1,C2,C3,C4,C5", "C1,C2")
    assert report["pairs"]["warnings"] == ["load_forecast: 3 series never measured (NY/C3, NY/C4, NY/C5)."]


def test_two_sources_of_one_forecast_are_counted_with_the_one_that_wins(tmp_path: Path) -> None:
    report = packed(tmp_path, "C1,C2", "C1,C2", more={"again": {}})
    assert report["pairs"]["doubled"] == [
        {"group": "NY", "forecast": "load_forecast", "first": "forecast", "second": "again", "steps": 576}
    ]
    assert any("set raw.sources.again.part_of: forecast" in text for text in report["pairs"]["warnings"])


def test_a_group_without_the_published_forecast_of_its_target_is_named(tmp_path: Path) -> None:
    """`published` names a source that has rows in one group only, and the series have no names."""
    (tmp_path / "raw").mkdir()
    values = settings()
    sources = values["raw"]["sources"]
    for name, source in sources.items():
        source |= {"group": {"column": "zone"}, "values": {f"{name}_load": {"column": "mw"}}}
        source.pop("series", None)
        zones = ("north", "south") if name == "measured" else ("north",)
        rows = [f"{time},{zone},{hour % 7}\n" for zone in zones for hour, time in enumerate(HOURS)]
        (tmp_path / "raw" / source["files"]).write_text("time,zone,mw\n" + "".join(rows))
    values["align"] |= {
        "target": ["measured_load"],
        "published": {"measured_load": "forecast.forecast_load"},
        "features": {"forecast": ["forecast.forecast_load"]},
    }
    params = check_params(values, "test")
    ingest(params, tmp_path)
    report = pack(params, tmp_path)
    assert report["groups_without_sequence"] == ["south"]
    assert report["pairs"]["warnings"][0] == "forecast.forecast_load: 1 series without this forecast (south)."
