"""A folder without repository or commit, and files that git does not have, are named with the command that changes it."""

from __future__ import annotations

from pathlib import Path

from hindcast.pipeline.project.data_set_choice import choose_data_set
from hindcast.pipeline.project.doctor.repository_check import check_experiment_files, check_git
from tests.project.own_data_set import write_mine
from tests.project_copy import git


def test_a_folder_without_a_repository_and_one_without_a_commit(tmp_path: Path) -> None:
    found = check_git(tmp_path)
    assert (found.state, found.remedies) == ("wrong", ("git init",))
    assert check_experiment_files(tmp_path).state == "note"
    git(tmp_path, "init", "--quiet")
    found = check_git(tmp_path)
    assert found.state == "wrong"
    assert "no commit" in found.text
    assert "git commit" in found.remedies[0]


def test_a_repository_of_another_user_is_named(sound: Path, monkeypatch) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")  # git's own way to test this
    found = check_git(sound)
    assert found.state == "wrong"
    assert "belongs to another user" in found.text
    assert found.remedies[0].startswith("git config --global --add safe.directory '")


def test_files_that_git_does_not_have_are_named_with_git_add(sound: Path) -> None:
    assert check_experiment_files(sound).state == "ok"
    write_mine(sound, "a.csv")
    (sound / "networks").mkdir()
    (sound / "networks/my own.py").write_text("")
    (sound / "data/raw/mine.dvc").write_text("outs: []\n")
    found = check_experiment_files(sound)
    assert found.state == "wrong"
    assert found.faults == ("conf/dataset/mine.yaml", "data/raw/mine.dvc", "networks/my own.py")
    assert found.remedies == ("git add conf/dataset/mine.yaml data/raw/mine.dvc 'networks/my own.py'",)
    git(sound, "add", "--all")
    assert check_experiment_files(sound).state == "ok"


def test_raw_files_that_only_this_folder_has_are_a_note(sound: Path) -> None:
    write_mine(sound, "a.csv")
    choose_data_set(sound, "mine")
    git(sound, "add", "--all")
    found = check_experiment_files(sound)
    assert (found.state, "data/raw/mine" in found.text) == ("note", True)
    assert found.remedies[0].startswith("dvc add data/raw/mine")
    git(sound, "add", "--force", "data/raw/mine")
    assert check_experiment_files(sound).state == "ok"
