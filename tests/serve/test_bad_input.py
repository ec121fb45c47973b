"""Bad input in service: a named error with nothing written, and no forecast replaced by a worse one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from hindcast.stages import predict

ORIGIN = "2024-11-08T12:00Z"
NO_FALLBACK = ["--set", "predict.fallback=[]"]


@pytest.fixture
def project(stateful: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = Path(shutil.copytree(stateful, tmp_path / "project"))
    monkeypatch.chdir(folder)
    return folder


def _cut(pattern: str, column: str, until: str, zone: str = "UTC") -> None:
    """Leave out the rows of files from a moment on."""
    files = sorted(Path("data/simulated").glob(pattern))
    assert files
    for file in files:
        table = pd.read_csv(file)
        times = pd.to_datetime(table[column])
        times = times.dt.tz_localize(zone, ambiguous=True) if times.dt.tz is None else times
        table[times < pd.Timestamp(until)].to_csv(file, index=False)


def _fails(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Run `predict`, which must fail with a message and write nothing."""
    before = {path: path.read_bytes() for path in Path("forecasts").glob("*")}
    assert predict.main(list(words)) == 1
    text = capsys.readouterr().err
    assert "Traceback" not in text
    assert {path: path.read_bytes() for path in Path("forecasts").glob("*")} == before
    return text


def test_an_origin_before_the_data(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = _fails(capsys, "--origin", "2023-01-01T12:00Z")
    assert "Nothing can be forecast at the origin 2023-01-01T12:00:00Z; no file was written for it." in text
    assert "no row was known then: the earliest one became known at 2024-09-" in text


def test_an_origin_beyond_the_newest_vintage(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = _fails(capsys, "--origin", "2026-01-01T12:00Z")
    assert "the newest row became known at 2024-11-" in text
    assert "more than 28 days before" in text
    text = _fails(capsys, "--origin", "2024-11-20T12:00Z", *NO_FALLBACK)
    assert "values: missing: temperature" in text
    assert "no forecaster in predict.fallback has a value (none is set)" in text


def test_forecast_files_of_tomorrow_that_are_absent(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _cut("*/forecast_*.csv", "issued", "2024-11-06T00:00Z")
    text = _fails(capsys, "--origin", ORIGIN, *NO_FALLBACK)
    assert "6 of 6 values: missing: temperature" in text
    assert predict.main(["--origin", ORIGIN]) == 0
    table = pd.read_parquet("forecasts/20241108T1200Z.parquet")
    assert set(table["method"]) == {"seasonal_168h"}
    assert table["note"].str.startswith("missing: temperature").all()


def test_a_gap_at_the_end_that_is_longer_than_is_filled(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for file in Path("data/simulated").glob("*/forecast_weather.csv"):
        table = pd.read_csv(file)
        late = pd.to_datetime(table["valid"], utc=True) > pd.Timestamp("2024-11-08T08:00Z")
        table.loc[late, "temperature"] = None
        table.to_csv(file, index=False)
    text = _fails(capsys, "--origin", ORIGIN, *NO_FALLBACK)
    assert "6 of 6 values: missing: temperature\n" in text


def test_a_fallback_that_is_too_old_is_not_used(project: Path) -> None:
    _cut("*/usage_*.csv", "hour", "2024-11-05T00:00+01:00", "Europe/Berlin")
    _cut("*/forecast_*.csv", "issued", "2024-11-05T00:00Z")
    fallback = "predict.fallback=[{name: persistence, at_most: 2d}, {name: seasonal_168h, at_most: 8d}]"
    assert predict.main(["--origin", ORIGIN, "--set", fallback]) == 0
    assert set(pd.read_parquet("forecasts/20241108T1200Z.parquet")["method"]) == {"seasonal_168h"}
    assert predict.main(["--origin", ORIGIN, "--replace", "--set", fallback.replace("2d", "20d")]) == 0
    assert set(pd.read_parquet("forecasts/20241108T1200Z.r2.parquet")["method"]) == {"persistence"}


def test_a_later_call_with_fewer_inputs_keeps_the_better_forecast(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict.main(["--origin", ORIGIN]) == 0
    first = Path("forecasts/20241108T1200Z.parquet").read_bytes()
    _cut("game_01/forecast_weather.csv", "issued", "2024-11-06T00:00Z")
    capsys.readouterr()
    assert predict.main(["--origin", ORIGIN]) == 0
    text = capsys.readouterr().out
    assert "stays: 3 values would fall back where it has a better method; --replace writes a revision" in text
    assert Path("forecasts/20241108T1200Z.parquet").read_bytes() == first
    assert len(list(Path("forecasts").glob("*.parquet"))) == 1
    assert predict.main(["--origin", ORIGIN, "--replace"]) == 0
    revision = pd.read_parquet("forecasts/20241108T1200Z.r2.parquet")
    assert set(revision.query("group == 'game_01'")["method"]) == {"published"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("align.origin={before: 5h}", "align.origin: the network was trained with {before: "),
        ("raw.zone=UTC", "raw.zone: the network was trained with Europe/Berlin, the settings have UTC"),
        ("align.features.lead=true", "align.features.lead: the network was trained with false, the settings have true"),
        ("align.gaps.fill=9h", "align.gaps: the network was trained with"),
    ],
)  # fmt: skip
def test_a_network_of_other_settings_is_named_field_by_field(
    change: str, said: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said in _fails(capsys, "--origin", ORIGIN, "--set", change)


@pytest.mark.parametrize("name", ["model.keras", "model.json", "digests.json"])
def test_damaged_files_of_a_network_are_named(
    name: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = Path("models", name)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x15
    path.write_bytes(content)
    assert f"models/{name if name != 'digests.json' else ''}" in _fails(capsys, "--origin", ORIGIN)
    path.unlink()
    assert f"models/{name} is missing" in _fails(capsys, "--origin", ORIGIN)


def test_a_day_is_forecast_with_one_call(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert predict.main(["--day", "2024-11-08", "--to", "csv"]) == 0
    files = sorted(Path("forecasts").glob("*.csv"))
    table = pd.concat([pd.read_csv(file, parse_dates=["valid_time"]) for file in files])
    local = table["valid_time"].dt.tz_convert("Europe/Berlin")
    assert len(files) == 24
    assert len(table) == 24 * 6
    assert set(local.dt.date.astype(str)) == {"2024-11-08"}
    assert "--day and --origin both say" in _fails(capsys, "--day", "2024-11-08", "--origin", ORIGIN)
    assert "--day must be a date" in _fails(capsys, "--day", "soon")


def test_the_record_of_a_forecast_stays_that_of_its_file(project: Path) -> None:
    assert predict.main(["--origin", ORIGIN]) == 0
    record = json.loads(Path("forecasts/20241108T1200Z.parquet.json").read_text())
    assert record["methods"] == {"network": 6}


def test_a_history_that_is_too_short_to_warm_up_is_noted(project: Path) -> None:
    assert predict.main(["--origin", "2024-09-19T12:00Z"]) == 0
    early = pd.read_parquet("forecasts/20240919T1200Z.parquet")
    assert early["note"].str.fullmatch(r"history: \d+ of 240 steps|missing: .*").all()
    assert predict.main(["--origin", ORIGIN]) == 0
    assert not pd.read_parquet("forecasts/20241108T1200Z.parquet")["note"].any()
