"""A stage runs where the project's key is that of the installed code, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from hindcast.pipeline.errors import SettingsError, VersionError
from hindcast.pipeline.project import code_keys
from hindcast.pipeline.project.code_check import refuse_other_code
from hindcast.pipeline.project.code_keys import STAGES, installed_version
from hindcast.pipeline.project.project_record import CODE_FILE, ProjectRecord, write_code_file, write_record

OTHER = "0" * 16


@pytest.fixture(scope="module")
def keys() -> dict[str, str]:
    return code_keys.code_keys()


def test_nothing_is_checked_in_a_folder_without_keys_and_for_other_commands(tmp_path: Path) -> None:
    for stage in STAGES:
        refuse_other_code(stage, tmp_path)
    (tmp_path / CODE_FILE).write_text("damaged: [", encoding="utf-8")
    refuse_other_code("upgrade", tmp_path)  # the remedy itself
    refuse_other_code("export", tmp_path)


def test_every_stage_runs_with_the_installed_keys(tmp_path: Path, keys: dict[str, str]) -> None:
    write_code_file(tmp_path, keys)
    for stage in STAGES:
        refuse_other_code(stage, tmp_path)


@pytest.mark.parametrize(("part", "words"), [(0, "other code"), (1, "other libraries")])
def test_another_key_stops_its_stage_and_the_check_and_no_other(
    tmp_path: Path, keys: dict[str, str], part: int, words: str
) -> None:
    halves = keys["evaluate"].split("-")
    halves[part] = OTHER
    changed = "-".join(halves)
    write_code_file(tmp_path, keys | {"evaluate": changed})
    write_record(tmp_path, ProjectRecord("0.1.9"))
    for stage in STAGES:
        if stage not in {"check", "evaluate"}:
            refuse_other_code(stage, tmp_path)
    for stage in ("check", "evaluate"):
        with pytest.raises(VersionError) as caught:
            refuse_other_code(stage, tmp_path)
        told = str(caught.value)
        for each in (
            changed,
            keys["evaluate"],
            "hindcast upgrade",
            "hindcast 0.1.9",
            installed_version(),
            words,
        ):
            assert each in told
        assert len(caught.value.faults) == 1


def test_the_check_tells_all_stages_and_libraries_at_once(tmp_path: Path, keys: dict[str, str]) -> None:
    write_code_file(tmp_path, dict.fromkeys(keys, f"{OTHER}-{OTHER}"))
    write_record(tmp_path, ProjectRecord("0.1.9", libraries={"numpy": "0.1", "keras": "0.2"}))
    with pytest.raises(VersionError) as caught:
        refuse_other_code("check", tmp_path)
    faults = caught.value.faults
    assert [fault.partition(":")[0] for fault in faults[: len(STAGES)]] == [*STAGES]
    assert [fault.partition(": ")[2].partition(" ->")[0] for fault in faults[len(STAGES) :]] == [
        "keras 0.2",
        "numpy 0.1",
    ]


def test_a_missing_and_an_unknown_stage_are_named(tmp_path: Path, keys: dict[str, str]) -> None:
    write_code_file(
        tmp_path,
        {stage: key for stage, key in keys.items() if stage != "pack"} | {"polish": f"{OTHER}-{OTHER}"},
    )
    with pytest.raises(VersionError) as caught:
        refuse_other_code("check", tmp_path)
    pack, polish = caught.value.faults
    assert pack == f"pack: code.yaml has no key for it, the installed code has {keys['pack']}"
    assert polish == "polish: code.yaml has a key for it, but the installed version has no such stage"
    with pytest.raises(VersionError, match="no key for it"):
        refuse_other_code("pack", tmp_path)
    refuse_other_code("ingest", tmp_path)


def test_a_half_written_file_stops_every_stage(tmp_path: Path, keys: dict[str, str]) -> None:
    write_code_file(tmp_path, keys)
    path = tmp_path / CODE_FILE
    path.write_text(path.read_text(encoding="utf-8")[:-40], encoding="utf-8")
    with pytest.raises((SettingsError, VersionError)):
        refuse_other_code("check", tmp_path)
    path.write_text("check: 'abc", encoding="utf-8")
    with pytest.raises(SettingsError, match="git checkout"):
        refuse_other_code("ingest", tmp_path)


def test_a_damaged_record_does_not_hide_the_fault(tmp_path: Path, keys: dict[str, str]) -> None:
    write_code_file(tmp_path, keys | {"scale": f"{OTHER}-{OTHER}"})
    (tmp_path / ".hindcast-project.yaml").write_text("damaged: [", encoding="utf-8")
    with pytest.raises(VersionError, match=r"\(see code.yaml\)"):
        refuse_other_code("scale", tmp_path)


def test_without_the_extra_train_the_stages_before_it_run(
    tmp_path: Path, keys: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    present = code_keys._version_of
    monkeypatch.setattr(code_keys, "_version_of", lambda name: None if name == "keras" else present(name))
    write_code_file(tmp_path, keys | {"train": f"{OTHER}-{OTHER}"})
    refuse_other_code("check", tmp_path)
    refuse_other_code("pack", tmp_path)
    refuse_other_code("train", tmp_path)  # it names the extra itself
