"""The folds of a backtest cover its range; replayed as it would have happened, it gives the same bytes after any kill."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.serve.backtest import Replay, fold_begins, newest_measured
from hindcast.pipeline.settings.params import load_params
from tests.examples import examples
from tests.serve.conftest import settings_of

RANGE = ["--from", "2024-11-02", "--to", "2024-11-12", "--retrain", "5d"]


@examples(60)
@given(st.integers(0, 100), st.integers(1, 100), st.integers(1, 50), st.integers(1, 250))
def test_each_origin_lies_in_one_fold(begin: int, length: int, every: int, newest: int) -> None:
    replay = Replay(begin, begin + length, every)
    if begin >= min(begin + length, newest):
        with pytest.raises(SettingsError, match="must begin before it ends"):
            fold_begins(replay, newest)
        return
    begins = fold_begins(replay, newest)
    folds = [range(*span) for span in pairwise(begins)]
    assert [origin for fold in folds for origin in fold] == list(range(begin, min(begin + length, newest)))
    assert all(0 < len(fold) <= every for fold in folds)
    assert all(len(fold) == every for fold in folds[:-1])
    assert fold_begins(Replay(begin, begin + length, None), newest) == [begins[0], begins[-1]]


def test_too_many_trainings_are_an_error() -> None:
    with pytest.raises(SettingsError, match="at most 1,000 trainings"):
        fold_begins(Replay(0, 1001, 1), 2000)


def test_the_newest_measured_value_is_that_of_the_targets(stateful: Path) -> None:
    params = load_params(stateful / "params.yaml", settings_of("stateful")[1::2])
    usage = pd.concat(
        [pd.read_parquet(path) for path in sorted((stateful / "data/tables/meters").glob("*.parquet"))]
    )
    assert newest_measured(params, stateful / "data/tables") == usage["known_time"].max().value


def project(stateful: Path, folder: Path) -> Path:
    """A copy with raw files and settings alone: a backtest needs no other output."""
    folder.mkdir()
    shutil.copytree(stateful / "data/simulated", folder / "data/simulated")
    shutil.copy(stateful / "params.yaml", folder)
    return folder


@pytest.mark.slow
def test_a_backtest_judges_each_origin_by_the_network_of_its_fold(
    stateful: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = project(stateful, tmp_path / "project")
    monkeypatch.chdir(folder)
    stage = import_module("hindcast.stages.backtest")
    words = [*settings_of("stateful"), *RANGE]
    assert stage.main(words) == 0
    shown = capsys.readouterr().out
    assert "usage, skill in MAE over 2 folds: mean" in shown
    table = pd.read_csv("reports/backtest/folds.csv")
    assert list(table["fold"]) == [0, 1]
    rows = pd.read_parquet("reports/backtest/predictions.parquet").query("compared")
    assert rows["origin"].min() >= pd.Timestamp("2024-11-02", tz="UTC")
    assert rows["origin"].max() < pd.Timestamp("2024-11-12", tz="UTC")
    for number, (begin, end) in enumerate((("2024-11-02", "2024-11-07"), ("2024-11-07", "2024-11-12"))):
        own = rows[(rows["origin"] >= begin) & (rows["origin"] < end)]
        error = (own["model"].astype(float) - own["actual"].astype(float)).abs().mean()
        assert table["model_mae"][number] == pytest.approx(error)
        assert table["n"][number] == len(own) > 500
    found = json.loads(Path("reports/backtest/backtest.json").read_text(encoding="utf-8"))
    assert found["targets"]["usage"]["mae_skill"]["worst"] == pytest.approx(table["mae_skill"].min())
    before = files_of(folder)
    assert stage.main(words) == 0
    assert files_of(folder) == before


@pytest.mark.slow
def test_a_backtest_that_is_killed_goes_on_to_the_same_bytes(stateful: Path, tmp_path: Path) -> None:
    whole, killed = (project(stateful, tmp_path / name) for name in ("whole", "killed"))
    words = [sys.executable, "-m", "hindcast.stages.backtest", *settings_of("stateful"), *RANGE]
    subprocess.run(words, cwd=whole, check=True)
    draw = np.random.default_rng(3)
    for seconds in draw.uniform(3, 20, 5):
        program = subprocess.Popen(words, cwd=killed, start_new_session=True)
        time.sleep(float(seconds))
        if program.poll() is None:
            os.kill(program.pid, signal.SIGKILL)
        program.wait()
    subprocess.run(words, cwd=killed, check=True)
    assert files_of(killed) == files_of(whole)


@pytest.mark.slow
def test_new_rows_repeat_the_folds_that_use_them_alone_and_give_what_a_clean_run_gives(
    stateful: Path, tmp_path: Path
) -> None:
    folder = project(stateful, tmp_path / "grown")
    words = [sys.executable, "-m", "hindcast.stages.backtest", *settings_of("stateful"), *RANGE]

    def made() -> dict[str, int]:
        return {
            path.parent.name: path.stat().st_mtime_ns
            for path in (folder / ".hindcast/backtest").glob("*/fit.json")
        }

    def change(since: str) -> None:
        """Other measured values from a local day on."""
        for file in (folder / "data/simulated").glob("*/usage_*.csv"):
            table = pd.read_csv(file, dtype=str)
            later = pd.to_datetime(table["hour"]) >= pd.Timestamp(since)
            assert later.any()
            table.loc[later, "kwh"] = [f"{1 + number % 7}.0" for number in range(later.sum())]
            table.to_csv(file, index=False)

    subprocess.run(words, cwd=folder, check=True)
    first = made()
    assert len(first) == 2
    change("2024-11-08")  # after the first fold, in the second
    subprocess.run(words, cwd=folder, check=True)
    second = made()
    assert len(second.keys() - first.keys()) == 1, "the second fold is made again"
    assert {name: second[name] for name in first} == first, "the first one is not"
    change("2024-11-05")  # in the first fold
    subprocess.run(words, cwd=folder, check=True)
    third = made()
    assert len(third.keys() - second.keys()) == 2, "both are made again"
    clean = tmp_path / "clean"
    clean.mkdir()
    shutil.copytree(folder / "data/simulated", clean / "data/simulated")
    shutil.copy(folder / "params.yaml", clean)
    subprocess.run(words, cwd=clean, check=True)
    report, clean_report = (reports_of(place) for place in (folder, clean))
    assert report == clean_report


def reports_of(folder: Path) -> dict[str, bytes]:
    found = (folder / "reports/backtest").rglob("*")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found if path.is_file()}


def files_of(folder: Path) -> dict[str, bytes]:
    """The report, and the networks and forecasts of all folds."""
    found = [*(folder / "reports/backtest").rglob("*"), *(folder / ".hindcast/backtest").rglob("*.keras")]
    found += (folder / ".hindcast/backtest").rglob("forecasts/*.parquet")
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in found if path.is_file()}
    assert sum(name.endswith(".keras") for name in files) >= 2
    return files
