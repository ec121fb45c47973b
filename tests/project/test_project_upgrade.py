"""An upgrade changes what it showed, asks about edited files, and can be killed at any time."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from hindcast.pipeline.errors import BusyError, MissingInputError, SettingsError
from hindcast.pipeline.project import project_upgrade
from hindcast.pipeline.project.code_keys import code_keys, installed_version
from hindcast.pipeline.project.data_set_choice import choose_data_set
from hindcast.pipeline.project.project_record import (
    CODE_FILE,
    RECORD_FILE,
    ProjectRecord,
    digest_of_bytes,
    read_code_file,
    read_record,
    record_project,
    write_code_file,
    write_record,
)
from hindcast.pipeline.project.project_upgrade import Upgrade, plan_upgrade, plan_with

ANSWERS = {"name": "load", "data_set": "simulated"}
OLD = {"README.md": b"old\n", "dvc.yaml": b"stages: {}\n", "gone.txt": b"gone\n", ".dvc/config": b"[core]\n"}


def fresh_of(project: Path) -> dict[str, bytes]:
    """What the installed version writes: some files of another content, one more, one less."""
    config = (project / "conf/config.yaml").read_bytes().replace(b"epochs: 20", b"epochs: 22")
    graph = b"stages:\n  evaluate: {cmd: hindcast evaluate, params: [train]}\n"
    return {
        ".dvc/config": OLD[".dvc/config"],
        "README.md": b"fresh\n",
        "dvc.yaml": graph,
        "more.txt": b"more\n",
        "conf/config.yaml": config,
        "wheels/x.whl": b"PK\0",
    }


@pytest.fixture
def made(project: Path) -> Path:
    """A project as an earlier version made it, and since then nobody edited."""
    written = {**OLD, "conf/config.yaml": (project / "conf/config.yaml").read_bytes()}
    for path, content in written.items():
        (project / path).parent.mkdir(exist_ok=True)
        (project / path).write_bytes(content)
    digests = {path: digest_of_bytes(content) for path, content in written.items()}
    write_record(project, ProjectRecord("0.1.9", ANSWERS, {"numpy": "0.1"}, digests))
    write_code_file(project, dict.fromkeys(code_keys(), f"{'0' * 16}-{'0' * 16}"))
    return project


def planned(project: Path, fresh: dict[str, bytes], *forced: str) -> Upgrade:
    record = read_record(project)
    assert record is not None
    return plan_with(project, record, fresh, forced)


def contents(project: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(project)): path.read_bytes() for path in project.rglob("*") if path.is_file()
    }


def test_unedited_files_are_brought_to_the_installed_version_and_the_second_time_nothing_is_left(
    made: Path,
) -> None:
    fresh = fresh_of(made)
    plan = planned(made, fresh)
    assert plan.is_needed
    assert plan.edited == []
    before = contents(made)
    code, libraries, graph, settings = plan.reasons()["evaluate"]
    assert (code, graph, settings) == (
        "its code changed",
        "its entry in dvc.yaml changes",
        "its settings change: train",
    )
    assert libraries.startswith("its libraries changed (numpy 0.1 -> ")
    assert contents(made) == before  # planning writes nothing
    written = plan.write((), asked=False)
    after = contents(made)
    assert {path: after[path] for path in fresh} == fresh
    assert "gone.txt" not in after
    assert b"epochs: 22" in after["params.yaml"]  # composed from the new conf/
    assert set(written) == {path for path in {*before, *after} if before.get(path) != after.get(path)}
    assert written[-2:] == [str(RECORD_FILE), str(CODE_FILE)]
    assert read_code_file(made) == code_keys()
    record = read_record(made)
    assert record is not None
    assert (record.version, record.answers) == (installed_version(), ANSWERS)
    assert record.libraries["numpy"] != "0.1"
    again = planned(made, fresh)
    assert not again.is_needed
    assert again.reasons() == {}


def test_an_edited_and_a_removed_file_stay_unless_a_person_says_otherwise(made: Path) -> None:
    (made / "README.md").write_bytes(b"mine\n")
    (made / "dvc.yaml").unlink()
    fresh = fresh_of(made)
    plan = planned(made, fresh)
    kept = {change.path for change in plan.edited}
    assert kept == {"README.md", "dvc.yaml"}
    plan.write(kept, asked=False)
    assert (made / "README.md").read_bytes() == b"mine\n"
    assert not (made / "dvc.yaml").exists()
    assert (made / "more.txt").exists()
    unasked = planned(made, fresh)
    assert {change.path for change in unasked.edited} == kept  # nobody was asked yet
    unasked.write({"README.md"}, asked=True)
    assert (made / "dvc.yaml").read_bytes() == fresh["dvc.yaml"]
    assert (made / "README.md").read_bytes() == b"mine\n"
    assert not planned(made, fresh).is_needed  # asked about this text
    newer = {**fresh, "README.md": b"newer\n"}
    assert [change.path for change in planned(made, newer).edited] == ["README.md"]
    forced = planned(made, fresh, "README.md")
    assert forced.edited == []
    forced.write((), asked=False)
    assert (made / "README.md").read_bytes() == b"fresh\n"


def test_a_file_that_is_no_generated_one_cannot_be_replaced(made: Path) -> None:
    with pytest.raises(
        MissingInputError, match=r"READM.md is no file that hindcast generates. Did you mean README.md\?"
    ):
        planned(made, fresh_of(made), "READM.md")


def test_settings_that_were_edited_in_params_yaml_stay(made: Path) -> None:
    path = made / "params.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("seed: 7", "seed: 8"), encoding="utf-8")
    plan = planned(made, fresh_of(made))
    assert plan.params_change() is None
    plan.write((), asked=False)
    assert "seed: 8" in path.read_text(encoding="utf-8")
    assert "epochs: 20" in path.read_text(encoding="utf-8")  # `check` names the difference from conf/


def test_the_chosen_data_set_stays_and_its_settings_are_composed(made: Path) -> None:
    choose_data_set(made, "ercot")
    fresh = fresh_of(made)
    fresh["conf/config.yaml"] = fresh["conf/config.yaml"].replace(
        b"- dataset: ercot", b"- dataset: simulated"
    )
    plan = planned(made, fresh)
    assert plan.edited == []
    plan.write((), asked=False)
    assert "- dataset: ercot" in (made / "conf/config.yaml").read_text(encoding="utf-8")
    assert "name: ercot" in (made / "params.yaml").read_text(encoding="utf-8")
    assert not planned(made, fresh).is_needed


def test_a_file_that_changes_while_a_person_is_asked_stops_the_upgrade(made: Path) -> None:
    plan = planned(made, fresh_of(made))
    (made / "README.md").write_bytes(b"mine, just now\n")
    before = contents(made)
    with pytest.raises(BusyError, match=r"README.md was changed in the meantime"):
        plan.write((), asked=True)
    assert contents(made) == before


def test_without_a_record_every_file_that_differs_is_asked_about(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = fresh_of(made)
    monkeypatch.setattr(project_upgrade, "fresh_files", lambda _: fresh)
    (made / RECORD_FILE).unlink()
    plan = plan_upgrade(made)
    assert {change.path for change in plan.edited} == {"README.md", "dvc.yaml", "conf/config.yaml"}
    assert plan.record.answers == {"name": "a project", "data_set": "simulated"}
    (made / CODE_FILE).unlink()
    with pytest.raises(MissingInputError, match="no project that `hindcast init` made"):
        plan_upgrade(made)


def test_damaged_keys_are_written_again_and_a_damaged_record_stops(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = fresh_of(made)
    monkeypatch.setattr(project_upgrade, "fresh_files", lambda _: fresh)
    plan_upgrade(made).write((), asked=False)
    assert not plan_upgrade(made).is_needed
    for content in ("check: [", "check: a-b\n", "", "<<<<<<< HEAD\n"):
        (made / CODE_FILE).write_text(content, encoding="utf-8")
        plan = plan_upgrade(made)
        assert plan.is_needed
        plan.write((), asked=False)
        assert read_code_file(made) == code_keys()
    (made / RECORD_FILE).write_text("version: [", encoding="utf-8")
    with pytest.raises(SettingsError, match="git checkout"):
        plan_upgrade(made)


def test_the_keys_of_an_unknown_stage_are_removed_and_missing_ones_added(made: Path) -> None:
    fresh = fresh_of(made)
    planned(made, fresh).write((), asked=False)
    keys = code_keys()
    write_code_file(made, {stage: key for stage, key in keys.items() if stage != "scale"} | {"polish": "a-b"})
    plan = planned(made, fresh)
    assert plan.is_needed
    assert plan.reasons() == {"scale": ["code.yaml had no key for it"]}
    assert plan.write((), asked=False) == [str(RECORD_FILE), str(CODE_FILE)]
    assert read_code_file(made) == keys


KILLED = """
import json, os, signal, sys
from pathlib import Path
from dvc.utils.hydra import compose_and_dump  # once, before the children
from hindcast.pipeline.project.project_record import read_record
from hindcast.pipeline.project.project_upgrade import plan_with

replace = os.replace
fresh = {path: text.encode() for path, text in json.loads(sys.stdin.read()).items()}

def upgrade(folder, left):
    def counted(source, target):
        nonlocal left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
        replace(source, target)

    os.replace = counted
    os.chdir(folder)
    plan_with(Path(), read_record(Path()), fresh).write((), asked=False)

ends = []
for left, folder in enumerate(sys.argv[1:]):
    child = os.fork()
    if not child:
        upgrade(folder, left)
        os._exit(0)
    ends.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
print(json.dumps(ends))
"""


def test_a_killed_upgrade_leaves_whole_files_and_the_next_one_does_the_rest(
    made: Path, tmp_path: Path, root: Path
) -> None:
    fresh = fresh_of(made)
    whole = tmp_path / "whole"
    shutil.copytree(made, whole)
    planned(whole, fresh).write((), asked=False)
    before, after = contents(made), contents(whole)
    folders = [tmp_path / f"killed {count}" for count in range(12)]
    for folder in folders:
        shutil.copytree(made, folder)
    texts = json.dumps({path: content.decode() for path, content in fresh.items()})
    done = subprocess.run(
        [sys.executable, "-c", KILLED, *map(str, folders)], input=texts, env={**os.environ, "PYTHONPATH": str(root)},
        text=True, capture_output=True, check=True,
    )  # fmt: skip
    ends = json.loads(done.stdout)
    assert set(ends) == {0, -signal.SIGKILL}
    kills = ends.index(0)
    assert kills > 6
    for folder, end in zip(folders, ends[: kills + 1], strict=False):
        found = contents(folder)
        partial = {path for path in found if path.endswith(".partial")}
        assert all(found[path] in {before.get(path), after.get(path)} for path in found.keys() - partial)
        if end:
            assert found[str(CODE_FILE)] == before[str(CODE_FILE)]  # so the stages still refuse
        plan = planned(folder, fresh)
        assert plan.edited == []
        plan.write((), asked=False)
        finished = contents(folder)
        assert {path: finished[path] for path in finished.keys() - partial} == after


def test_a_new_project_is_recorded_with_the_keys_of_what_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_project(tmp_path, ProjectRecord(answers=ANSWERS, files={"a": "0"}))
    record = read_record(tmp_path)
    assert record is not None
    assert record == replace(
        ProjectRecord(),
        version=installed_version(),
        answers=ANSWERS,
        files={"a": "0"},
        libraries=record.libraries,
    )
    assert read_code_file(tmp_path) == code_keys()
    from hindcast.pipeline.project import code_keys as module

    present = module._version_of
    monkeypatch.setattr(module, "_version_of", lambda name: None if name == "keras" else present(name))
    record_project(tmp_path, ProjectRecord(answers=ANSWERS))
    assert read_code_file(tmp_path) == {
        stage: key for stage, key in code_keys().items() if stage not in {"train", "evaluate"}
    }
