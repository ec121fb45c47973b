"""A replay compares every output with the record, names the first difference, and never writes into the workspace."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hindcast.pipeline.errors import FormatError, HindcastError, MissingInputError, SettingsError
from hindcast.pipeline.experiments import replay as module
from hindcast.pipeline.experiments.replay import _levels_up, replay
from hindcast.pipeline.experiments.replay_code import Code
from hindcast.pipeline.experiments.run_record import OUTPUTS, RECORD, raw_digests, read_record, write_record
from hindcast.pipeline.files import write_json
from hindcast.pipeline.settings.params import load_params
from tests.finished_workspace import SETTINGS

Change = Callable[[str, Path], None]
"""Called after each stage of a replay with its name and the folder in which it ran."""


@pytest.fixture
def workspace(finished: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    shutil.copytree(finished, folder)
    write_record(load_params(folder / "params.yaml", SETTINGS), folder, raw_digests(folder))
    return folder


def change_nothing(stage: str, work: Path) -> None:
    pass


class Stages:
    """Takes the place of the programs: each stage copies its outputs of an earlier run, then `change` may change them."""

    def __init__(self, source: Path) -> None:
        self.ran: list[str] = []
        self.source = source
        self.change: Change = change_nothing

    def run(self, stage: str, code: Any, work: Path) -> None:
        self.ran.append(stage)
        assert load_params(work / "params.yaml").seed == 7
        extra = {"simulate": ["data/simulated"], "evaluate": ["reports/run.json"]}
        for name in [*OUTPUTS.get(stage, ()), *extra.get(stage, ())]:
            path = self.source / name
            if path.is_dir():
                shutil.copytree(path, work / name)
            elif path.is_file():
                (work / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, work / name)
        self.change(stage, work)


@pytest.fixture
def stages(workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stages:
    shutil.copytree(workspace, tmp_path / "source")
    made = Stages(tmp_path / "source")
    monkeypatch.setattr(module, "_run_stage", made.run)
    return made


def state(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path): (path.stat().st_mtime_ns, path.stat().st_size)
        for path in folder.rglob("*")
        if path.is_file()
    }


def say_nothing(line: str) -> None:
    pass


def test_equal_outputs_are_equal_and_the_workspace_stays(
    workspace: Path, stages: Stages, tmp_path: Path
) -> None:
    before, lines = state(workspace), list[str]()
    done = replay(str(RECORD), workspace, tmp_path / "again", None, lines.append)
    assert done.difference == ""
    assert stages.ran == ["simulate", *OUTPUTS]
    assert done.files == sum(map(len, read_record(workspace / RECORD)["files"]["outputs"].values())) > 20
    assert [line.split(":")[0] for line in lines] == ["code", *OUTPUTS]
    assert state(workspace) == before
    assert done.folder == tmp_path / "again"


def change_metrics(stage: str, work: Path) -> None:
    if stage == "evaluate":
        path = work / "reports/metrics.json"
        content = json.loads(path.read_text())
        content["test"]["usage"]["model"]["mae"] = 1.25
        path.write_text(json.dumps(content))


def remove_table(stage: str, work: Path) -> None:
    if stage == "ingest":
        next((work / "data/tables").rglob("*.parquet")).unlink()


def add_shard(stage: str, work: Path) -> None:
    if stage == "pack":
        (work / "data/packed/new.h5").write_text("")


def change_raw(stage: str, work: Path) -> None:
    if stage == "ingest":
        path = work / "reports/ingest.json"
        content = json.loads(path.read_text())
        del content["digest"]
        next(iter(next(iter(content["sources"].values()))["files"].values()))["sha256"] = "0" * 64
        write_json(path, content)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (change_metrics, "evaluate: reports/metrics.json differs: field test.usage.model.mae: 1.25, not "),
        (remove_table, "is missing in the replay"),
        (add_shard, "pack: data/packed/new.h5 is new in the replay"),
        (change_raw, "simulate: raw file "),
    ],
)
def test_the_first_difference_is_named_and_ends_the_replay(
    workspace: Path, stages: Stages, tmp_path: Path, change: Change, text: str
) -> None:
    stages.change = change
    done = replay(str(RECORD), workspace, tmp_path / "again", None, say_nothing)
    assert text in done.difference
    last = {"evaluate": "evaluate", "pack": "pack"}.get(done.difference.split(":")[0], "ingest")
    assert stages.ran[-1] == last


def test_an_output_that_was_changed_after_the_run_is_named(
    workspace: Path, stages: Stages, tmp_path: Path
) -> None:
    change_metrics("evaluate", workspace)
    done = replay(str(RECORD), workspace, tmp_path / "again", None, say_nothing)
    assert (
        "reports/metrics.json was changed after the run: field test.usage.model.mae: 1.25, not "
        in done.difference
    )
    assert "The replay is equal to the record in every file" in done.difference


def test_a_file_that_is_gone_is_compared_by_its_digest_alone(
    workspace: Path, stages: Stages, tmp_path: Path
) -> None:
    stages.change = change_metrics
    (workspace / "reports/metrics.json").unlink()
    done = replay(str(RECORD), workspace, tmp_path / "again", None, say_nothing)
    assert "the recorded file is not here any more" in done.difference


def test_a_tampered_record_is_refused(workspace: Path, stages: Stages) -> None:
    path = workspace / RECORD
    path.write_text(path.read_text().replace('"passed": true', '"passed": false'))
    with pytest.raises(FormatError, match="does not match the digest"):
        replay(str(RECORD), workspace, None, None, say_nothing)
    assert not stages.ran


@pytest.fixture
def own_data(workspace: Path) -> Path:
    """The workspace as if its raw files were the user's own."""
    content = read_record(workspace / RECORD)
    for values in ("values", "given"):
        content["settings"][values]["simulate"]["sets"] = []
        content["settings"][values]["raw"]["path"] = "../elsewhere/raw"
    write_json(workspace / RECORD, content)
    shutil.copytree(workspace / "data/simulated", workspace.parent / "elsewhere/raw")
    return workspace


def test_raw_files_are_linked_where_the_settings_expect_them(
    own_data: Path, stages: Stages, tmp_path: Path
) -> None:
    shutil.copyfile(own_data / RECORD, stages.source / RECORD)
    done = replay(str(RECORD), own_data, tmp_path / "again", None, say_nothing)
    assert done.difference == ""
    assert stages.ran == list(OUTPUTS)
    names = read_record(own_data / RECORD)["files"]["raw"]
    placed = [path for path in (tmp_path / "again/elsewhere/raw").rglob("*") if path.is_file()]
    assert len(placed) == len({name for files in names.values() for name in files})


def test_a_changed_raw_file_is_named_before_anything_runs(
    own_data: Path, stages: Stages, tmp_path: Path
) -> None:
    path = next(iter(sorted((own_data.parent / "elsewhere/raw").rglob("forecast_weather.csv"))))
    path.write_text(path.read_text() + "\n")
    with pytest.raises(MissingInputError, match=r"weather: .*forecast_weather\.csv has other contents"):
        replay(str(RECORD), own_data, tmp_path / "again", None, say_nothing)
    assert not stages.ran
    assert not (tmp_path / "again").exists()
    shutil.copyfile(own_data / RECORD, stages.source / RECORD)
    done = replay(str(RECORD), own_data, None, own_data / "data/simulated", say_nothing)  # --raw
    assert done.difference == ""
    shutil.rmtree(done.folder)


@pytest.mark.parametrize(
    ("into", "text"),
    [("workspace/replay", "lies in the current workspace"), ("full", "must be absent or an empty folder"), ("file", "must be absent or an empty")],
)  # fmt: skip
def test_a_folder_that_holds_something_is_refused(
    workspace: Path, stages: Stages, tmp_path: Path, into: str, text: str
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/a").write_text("mine")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(SettingsError, match=text):
        replay(str(RECORD), workspace, tmp_path / into, None, say_nothing)
    assert not stages.ran


@pytest.mark.parametrize("name", ["reports/absent.json", "data"])
def test_a_record_that_is_missing_is_named(workspace: Path, name: str) -> None:
    with pytest.raises(HindcastError, match="is missing"):
        replay(name, workspace, None, None, say_nothing)


def test_a_temporary_folder_is_removed_if_nothing_ran(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "mkdtemp", lambda **_: str(tmp_path / "temporary"))

    def refuse(*_: object) -> None:
        raise MissingInputError("no such code")

    monkeypatch.setattr(module, "find_code", refuse)
    with pytest.raises(MissingInputError, match="no such code"):
        replay(str(RECORD), workspace, None, None, say_nothing)
    assert not (tmp_path / "temporary").exists()


@pytest.mark.parametrize(
    ("path", "levels"), [("data/raw/x", 0), ("../x", 1), ("../../a/x", 2), ("a/../../x", 1), ("a/../x", 0)]
)
def test_levels_above_the_workspace(path: str, levels: int) -> None:
    assert _levels_up(path) == levels


def test_a_stage_that_fails_is_named_with_its_last_lines(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("raw: {}")
    with pytest.raises(FormatError, match=r"The stage ingest failed .*exit code 1") as raised:
        module._run_stage("ingest", Code(None, ""), tmp_path)
    assert any("params.yaml" in line for line in raised.value.faults)
