"""Mistakes of users: each gives a clear error and exit code 1, and leaves every previous output unchanged."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

START = datetime(2024, 3, 1, tzinfo=UTC)
DAYS = 40

PARAMS: dict[str, Any] = {
    "raw": {
        "path": "raw",
        "frequency": "1h",
        "zone": "UTC",
        "sources": {
            "weather": {
                "role": "forecast",
                "files": "*/forecast.csv",
                "group": {"path": "^([^/]+)/"},
                "issue_time": {"column": "issued"},
                "valid_time": {"column": "valid"},
                "known": {"at_issue_plus": "0h"},
                "values": {"temperature": {"column": "temp", "unit": "degC"}},
            },
            "usage": {
                "role": "realized",
                "files": "*/usage.csv",
                "group": {"path": "^([^/]+)/"},
                "series": {"column": "customer"},
                "valid_time": {"column": "time"},
                "known": {"after_step": "1h"},
                "values": {"usage": {"column": "kwh", "unit": "kWh"}},
            },
        },
    },
    "align": {
        "target": ["usage"],
        "origin": {"before": "24h"},
        "gaps": {"fill": "2h"},
        "features": {"lags": {"usage": ["48h"]}, "calendar": ["hour"]},
    },
    "pack": {"segment_length": 24, "codec": "gzip"},
}


@dataclass
class Workspace:
    """A folder with raw files and settings in which the first stages have run once."""

    folder: Path
    params: dict[str, Any] = field(default_factory=lambda: copy.deepcopy(PARAMS))

    def run(self, stage: str, *words: str) -> int:
        (self.folder / "params.yaml").write_text(yaml.safe_dump(self.params), encoding="utf-8")
        return int(import_module(f"hindcast.stages.{stage}").main(list(words)))

    def outputs(self) -> dict[str, str]:
        files = [
            path for top in ("data", "reports") for path in (self.folder / top).rglob("*") if path.is_file()
        ]
        return {
            str(path.relative_to(self.folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in files
        }


def _write_raw(folder: Path) -> None:
    hours = [START + timedelta(hours=hour) for hour in range(24 * DAYS)]
    game = folder / "raw" / "game 1"
    game.mkdir(parents=True)
    forecasts = [
        f"{(hour - timedelta(hours=hour.hour + 36)).isoformat()},{hour.isoformat()},{10 + hour.hour % 7}"
        for hour in hours
    ]
    (game / "forecast.csv").write_text("\n".join(["issued,valid,temp", *forecasts, ""]), encoding="utf-8")
    usage = [f"{hour.isoformat()},ann,{hour.hour % 5 + 1}" for hour in hours]
    (game / "usage.csv").write_text("\n".join(["time,customer,kwh", *usage, ""]), encoding="utf-8")


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.chdir(tmp_path)
    _write_raw(tmp_path)
    made = Workspace(tmp_path)
    for stage in ("ingest", "pack", "split"):
        assert made.run(stage) == 0
    return made


def _usage(workspace: Workspace) -> Path:
    return workspace.folder / "raw" / "game 1" / "usage.csv"


def _append(workspace: Workspace, *lines: str) -> None:
    with _usage(workspace).open("a", encoding="utf-8") as stream:
        stream.writelines(f"{line}\n" for line in lines)


def _no_file_matches(workspace: Workspace) -> None:
    workspace.params["raw"]["sources"]["usage"]["files"] = "*/consumption.csv"


def _column_is_absent(workspace: Workspace) -> None:
    workspace.params["raw"]["sources"]["usage"]["values"]["usage"]["column"] = "energy"


def _stamps_are_unreadable(workspace: Workspace) -> None:
    _append(workspace, *(f"the {number}th of May,ann,1" for number in range(100)))


def _rows_conflict(workspace: Workspace) -> None:
    lines = (workspace.folder / "raw" / "game 1" / "forecast.csv").read_text(encoding="utf-8").splitlines()
    doubled = [line.rpartition(",")[0] + ",99" for line in lines[1:100]]
    with (workspace.folder / "raw" / "game 1" / "forecast.csv").open("a", encoding="utf-8") as stream:
        stream.writelines(f"{line}\n" for line in doubled)


def _csv_is_empty(workspace: Workspace) -> None:
    _usage(workspace).write_bytes(b"")


def _file_is_not_text(workspace: Workspace) -> None:
    _usage(workspace).write_bytes(bytes(range(256)) * 40)


def _raw_path_is_absent(workspace: Workspace) -> None:
    workspace.params["raw"]["path"] = "elsewhere"


def _test_part_is_empty(workspace: Workspace) -> None:
    workspace.params["split"] = {"validation": 0.1, "test": "2031-01-01"}


def _origin_forbids_the_lag(workspace: Workspace) -> None:
    workspace.params["align"]["features"]["lags"] = {"usage": ["24h"]}


MISTAKES: list[tuple[Callable[[Workspace], None], str, tuple[str, ...]]] = [
    (_no_file_matches, "ingest", ("usage", "*/consumption.csv")),
    (_column_is_absent, "ingest", ("usage.csv", "energy", "kwh", "customer")),
    (_stamps_are_unreadable, "ingest", ("usage", "th of May", "max_bad_fraction")),
    (_rows_conflict, "ingest", ("weather", "forecast.csv", "duplicates")),
    (_csv_is_empty, "ingest", ("usage.csv", "empty")),
    (_file_is_not_text, "ingest", ("usage.csv", "text")),
    (_raw_path_is_absent, "ingest", ("raw.path", "elsewhere")),
    (_test_part_is_empty, "split", ("test", "empty")),
    (_origin_forbids_the_lag, "pack", ("align.features.lags.usage", "24h", "26h")),
]


@pytest.mark.parametrize(
    ("mistake", "stage", "words"), MISTAKES, ids=[mistake.__name__.strip("_") for mistake, _, _ in MISTAKES]
)
def test_a_mistake_gives_a_short_error_and_leaves_previous_outputs_unchanged(
    mistake: Callable[[Workspace], None],
    stage: str,
    words: tuple[str, ...],
    workspace: Workspace,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = workspace.outputs()
    assert before
    mistake(workspace)
    capsys.readouterr()
    assert workspace.run(stage) == 1
    err = capsys.readouterr().err
    for word in words:
        assert word in err
    assert "Traceback" not in err
    assert len(err.splitlines()) <= 25
    assert workspace.outputs() == before


def test_all_faults_in_the_settings_are_reported_at_once(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    before = workspace.outputs()
    workspace.params["pack"] = {"segment_lenght": 24, "codec": "lzma"}
    workspace.params["raw"]["frequency"] = 1
    workspace.params["align"]["origin"] = {"every": "5h", "from": "1h", "for": "5h"}
    assert workspace.run("pack") == 1
    err = capsys.readouterr().err
    for place, found in (
        ("pack.segment_lenght", "unknown key"),
        ("pack.codec", "lzma"),
        ("raw.frequency", "found 1"),
        ("align.origin", "5h"),
    ):
        assert any(place in line and found in line for line in err.splitlines()), (place, err)
    assert "Traceback" not in err
    assert workspace.outputs() == before


def test_wrong_usage_exits_with_2(workspace: Workspace) -> None:
    assert workspace.run("ingest", "--nonsense") == 2
