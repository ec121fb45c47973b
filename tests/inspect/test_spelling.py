"""Series that forecasts and measurements spell differently are asked about, and mapped."""

from __future__ import annotations

from pathlib import Path

from tests.inspect import mock


def rows_of(names: list[str], level: int) -> list[tuple[str, str, int]]:
    times = mock.hours(count=48)
    return [
        (f"{time:%Y-%m-%dT%H:%MZ}", name, 1000 * place + hour + level)
        for hour, time in enumerate(times)
        for place, name in enumerate(names)
    ]


def test_names_that_differ_in_case_are_mapped_and_asked(tmp_path: Path) -> None:
    forecast = mock.lines("time,zone,mw", *rows_of(["Capitl", "N.Y.C.", "West"], 5))
    measured = mock.lines("time,zone,mw", *rows_of(["CAPITL", "N.Y.C.", "WEST"], 0))
    seen = mock.seen(tmp_path, forecast_csv=forecast, measured_csv=measured)
    sources = mock.settings(seen)["raw"]["sources"]
    assert sources["realized"]["series"] == {"column": "zone", "map": {"CAPITL": "Capitl", "WEST": "West"}}
    assert "map" not in sources["forecast"]["series"]
    assert any("are these the same series?" in question for question in mock.questions(seen))
    read = mock.read_back(seen, tmp_path)
    assert set(read["realized"]["series"]) == set(read["forecast"]["series"])


def test_names_that_only_one_side_has_are_asked(tmp_path: Path) -> None:
    forecast = mock.lines("time,zone,mw", *rows_of(["North", "South"], 5))
    measured = mock.lines("time,zone,mw", *rows_of(["North", "Z2"], 0))
    asked = mock.questions(mock.seen(tmp_path, forecast_csv=forecast, measured_csv=measured))
    assert any("only measured: Z2; only forecast: South" in question for question in asked)


def test_equal_names_are_not_asked_about(tmp_path: Path) -> None:
    text = mock.lines("time,zone,mw", *rows_of(["North", "South"], 5))
    asked = mock.questions(mock.seen(tmp_path, forecast_csv=text, measured_csv=text))
    assert not any("same" in question and "series" in question for question in asked)


def test_codes_that_lost_their_zeros_are_mapped(tmp_path: Path) -> None:
    forecast = mock.lines("time,location,mw", *rows_of(["01", "02", "US"], 5))
    measured = mock.lines("time,location,mw", *rows_of(["1", "2", "US"], 0))
    seen = mock.seen(tmp_path, forecast_csv=forecast, measured_csv=measured)
    assert mock.settings(seen)["raw"]["sources"]["realized"]["series"]["map"] == {"1": "01", "2": "02"}
    assert any("are these the same series?" in question for question in mock.questions(seen))
    assert any(what == "pack" and "3 series" in found for what, found in seen.trial.findings)


def test_the_column_that_holds_the_names_of_the_forecasts_names_the_series(tmp_path: Path) -> None:
    states = {"01": "Alabama", "02": "Alaska", "04": "Arizona"}
    forecast = mock.lines("time,location,mw", *rows_of(list(states), 5))
    rows = [(time, states[code], code, value) for time, code, value in rows_of(list(states), 0)]
    measured = mock.lines("time,location_name,fips,mw", *rows)
    seen = mock.seen(tmp_path, forecast_csv=forecast, measured_csv=measured)
    assert mock.settings(seen)["raw"]["sources"]["realized"]["series"] == {"column": "fips"}
    assert any("series are named by fips" in question for question in mock.questions(seen))
    assert any(what == "pack" and "3 series" in found for what, found in seen.trial.findings)
