"""Why a stage runs again: the reasons are those by which DVC runs it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from hindcast.pipeline.project.code_keys import code_keys
from hindcast.pipeline.project.file_changes import FileChange
from hindcast.pipeline.project.project_graph import project_graph
from hindcast.pipeline.project.project_record import CODE_FILE, ProjectRecord, write_code_file
from hindcast.pipeline.project.rerun_reasons import keys_before, rerun_reasons

OTHER = "0" * 16


@pytest.fixture(scope="module")
def keys() -> dict[str, str]:
    return code_keys()


def locked(folder: Path, keys: dict[str, str]) -> None:
    stages = {
        f"{stage}@games" if stage == "simulate" else stage: {
            "params": {"code.yaml": {stage: key}, "params.yaml": {"seed": 7}}
        }
        for stage, key in keys.items()
    }
    (folder / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": stages}), encoding="utf-8")


def test_no_reason_where_nothing_changed(tmp_path: Path, keys: dict[str, str]) -> None:
    write_code_file(tmp_path, keys)
    assert rerun_reasons(tmp_path, keys, None, None, ProjectRecord()) == {}


def test_the_part_of_a_key_that_changed_is_named(tmp_path: Path, keys: dict[str, str]) -> None:
    code = {stage: f"{OTHER}-{keys[stage].partition('-')[2]}" for stage in ("check", "evaluate")}
    libraries = {"pack": f"{keys['pack'].partition('-')[0]}-{OTHER}"}
    before = keys | code | libraries
    del before["scale"]
    write_code_file(tmp_path, before)
    found = rerun_reasons(
        tmp_path, keys, None, None, ProjectRecord(libraries={"numpy": "0.1", "keras": "0.2"})
    )
    assert [*found] == ["pack", "scale", "evaluate"]  # in the order of stages; `check` runs each time
    assert found["evaluate"] == ["its code changed"]
    assert found["pack"][0].startswith("its libraries changed (numpy 0.1 -> ")
    assert "keras" not in found["pack"][0]
    assert found["scale"] == ["code.yaml had no key for it"]


def test_the_key_of_the_last_run_counts_and_not_the_one_in_the_file(
    tmp_path: Path, keys: dict[str, str]
) -> None:
    write_code_file(tmp_path, dict.fromkeys(keys, f"{OTHER}-{OTHER}"))
    locked(tmp_path, {stage: key for stage, key in keys.items() if stage != "pack"})
    assert keys_before(tmp_path) == keys | {"pack": f"{OTHER}-{OTHER}"}
    assert [*rerun_reasons(tmp_path, keys, None, None, ProjectRecord())] == ["pack"]
    (tmp_path / CODE_FILE).write_text("damaged: [", encoding="utf-8")
    assert rerun_reasons(tmp_path, keys, None, None, ProjectRecord()) == {
        "pack": ["code.yaml had no key for it"]
    }


@pytest.mark.parametrize(
    "text", ["", "[", "stages: 1", "stages: {a: 1, b: {params: 2}, c: {params: {code.yaml: 3}}}"]
)
def test_a_damaged_lock_file_counts_as_none(tmp_path: Path, keys: dict[str, str], text: str) -> None:
    write_code_file(tmp_path, keys)
    (tmp_path / "dvc.lock").write_text(text, encoding="utf-8")
    assert keys_before(tmp_path) == keys


def test_entries_of_the_graph_and_declared_settings_are_compared(
    tmp_path: Path, keys: dict[str, str], root: Path
) -> None:
    write_code_file(tmp_path, keys)
    text = project_graph((root / "dvc.yaml").read_text(encoding="utf-8")).encode()
    assert b"- reports/quality.json" in text
    graph = FileChange("dvc.yaml", text.replace(b"      - reports/quality.json\n", b""), text)
    values = (root / "params.yaml").read_bytes()
    assert b"seed: 7\n" in values
    params = FileChange("params.yaml", values.replace(b"epochs: 20", b"epochs: 21"), values)
    (tmp_path / "dvc.yaml").write_bytes(text)
    assert rerun_reasons(tmp_path, keys, graph, None, ProjectRecord()) == {
        "evaluate": ["its entry in dvc.yaml changes"]
    }
    assert rerun_reasons(tmp_path, keys, None, params, ProjectRecord()) == {
        "train": ["its settings change: train"],
        "evaluate": ["its settings change: train"],
    }
    other = FileChange("params.yaml", values.replace(b"lookback: 168", b"lookback: 24"), values)
    found = rerun_reasons(tmp_path, keys, None, other, ProjectRecord())
    assert [*found] == ["split", "certify", "train", "evaluate"]
    assert found["split"] == ["its settings change: train.lookback"]


@pytest.mark.parametrize(("sets", "stages"), [("[]", ["train"]), ("[games]", ["simulate", "train"])])
def test_a_stage_that_is_not_part_of_the_graph_does_not_run_again(
    tmp_path: Path, keys: dict[str, str], root: Path, sets: str, stages: list[str]
) -> None:
    text = project_graph((root / "dvc.yaml").read_text(encoding="utf-8"))
    assert "set: ${simulate.sets}" in text
    (tmp_path / "dvc.yaml").write_text(text, encoding="utf-8")
    values = f"simulate: {{sets: {sets}, games: 4}}\n"
    (tmp_path / "params.yaml").write_text(values, encoding="utf-8")
    write_code_file(tmp_path, keys | dict.fromkeys(("simulate", "train"), f"{OTHER}-{OTHER}"))
    assert [*rerun_reasons(tmp_path, keys, None, None, ProjectRecord())] == stages
    before = FileChange("params.yaml", b"simulate: {sets: [games]}\n", values.encode())
    assert ("simulate" in rerun_reasons(tmp_path, keys, None, before, ProjectRecord())) == (sets != "[]")
