"""`hindcast.Forecaster`: its examples, and that a forecast from memory is the one from the files."""

from __future__ import annotations

import doctest
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import hindcast
from hindcast.pipeline.errors import MissingInputError, RawDataError, SettingsError
from hindcast.pipeline.serve import group_rows
from hindcast.pipeline.workspace import opened_forecaster
from hindcast.stages import predict

ORIGIN = "2024-11-08T12:00Z"


INTERVALS = ["evaluate.intervals=[0.8]"]


@pytest.fixture(scope="module")
def forecaster(trained: Path) -> hindcast.Forecaster:
    return hindcast.Forecaster(trained)


def test_the_examples_in_the_docstrings_hold(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(trained)
    found = doctest.DocTestFinder(exclude_empty=True).find(
        hindcast.Forecaster, "Forecaster", opened_forecaster
    )
    assert [test.name for test in found if test.examples] == ["Forecaster", "Forecaster.predict"]
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.FAIL_FAST)
    for test in found:
        test.globs |= {
            "hindcast": hindcast,
            "work": hindcast.open(),
            "forecaster": hindcast.Forecaster(),
        }
        report: list[str] = []
        assert runner.run(test, out=report.append).failed == 0, "".join(report)


def test_it_returns_the_columns_and_values_of_the_files(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(trained, tmp_path / "project"))
    monkeypatch.chdir(folder)
    assert predict.main(["--origin", ORIGIN]) == 0
    written = pd.read_parquet("forecasts/20241108T1200Z.parquet")
    made = hindcast.Forecaster().predict(origin=ORIGIN)
    pd.testing.assert_frame_equal(made, written)
    assert predict.main(["--origin", ORIGIN, "--to", "csv", "--set", *INTERVALS]) == 0
    with_intervals = hindcast.Forecaster(params=hindcast.load_params("params.yaml", INTERVALS)).predict(
        origin=ORIGIN
    )
    assert list(with_intervals) == list(pd.read_csv("forecasts/20241108T1200Z.csv"))
    assert len(list(with_intervals)) > len(list(made))
    assert [path.name for path in Path("forecasts").glob("*.parquet")] == ["20241108T1200Z.parquet"]


def test_rows_from_memory_give_the_same_forecast(trained: Path, forecaster: hindcast.Forecaster) -> None:
    known = hindcast.open(trained).as_known(ORIGIN)
    from_files = forecaster.predict(origin=ORIGIN)
    assert len(from_files) == 6
    pd.testing.assert_frame_equal(forecaster.predict(known, ORIGIN), from_files)
    shuffled = {
        name: frame.sample(frac=1, random_state=3).drop(columns="known_time") for name, frame in known.items()
    }
    later = {
        name: frame.assign(valid_time=frame["valid_time"].dt.tz_convert("Asia/Tokyo"))
        for name, frame in shuffled.items()
    }
    pd.testing.assert_frame_equal(forecaster.predict(later, pd.Timestamp(ORIGIN)), from_files)


def test_without_an_origin_the_newest_one_is_forecast(trained: Path, forecaster: hindcast.Forecaster) -> None:
    newest = forecaster.predict()
    known = hindcast.open(trained).as_known("2100-01-01")
    pd.testing.assert_frame_equal(forecaster.predict(known), newest)
    assert set(newest["method"]) == {"network"}


def test_a_second_forecast_reads_no_table_and_opens_no_network(
    trained: Path, forecaster: hindcast.Forecaster, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = forecaster.predict(origin=ORIGIN)

    def refuse(*_: object) -> None:
        raise AssertionError("nothing has changed")

    monkeypatch.setattr(group_rows, "read_table", refuse)
    monkeypatch.setattr(
        "hindcast.pipeline.raw.source_ingest.read_files", lambda files, *_: refuse() if files else []
    )
    monkeypatch.setattr("hindcast.pipeline.learn.saving.load_network", refuse)
    pd.testing.assert_frame_equal(forecaster.predict(origin=ORIGIN), first)


def test_new_rows_and_a_new_network_are_noticed(trained: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(trained, tmp_path / "project"))
    forecaster = hindcast.Forecaster(folder)
    first = forecaster.predict(origin=ORIGIN)
    for file in (folder / "data/simulated").glob("game_01/forecast_market.csv"):
        table = pd.read_csv(file)
        table["activity"] = (pd.to_numeric(table["activity"], errors="coerce") * 0.5).round(1)
        table.to_csv(file, index=False)
    second = forecaster.predict(origin=ORIGIN)
    changed = (first["value"] != second["value"]).to_numpy()
    assert changed[first["group"] == "game_01"].all()
    assert not changed[first["group"] == "game_02"].any()
    (folder / "models/model.keras").write_bytes(b"damaged")
    with pytest.raises(hindcast.HindcastError, match=r"model\.keras"):
        hindcast.Forecaster(folder).predict(origin=ORIGIN)


def test_faults_of_frames_and_origins_are_named(trained: Path, forecaster: hindcast.Forecaster) -> None:
    with pytest.raises(RawDataError, match="meters: the frames lack this source"):
        forecaster.predict({"weather": pd.DataFrame()}, ORIGIN)
    with pytest.raises(SettingsError, match=r"2024-10-20T10:30:00Z: the origins next to it are"):
        forecaster.predict(origin="2024-10-20T10:30Z")
    with pytest.raises(ValueError, match="origin must be a moment"):
        forecaster.predict(origin="tomorrow")
    with pytest.raises(MissingInputError, match=r"model\.json"):
        hindcast.Forecaster(trained / "data", forecaster.params)
    assert np.isfinite(forecaster.predict(origin=ORIGIN)["value"]).all()
