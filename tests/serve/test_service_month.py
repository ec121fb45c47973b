"""A month in service, day by day, with files cut to each day and real SIGKILLs: the forecasts are those of one call over the month."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

import pandas as pd
import pytest

from hindcast.stages import predict, replay
from tests.serve.conftest import ROOT, STAGES, settings_of

SETTINGS = [
    *settings_of("stateful"),
    *("--set", "simulate.days=80"),
    *("--set", "align.origin={at: '10:00', zone: group, covers: next_day}"),
]  # fmt: skip
FIRST, LAST = pd.Timestamp("2024-11-01", tz="UTC"), pd.Timestamp("2024-11-30", tz="UTC")
WITHOUT = pd.Timestamp("2024-11-12", tz="UTC")  # the day on which the operator's file is absent
RANGE = "2024-11-01..2024-11-30T23:00"
KILLS = 10
_LONGEST = 300  # seconds for one day

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained project whose origins are daily; the operator issued nothing on one day."""
    folder = tmp_path_factory.mktemp("month")
    (folder / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for stage in STAGES:
            assert import_module(f"hindcast.stages.{stage}").main(SETTINGS) == 0
    for file in folder.glob("data/simulated/*/forecast_usage.csv"):
        table = pd.read_csv(file)
        day = pd.to_datetime(table["issued"], utc=True).dt.floor("D")
        table[day != WITHOUT].to_csv(file, index=False)
    return folder


@pytest.fixture(scope="module")
def at_once(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The forecasts of the month by one call."""
    folder = tmp_path_factory.mktemp("once") / "project"
    shutil.copytree(trained, folder)
    _predict_month(folder)
    return folder


def test_killed_ten_times_the_month_is_that_of_one_call(trained: Path, at_once: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    shutil.copytree(trained / "data/simulated", whole)
    folder = Path(shutil.copytree(trained, tmp_path / "project", ignore=shutil.ignore_patterns("simulated")))
    process = _Process(folder, tmp_path / "log")
    try:
        _serve_month(whole, folder, process)
        assert process.end(signal.SIGTERM) == 0, "SIGTERM ends it cleanly"
    finally:
        process.end(signal.SIGKILL)
    served = [line for line in process.log().splitlines() if "-> forecasts" in line]
    lines = [line.split(" of ")[0] for line in served]
    assert len(lines) == len(set(lines)), "one line for each served origin"
    assert lines == sorted(lines)
    assert process.kills == KILLS
    assert _forecasts(folder) == _forecasts(at_once)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert replay.main([f"forecasts/{LAST.strftime('%Y%m%d')}T0900Z.parquet"]) == 0
        assert replay.main([f"forecasts/{FIRST.strftime('%Y%m%d')}T0900Z.parquet"]) == 0


def test_the_day_without_the_operator_falls_back_and_says_so(at_once: Path) -> None:
    table = pd.read_parquet(at_once / "forecasts" / f"{WITHOUT.strftime('%Y%m%d')}T0900Z.parquet")
    assert len(table) == 24 * 6
    without = table[table["method"] != "network"]  # the vintage of the day before reaches into the morning
    assert len(without) > 12 * 6
    assert set(without["method"]) <= {"seasonal_168h", "seasonal_24h", "persistence"}
    assert without["note"].str.contains("usage_forecast").all()
    others = pd.read_parquet(at_once / "forecasts" / f"{LAST.strftime('%Y%m%d')}T0900Z.parquet")
    assert (others["method"] == "network").mean() > 0.9


def test_a_revised_measurement_changes_later_origins_only(
    trained: Path, at_once: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(trained, tmp_path / "project"))
    for file in (folder / "data/simulated").glob("*/usage_*.csv"):
        table = pd.read_csv(file, dtype=str, keep_default_na=False)
        table.loc[table["hour"] == "2024-11-15 12:00", "kwh"] = "55.5"
        table.to_csv(file, index=False)
    _predict_month(folder)
    before, now = _forecasts(at_once), _forecasts(folder)
    changed = sorted(name for name in before if before[name] != now[name])
    assert changed, "a revised value matters"
    assert changed[0] >= "20241116T0900Z.parquet"


def _predict_month(folder: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert predict.main([*SETTINGS, "--origin", RANGE]) == 0


class _Process:
    """`predict --follow` in a folder, started when it is needed."""

    def __init__(self, folder: Path, log: Path) -> None:
        self._folder, self._log, self.kills = folder, log, 0
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        if self._child is None:
            command = [
                sys.executable,
                "-m",
                "hindcast.stages.predict",
                "--follow",
                "--settle",
                "1s",
                *SETTINGS,
            ]
            environment = {**os.environ, "PYTHONPATH": str(ROOT)}
            with self._log.open("ab") as log:
                self._child = subprocess.Popen(
                    command, cwd=self._folder, stdout=log, stderr=log, env=environment
                )

    def end(self, number: int) -> int | None:
        """End the process by a signal, and return its exit code; None if there is none."""
        if self._child is None:
            return None
        self._child.send_signal(number)
        code = self._child.wait(60)
        self._child = None
        return code

    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")


def _serve_month(whole: Path, folder: Path, process: _Process) -> None:
    """Bring the files of each day, and kill the process now and then; wait for the forecast of the day."""
    chance = random.Random(17)
    days = pd.date_range(FIRST, LAST, freq="D")
    kills = sorted(chance.choices(range(len(days)), k=KILLS))
    for number, day in enumerate(days):
        _cut_files(whole, folder / "data/simulated", day + pd.Timedelta("9h"))  # 10:00 in Berlin
        due = folder / "forecasts" / f"{day.strftime('%Y%m%d')}T0900Z.parquet"
        begin, left = time.monotonic(), kills.count(number)
        while left or not (due.is_file() or day == WITHOUT):
            process.start()
            if left:
                time.sleep(chance.uniform(0, 8))
                assert process.end(signal.SIGKILL) == -signal.SIGKILL
                process.kills, left = process.kills + 1, left - 1
            assert time.monotonic() - begin < _LONGEST, process.log()
            time.sleep(0.1)


def _cut_files(whole: Path, into: Path, moment: pd.Timestamp) -> None:
    """Write the files as they were at a moment, all under other names first, and then rename them one after another."""
    ready = []
    for file in sorted(whole.glob("*/*.csv")):
        table = pd.read_csv(file, dtype=str, keep_default_na=False)
        if "issued" in table:
            kept = pd.to_datetime(table["issued"], utc=True) <= moment
        else:
            hours = pd.to_datetime(table["hour"]).dt.tz_localize("Europe/Berlin", ambiguous=True)
            kept = hours + pd.Timedelta("2h") <= moment
        path = into / file.relative_to(whole)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".part")
        table[kept].to_csv(partial, index=False)
        ready.append((partial, path))
    for partial, path in ready:
        partial.replace(path)


def _forecasts(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "forecasts").glob("*.parquet"))}
