"""The code of a run is that of this installation or of a commit; otherwise the version to install is named."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from hindcast.pipeline.errors import MissingInputError
from hindcast.pipeline.experiments import replay_code
from hindcast.pipeline.experiments.replay_code import code_environment, find_code, find_networks
from hindcast.pipeline.experiments.run_record import network_files
from tests.project_copy import git

LIBRARIES = {"python": f"{sys.version_info.major}.{sys.version_info.minor}", "numpy": "2.1"}
KEYS = """VALUE = {value!r}


def code_keys(stages):
    return {{stage: VALUE + "-libraries" for stage in stages}}
"""


def a_record(stages: dict[str, str], **changes: Any) -> dict[str, Any]:
    code = {"version": "0.1.0", "stages": stages, "networks": {}}
    return {"code": {**code, **changes}, "libraries": LIBRARIES}


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation whose stages all have the code `now`."""
    monkeypatch.setattr(replay_code, "code_keys", lambda stages: dict.fromkeys(stages, "now-libraries"))
    monkeypatch.setattr(replay_code, "libraries_section", lambda: LIBRARIES)
    monkeypatch.setattr(replay_code, "_PLACE", Path("/nowhere"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    git(folder, "init", "--quiet")
    git(folder, "config", "user.name", "A Tester")
    git(folder, "config", "user.email", "tester@example.invalid")
    return folder


def commit(folder: Path, **files: str) -> str:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "A change")
    return git(folder, "rev-parse", "HEAD").strip()


def commit_code(folder: Path, value: str) -> str:
    """Commit code whose key is `value`, at the place where this repository has its own."""
    (folder / "hindcast").mkdir(exist_ok=True)
    if not (folder / "hindcast/pipeline").is_symlink():
        (folder / "hindcast/pipeline").symlink_to("../pipeline")
        (folder / "hindcast/__init__.py").write_text("")
        (folder / "stages").mkdir()
        (folder / "stages/a.py").write_text("")
    return commit(folder, pipeline__project__code_keys_dot_py=KEYS.format(value=value))


def test_equal_keys_are_the_installed_code(project: Path, tmp_path: Path) -> None:
    found = find_code(a_record({"train": "now-other"}), [project], tmp_path / "code", "")
    assert found.folder is None
    assert not (tmp_path / "code").exists()


def test_the_code_of_a_commit_is_found_and_checked_out_elsewhere(project: Path, tmp_path: Path) -> None:
    hashes = {value: commit_code(project, value) for value in ("one", "two", "three", "now")}
    found = find_code(a_record({"train": "two-libraries"}), [project], tmp_path / "code", "")
    assert found.text == f"that of commit {hashes['two'][:7]}"
    assert found.folder == tmp_path / "code"
    assert "'two'" in (found.folder / "hindcast/pipeline/project/code_keys.py").read_text()
    assert "'now'" in (project / "pipeline/project/code_keys.py").read_text()


def test_the_commit_whose_lock_file_names_the_record_comes_first(project: Path, tmp_path: Path) -> None:
    commit_code(project, "old")
    with_lock = commit(project, dvc_dot_lock="md5: 0123456789abcdef\n")
    commit_code(project, "now")
    assert next(replay_code._commits_with_code(project, "0123456789abcdef")) == with_lock
    assert find_code(
        a_record({"train": "old-x"}), [project], tmp_path / "code", "0123456789abcdef"
    ).text.endswith(with_lock[:7])


def test_code_that_was_never_committed_is_refused(project: Path, tmp_path: Path) -> None:
    commit_code(project, "now")
    with pytest.raises(
        MissingInputError, match=r"No commit .* train differs from the code here.*not committed"
    ):
        find_code(a_record({"ingest": "now-x", "train": "lost-x"}), [project], tmp_path / "code", "")
    assert not (tmp_path / "code").exists()


def test_a_project_of_an_installed_version_is_told_which_one(project: Path, tmp_path: Path) -> None:
    older = commit(
        project,
        code_dot_yaml="ingest: a-1\ntrain: old-1\n",
        requirements_dot_txt="# what hindcast needs\nhindcast[train] @ file:wheels/hindcast-0.1.0-py3-none-any.whl\n",
    )
    commit(
        project,
        code_dot_yaml="ingest: now-1\ntrain: now-1\n",
        requirements_dot_txt="hindcast @ file:wheels/hindcast-0.2.0.whl\n",
    )
    with pytest.raises(MissingInputError) as raised:
        find_code(a_record({"ingest": "a-1", "train": "old-1"}), [project], tmp_path / "code", "")
    text = raised.value.summary
    assert "made with hindcast 0.1.0" in text
    assert f"Commit {older[:7]} has it in its code.yaml" in text
    assert "hindcast[train] @ file:wheels/hindcast-0.1.0-py3-none-any.whl" in text
    assert "0.2.0" not in text
    with pytest.raises(MissingInputError, match=r"made with hindcast 0\.1\.0"):
        find_code(a_record({"train": "unknown-1"}), [project], tmp_path / "code", "")


def test_other_libraries_are_all_named(project: Path, tmp_path: Path) -> None:
    record = {
        **a_record({"train": "now-x"}),
        "libraries": {**LIBRARIES, "numpy": "1.9", "absent-library": "3.1"},
    }
    with pytest.raises(MissingInputError) as raised:
        find_code(record, [project], tmp_path / "code", "")
    assert raised.value.faults == (
        "numpy: 2.1 here, 1.9 in this run",
        "absent-library: not installed here, 3.1 in this run",
    )


def test_the_projects_own_networks_come_from_the_folder_or_a_commit(project: Path, tmp_path: Path) -> None:
    commit(project, networks__own_dot_py="units = 8\n")
    digests = network_files(project)
    assert list(digests) == ["networks/own.py"]
    record = a_record({}, networks=digests)
    find_networks(record, project, tmp_path / "one")
    commit(project, networks__own_dot_py="units = 16\n")
    find_networks(record, project, tmp_path / "two")
    assert [(tmp_path / name / "networks/own.py").read_text() for name in ("one", "two")] == [
        "units = 8\n"
    ] * 2
    with pytest.raises(MissingInputError, match=r"networks/own\.py"):
        find_networks(a_record({}, networks={"networks/own.py": "0" * 64}), project, tmp_path / "three")


def test_a_program_imports_the_code_of_the_folder_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert code_environment(tmp_path)["PYTHONPATH"].startswith(str(tmp_path))
    installed = tmp_path / "site-packages/hindcast"
    installed.mkdir(parents=True)
    for place, wanted in ((tmp_path / "clone", tmp_path / "clone"), (installed, installed)):
        monkeypatch.setattr(replay_code, "_PLACE", place)
        assert code_environment(None)["PYTHONPATH"].split(":")[0] == str(wanted)
    (installed / "__init__.py").write_text("")
    assert code_environment(None)["PYTHONPATH"].split(":")[0] == str(installed.parent)
