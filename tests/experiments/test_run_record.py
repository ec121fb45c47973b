"""The record of a run: digests of everything that made it, the same wherever it was made."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.experiments.run_record import (
    OUTPUTS,
    RECORD,
    UNREAD,
    libraries_section,
    raw_digests,
    read_record,
    settings_section,
    write_record,
)
from hindcast.pipeline.files import read_json, write_json
from hindcast.pipeline.settings.params import Params, check_params, load_params
from hindcast.pipeline.settings.strict_yaml import parse_yaml, yaml_text
from tests.finished_workspace import SETTINGS

LEFT_OUT = {
    "reports/check.json",
    "data/simulated",
    "data/notes/ingest.json",
    "data/notes/pack.json",
    "reports/run.json",
}


@pytest.fixture(scope="module")
def copies(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two copies of the finished workspace in other folders, each with its record."""
    folders = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("two") / "a folder, für alle"
    for folder in folders:
        shutil.copytree(finished, folder, dirs_exist_ok=True)
        write_record(load_params(folder / "params.yaml", SETTINGS), folder, raw_digests(folder))
    return folders


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_two_folders_have_the_same_record_and_it_names_neither(copies: tuple[Path, Path]) -> None:
    texts = [(folder / RECORD).read_text(encoding="utf-8") for folder in copies]
    assert texts[0] == texts[1]
    assert not any(str(folder) in texts[0] for folder in copies)
    assert "/tmp" not in texts[0]


def test_every_file_of_every_output_has_its_digest(copies: tuple[Path, Path]) -> None:
    folder, record = copies[0], read_record(copies[0] / RECORD)
    listed = record["files"]["outputs"]
    assert set(listed) == {name for names in OUTPUTS.values() for name in names}
    for name, files in listed.items():
        path = folder / name
        found = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
        names = {"." if each == path else each.relative_to(path).as_posix(): digest(each) for each in found}
        assert files == names
        summary = record["outputs"][name]
        assert (summary or {"files": 0})["files"] == len(names)
    assert listed["data/packed"]
    assert record["outputs"]["reports/train"] is None  # this workspace has none
    assert record["outputs"]["data/dataset.h5"] == {"files": 1, "digest": digest(folder / "data/dataset.h5")}


def test_raw_files_have_their_digests_without_being_read_again(copies: tuple[Path, Path]) -> None:
    folder, record = copies[0], read_record(copies[0] / RECORD)
    found = {
        path.relative_to(folder / "data/simulated").as_posix(): digest(path)
        for path in (folder / "data/simulated").rglob("*")
        if path.is_file()
    }
    recorded = {name: value for files in record["files"]["raw"].values() for name, value in files.items()}
    assert len(recorded) > 5
    assert recorded.items() <= found.items()
    assert {name: part["files"] for name, part in record["raw"].items()} == {
        name: len(files) for name, files in record["files"]["raw"].items()
    }


def test_a_changed_file_changes_its_digest_and_no_other(copies: tuple[Path, Path], tmp_path: Path) -> None:
    folder = tmp_path / "changed"
    shutil.copytree(copies[0], folder)
    path = folder / "reports/by_series.csv"
    path.write_text(path.read_text() + "\n")
    (folder / "data/tables/.DS_Store").write_text("left by a file manager")
    before = read_record(copies[0] / RECORD)["outputs"]
    after = write_record(load_params(folder / "params.yaml", SETTINGS), folder, raw_digests(folder))[
        "outputs"
    ]
    assert [name for name in before if before[name] != after[name]] == ["reports/by_series.csv"]


def test_the_outputs_are_those_of_dvc_yaml(root: Path) -> None:
    stages = yaml.safe_load((root / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    declared = {
        stage: {next(iter(out)) for kind in ("outs", "metrics") for out in entry.get(kind, [])} - LEFT_OUT
        for stage, entry in stages.items()
    }
    assert {stage: names for stage, names in declared.items() if names} == {
        stage: set(names) for stage, names in OUTPUTS.items()
    }
    deps = {dep for dep in stages["evaluate"]["deps"] if isinstance(dep, str)}
    earlier = {name for stage, names in OUTPUTS.items() if stage != "evaluate" for name in names}
    assert earlier <= deps, "evaluate records outputs on which it does not depend"
    sections = set(Params.model_fields) - UNREAD
    assert sections <= set(stages["evaluate"]["params"]), "it records settings that it does not declare"


@pytest.mark.parametrize("name", ["simulated", "gefcom2012", "ercot", "opsd", "entsoe"])
def test_the_given_settings_read_again_are_the_same_settings(name: str, compose: Any) -> None:
    composed = compose(f"dataset={name}", "train.learning_rate=1e-5")
    params = check_params({key: composed[key] for key in composed if key not in UNREAD}, "params.yaml")
    section = settings_section(params)
    text = yaml_text(section["given"])
    again = check_params(parse_yaml(text, "params.yaml"), "params.yaml")
    assert again == params
    assert set_fields(again) == set_fields(params)
    assert settings_section(again) == section
    assert json.loads(json.dumps(section)) == section


def test_a_default_written_out_changes_no_digest(compose: Any) -> None:
    short = compose("dataset=opsd")
    del short["seed"]
    sections = [settings_section(check_params(each, "params.yaml")) for each in (short, {**short, "seed": 7})]
    assert sections[0]["digest"] == sections[1]["digest"]
    assert sections[0]["given"] != sections[1]["given"]


def test_an_absolute_path_is_recorded_by_its_last_folder(compose: Any) -> None:
    params = check_params(compose("dataset=opsd", "raw.path=/home/somebody/load data"), "params.yaml")
    section = settings_section(params)
    assert section["values"]["raw"]["path"] == section["given"]["raw"]["path"] == "load data"
    assert "somebody" not in json.dumps(section)


def test_libraries_are_those_that_the_stages_import() -> None:
    found = libraries_section()
    assert {"python", "numpy", "pandas", "pyarrow", "h5py", "keras", "tensorflow"} <= set(found)
    assert "dvc" not in found
    assert "pytest" not in found


def test_an_edited_or_foreign_record_is_refused(copies: tuple[Path, Path], tmp_path: Path) -> None:
    text = (copies[0] / RECORD).read_text(encoding="utf-8")
    (tmp_path / "run.json").write_text(text.replace('"data_set": "', '"data_set": "my '))
    with pytest.raises(FormatError, match="does not match the digest in its last line"):
        read_record(tmp_path / "run.json")
    write_json(tmp_path / "other.json", {"format": "hindcast-run/99"})
    with pytest.raises(FormatError, match="hindcast-run/99"):
        read_record(tmp_path / "other.json")


def test_without_a_report_of_ingest_there_are_no_digests_of_raw_files(tmp_path: Path) -> None:
    assert raw_digests(tmp_path) == {}
    write_json(tmp_path / "reports/ingest.json", {"sources": {"a": {"files": {"x.csv": {"rows_read": 1}}}}})
    assert raw_digests(tmp_path) == {"a": {}}  # of a version that noted none
    assert read_json(tmp_path / "reports/ingest.json")


def set_fields(value: Any, path: str = "") -> set[str]:
    """The paths of all fields that were set and not left to their defaults."""
    if isinstance(value, BaseModel):
        own = {f"{path}.{name}" for name in value.model_fields_set}
        return own.union(
            *(set_fields(getattr(value, name), f"{path}.{name}") for name in type(value).model_fields)
        )
    if isinstance(value, dict):
        return set().union(*(set_fields(item, f"{path}.{key}") for key, item in value.items()))
    if isinstance(value, list | tuple):
        return set().union(*(set_fields(item, f"{path}.{at}") for at, item in enumerate(value)))
    return set()
