"""A delivered forecast is made again from the archive, byte for byte, whatever became of the files; else the first difference is named."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hindcast.pipeline.serve import replay_forecast as module
from hindcast.pipeline.serve.forecast_record import code_part
from hindcast.stages import predict, replay
from tests.serve.conftest import settings_of

ORIGIN = "2024-11-08T12:00Z"
NAME = "forecasts/20241108T1200Z.parquet"


@pytest.fixture
def project(stateful: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of a trained project, with a forecast."""
    folder = Path(shutil.copytree(stateful, tmp_path / "project"))
    monkeypatch.chdir(folder)
    _keep_settings(folder)
    assert predict.main(["--origin", ORIGIN]) == 0
    return folder


def _keep_settings(folder: Path) -> None:
    """Write the settings of the project to its file, so that each command has them."""
    import yaml

    from hindcast.pipeline.settings.params import read_params

    given = read_params(folder / "params.yaml", settings_of("stateful")[1::2])
    (folder / "params.yaml").write_text(yaml.safe_dump(given, sort_keys=False), encoding="utf-8")


def test_the_record_names_what_the_forecast_was_made_from(project: Path) -> None:
    record = json.loads((project / f"{NAME}.json").read_text(encoding="utf-8"))
    assert record["archive"] == dict.fromkeys(record["inputs"], 1)
    assert all(each["rows"] > 100 and len(each["digest"]) == 64 for each in record["inputs"].values())
    assert record["libraries"]["tensorflow"]
    assert record["code"]["key"]
    assert record["created_at"].endswith("Z")
    assert (record["gate"], record["after_gate"]) == (None, False)
    assert b"created_at" not in (project / NAME).read_bytes()


def test_a_forecast_is_replayed_after_the_files_were_overwritten(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for file in Path("data/simulated").glob("*/*.csv"):
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for number, line in enumerate(lines) if number % 3 != 1]
        file.write_text("".join(kept), encoding="utf-8")
    later = pd.Timestamp(ORIGIN) + pd.Timedelta("1h")
    assert predict.main(["--origin", later.isoformat()]) == 0  # a later call, which sees that rows are gone
    before = _files(project)
    capsys.readouterr()
    for name in (f"{NAME}.json", NAME):
        assert replay.main([name]) == 0
        shown = capsys.readouterr().out
        assert "from the archive" in shown
        assert f"Equal: {NAME}, byte for byte." in shown
    assert _files(project) == before, "a replay changes nothing"


def test_without_an_archive_the_raw_files_are_read(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree("archive")
    record = Path(f"{NAME}.json")
    record.write_text(
        json.dumps(json.loads(record.read_text(encoding="utf-8")) | {"archive": {}}), encoding="utf-8"
    )
    capsys.readouterr()
    assert replay.main([NAME]) == 0
    assert "from the raw files" in capsys.readouterr().out
    for file in Path("data/simulated").glob("*/usage*.csv"):
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
        file.write_text("".join(lines[:-500]), encoding="utf-8")
    assert replay.main([NAME]) == 1
    assert "other rows: in the raw files meters has" in capsys.readouterr().out


def test_another_network_is_named(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = project / "models/model.keras"
    path.write_bytes(path.read_bytes() + b" ")
    assert replay.main([NAME]) == 1
    assert "other model: the forecast was made by a network with the digest" in capsys.readouterr().out


def test_other_versions_are_named_where_the_bytes_differ(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = code_part()
    other = {"code": {"version": "9.9", "key": "0000-0000"}, "libraries": now["libraries"] | {"numpy": "9.0"}}
    monkeypatch.setattr(module, "code_part", lambda: other)
    assert replay.main([NAME]) == 0
    assert "Since then: other libraries: numpy" in capsys.readouterr().out
    table = pd.read_parquet(NAME)
    table["value"] += np.arange(len(table)) == 3
    table.to_parquet(NAME)
    assert replay.main([NAME]) == 1
    assert "was changed after it was delivered" in capsys.readouterr().out
    record = Path(f"{NAME}.json")
    content = json.loads(record.read_text(encoding="utf-8"))
    record.write_text(
        json.dumps(content | {"digest": hashlib.sha256(Path(NAME).read_bytes()).hexdigest()}),
        encoding="utf-8",
    )
    assert replay.main([NAME]) == 1
    shown = capsys.readouterr().out
    assert "1 cell of the column value, the first in row 4" in shown
    assert "other code: hindcast" in shown


def test_with_the_archive_off_nothing_is_stored(
    stateful: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shutil.copytree(stateful, tmp_path / "project"))
    assert predict.main([*settings_of("stateful"), "--set", "predict.archive=false", "--origin", ORIGIN]) == 0
    assert not Path("archive").exists()
    record = json.loads(Path(f"{NAME}.json").read_text(encoding="utf-8"))
    assert record["archive"] == {}
    assert record["inputs"]


def _files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for name in ("data", "forecasts", "archive", "models", "reports")
        for path in sorted((folder / name).rglob("*"))
        if path.is_file()
    }
