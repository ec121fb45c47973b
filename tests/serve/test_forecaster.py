"""What a project's network forecasts in service is what evaluation saw of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hindcast.pipeline.errors import MissingInputError, SettingsError
from hindcast.pipeline.serve.forecaster import ProjectForecaster, open_forecaster
from hindcast.pipeline.serve.wanted_origins import Wanted
from hindcast.pipeline.settings.params import load_params
from hindcast.stages import predict
from tests.serve.conftest import settings_of

HOUR = 3600 * 10**9


@pytest.mark.parametrize(("mode", "tolerance"), [("stateful", 1e-3), ("windows", 1e-5)])
def test_service_forecasts_what_evaluation_predicted(
    mode: str, tolerance: float, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = request.getfixturevalue(mode)
    monkeypatch.chdir(folder)
    evaluated = pd.read_parquet("reports/predictions.parquet").query("split == 'test'")
    spread = evaluated["actual"].std()
    forecaster = open_forecaster(load_params("params.yaml", settings_of(mode)[1::2]), Path())
    origins = np.sort(evaluated["origin"].unique())
    for origin in (origins[0], origins[len(origins) // 2], origins[-1]):
        wanted = evaluated[evaluated["origin"] == origin]
        rows = forecaster.forecast(_origin(forecaster, pd.Timestamp(origin)))
        served = {
            (part.group, series, time): (value, published)
            for part in rows
            for series, time, value, published in zip(
                part.series, part.times, part.value, part.published, strict=True
            )
        }
        assert len(wanted)
        for row in wanted.itertuples():
            value, published = served[row.group, row.series, row.valid_time.value]
            assert abs(value - row.model) <= tolerance * spread
            assert published == np.float32(row.published)


def test_the_newest_origin_is_forecast_and_a_second_run_changes_nothing(
    stateful: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(stateful, tmp_path / "project"))
    monkeypatch.chdir(folder)
    before = _digests(folder)
    assert predict.main(settings_of("stateful")) == 0
    assert "network" in capsys.readouterr().out
    (path,) = Path("forecasts").glob("*.parquet")
    table = pd.read_parquet(path)
    usage = pd.concat([pd.read_csv(file) for file in Path("data/simulated").glob("*/usage_*.csv")])
    assert len(table) == 6
    assert set(table["method"]) == {"network"}
    assert (
        table["valid_time"] > pd.Timestamp(usage["hour"].max()).tz_localize("UTC") - pd.Timedelta("3h")
    ).all()
    assert path.with_name(f"{path.name}.json").is_file()
    first = path.read_bytes()
    assert predict.main(settings_of("stateful")) == 0
    assert "unchanged" in capsys.readouterr().out
    assert path.read_bytes() == first
    assert _digests(folder) == before, "the outputs of stages stay as they are"


def test_a_revised_file_gives_a_revision_beside_the_delivered_forecast(
    stateful: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(stateful, tmp_path / "project"))
    monkeypatch.chdir(folder)
    assert predict.main(settings_of("stateful")) == 0
    (path,) = Path("forecasts").glob("*.parquet")
    first = path.read_bytes()
    for file in Path("data/simulated").glob("*/forecast_market.csv"):
        table = pd.read_csv(file)
        table["activity"] = (pd.to_numeric(table["activity"], errors="coerce") * 0.5).round(1)
        table.to_csv(file, index=False)
    assert predict.main(settings_of("stateful")) == 0
    assert path.read_bytes() == first
    assert sorted(each.name for each in Path("forecasts").glob("*.parquet")) == [
        path.name,
        f"{path.stem}.r2.parquet",
    ]


def test_a_series_without_an_input_falls_back_and_says_so(
    stateful: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(stateful, tmp_path / "project"))
    monkeypatch.chdir(folder)
    origin = pd.Timestamp("2024-11-08T12:00Z")
    for file in Path("data/simulated").glob("game_01/forecast_weather.csv"):
        table = pd.read_csv(file)
        issued = pd.to_datetime(table["issued"], utc=True)
        table[issued < origin - pd.Timedelta(days=3)].to_csv(file, index=False)
    assert predict.main([*settings_of("stateful"), "--origin", origin.isoformat()]) == 0
    table = pd.read_parquet("forecasts/20241108T1200Z.parquet")
    without = table.query("group == 'game_01'")
    assert set(without["method"]) == {"published"}
    assert without["note"].str.startswith("missing: temperature").all()
    assert (without["value"] == without["published"]).all()
    assert set(table.query("group == 'game_02'")["method"]) == {"network"}


def test_an_origin_that_no_step_has_is_an_error_with_its_neighbours(
    stateful: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(stateful)
    forecaster = open_forecaster(load_params("params.yaml", settings_of("stateful")[1::2]), Path())
    with pytest.raises(SettingsError, match="no step is forecast then") as fault:
        _origin(forecaster, pd.Timestamp("2024-10-20T10:30Z"))
    assert "2024-10-20T10:00:00Z" in str(fault.value)
    assert "2024-10-20T11:00:00Z" in str(fault.value)


def test_a_range_has_all_its_origins(stateful: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(stateful)
    forecaster = open_forecaster(load_params("params.yaml", settings_of("stateful")[1::2]), Path())
    first = int(pd.Timestamp("2024-10-20T10:30Z").value)
    found = forecaster.origins_in([(first, first + 3 * HOUR), (first + HOUR, first + 4 * HOUR)])
    assert [each.origin for each in found] == [first + HOUR * count // 2 for count in (1, 3, 5, 7)]
    assert all(each.groups == ("game_01", "game_02") for each in found)


def test_other_features_than_the_network_has_are_named(
    stateful: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(stateful)
    params = load_params("params.yaml", [*settings_of("stateful")[1::2], "align.features.lead=true"])
    with pytest.raises(SettingsError, match=r"features of X: the network has no .*lead"):
        open_forecaster(params, Path())


def test_without_a_network_nothing_is_read(tmp_path: Path) -> None:
    params = load_params(Path(__file__).parents[2] / "params.yaml")
    with pytest.raises(MissingInputError, match=r"model\.json"):
        open_forecaster(params, tmp_path)
    assert not list(tmp_path.iterdir())


def _origin(forecaster: ProjectForecaster, origin: pd.Timestamp) -> Wanted:
    (found,) = forecaster.origins_in([(int(origin.value), int(origin.value))])
    return found


def _digests(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for name in ("data", "reports", "models")
        for path in sorted((folder / name).rglob("*"))
        if path.is_file()
    }
