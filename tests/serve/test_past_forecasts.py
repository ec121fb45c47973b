"""The intervals of a forecast in service are those of evaluation at the same origin."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hindcast.pipeline.serve import past_forecasts
from hindcast.pipeline.serve.forecaster import ProjectForecaster, open_forecaster
from hindcast.pipeline.serve.replay_forecast import replay_forecast
from hindcast.pipeline.serve.wanted_origins import Wanted
from hindcast.pipeline.settings.params import load_params
from hindcast.stages import evaluate, predict
from tests.serve.conftest import settings_of

SETTINGS = [*settings_of("stateful"), "--set", "evaluate.intervals=[0.5,0.8]"]
NAMES = ["low_50", "high_50", "low_80", "high_80"]


@pytest.fixture(scope="module")
def project(stateful: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(shutil.copytree(stateful, tmp_path_factory.mktemp("intervals") / "project"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert evaluate.main(SETTINGS) == 0
    return folder


def test_intervals_in_service_are_those_of_evaluation(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    evaluated = pd.read_parquet("reports/predictions.parquet").query("split == 'test'")
    spread = float(evaluated["actual"].std())
    forecaster = open_forecaster(load_params("params.yaml", SETTINGS[1::2]), Path())
    origins = np.sort(evaluated["origin"].unique())
    compared = 0
    for origin in (origins[5], origins[len(origins) // 2], origins[-1]):
        wanted = evaluated[evaluated["origin"] == origin].set_index(["group", "series"])
        for part in forecaster.forecast(_wanted(forecaster, pd.Timestamp(origin))):
            assert part.bounds is not None
            for series, value, bounds in zip(part.series, part.value, part.bounds, strict=True):
                row = wanted.loc[(part.group, series)]
                for name, bound in zip(NAMES, bounds.ravel().tolist(), strict=True):
                    moved = row[f"model_{name}"] - row["model"]
                    assert bound - value == pytest.approx(moved, abs=1e-3 * spread)
                compared += 1
    assert compared > 10


def test_the_file_has_the_intervals_and_measurements_after_the_origin_change_none(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(project, tmp_path / "project"))
    monkeypatch.chdir(folder)
    origin = "2024-11-08T12:00Z"
    assert predict.main([*SETTINGS, "--origin", origin]) == 0
    (path,) = Path("forecasts").glob("*.parquet")
    table = pd.read_parquet(path)
    columns = list(table.columns)
    assert columns[columns.index("value") + 1 : columns.index("published")] == NAMES
    assert table[NAMES].notna().all(axis=None)
    assert (table["low_80"] < table["high_80"]).all()
    found = replay_forecast(path.with_name(f"{path.name}.json"), None, lambda _: None)
    assert not found.difference
    assert not found.notes
    for file in Path("data/simulated").glob("*/usage_*.csv"):
        usage = pd.read_csv(file)
        later = pd.to_datetime(usage["hour"]) > pd.Timestamp(
            "2024-11-08T12:00"
        )  # local: an hour before the origin
        usage.loc[later, "kwh"] = (
            (pd.to_numeric(usage["kwh"], errors="coerce") * 3).round(3).astype(str).replace("nan", "")
        )
        usage.to_csv(file, index=False)
    assert predict.main([*SETTINGS, "--origin", origin]) == 0
    assert [each.name for each in Path("forecasts").glob("*.parquet")] == [path.name], "no revision"


def test_delivered_forecasts_count_from_the_last_evaluated_origin_on(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(project, tmp_path / "project"))
    monkeypatch.chdir(folder)
    predictions = pd.read_parquet("reports/predictions.parquet")
    moment = pd.Timestamp("2024-11-08T00:00Z")
    predictions[predictions["origin"] <= moment].to_parquet("reports/predictions.parquet")
    wanted = "2024-11-10T12:00Z"
    params = load_params("params.yaml", SETTINGS[1::2])
    stale = _bounds(params, folder, wanted)
    assert predict.main([*SETTINGS, "--origin", "2024-11-08T01:00Z..2024-11-08T18:00Z"]) == 0
    fresh = _bounds(params, folder, wanted)
    assert (fresh != stale).any(), "errors of delivered forecasts are known by then"
    evaluated = predictions[predictions["origin"] <= pd.Timestamp("2024-11-08T18:00Z")]
    evaluated.to_parquet("reports/predictions.parquet")
    np.testing.assert_allclose(fresh, _bounds(params, folder, wanted), rtol=0.02)


def test_a_range_reads_each_file_once_and_gives_the_forecasts_of_single_calls(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone, together = (Path(shutil.copytree(project, tmp_path / name)) for name in ("alone", "together"))
    predictions = pd.read_parquet(project / "reports/predictions.parquet")
    begin, end = pd.Timestamp("2024-11-08T01:00Z"), pd.Timestamp("2024-11-08T04:00Z")
    for folder in (alone, together):
        predictions[predictions["origin"] < begin].to_parquet(folder / "reports/predictions.parquet")
    monkeypatch.chdir(together)
    read, paths = past_forecasts.PastForecasts._columns_of, list[str]()

    def noted(self: Any, path: Path, target: str) -> Any:
        paths.append(path.name)
        return read(self, path, target)

    monkeypatch.setattr(past_forecasts.PastForecasts, "_columns_of", noted)
    assert predict.main([*SETTINGS, "--origin", f"{begin.isoformat()}..{end.isoformat()}"]) == 0
    assert paths[0] == "predictions.parquet"
    assert len(paths) == len(set(paths)) >= 3, "each file is read once"
    monkeypatch.chdir(alone)
    made = sorted((together / "forecasts").glob("*.parquet"))
    assert len(made) >= 3
    for path in made:
        stamp = pd.Timestamp(path.name.partition(".")[0]).isoformat()
        assert predict.main([*SETTINGS, "--origin", stamp]) == 0
        assert (alone / "forecasts" / path.name).read_bytes() == path.read_bytes()


def test_without_an_evaluation_there_are_no_intervals(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(project, tmp_path / "project"))
    monkeypatch.chdir(folder)
    Path("reports/predictions.parquet").unlink()
    assert np.isnan(_bounds(load_params("params.yaml", SETTINGS[1::2]), folder, "2024-11-10T12:00Z")).all()


def _bounds(params: object, folder: Path, origin: str) -> np.ndarray:
    forecaster = open_forecaster(params, folder)  # type: ignore[arg-type]
    parts = forecaster.forecast(_wanted(forecaster, pd.Timestamp(origin)))
    return np.concatenate([part.bounds for part in parts if part.bounds is not None])


def _wanted(forecaster: ProjectForecaster, origin: pd.Timestamp) -> Wanted:
    (wanted,) = forecaster.origins_in([(origin.value, origin.value)])
    return wanted
