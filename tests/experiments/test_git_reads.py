"""Files and commits as git has them; no git and no repository are no error."""

from __future__ import annotations

from pathlib import Path

import pytest

from hindcast.pipeline.experiments.git_reads import commits_of, git_bytes, git_file, git_lines
from tests.project_copy import git


def test_files_and_commits_of_a_project_in_a_subfolder(tmp_path: Path) -> None:
    project = tmp_path / "mono/load"
    project.mkdir(parents=True)
    git(tmp_path, "init", "--quiet")
    for text in ("one", "two"):
        (project / "code.yaml").write_text(text)
        git(tmp_path, "add", "--all")
        git(
            tmp_path,
            "-c",
            "user.name=A",
            "-c",
            "user.email=a@example.invalid",
            "commit",
            "--quiet",
            "-m",
            text,
        )
    newest, oldest = commits_of(project, "code.yaml")
    assert git_file(project, newest, "code.yaml") == b"two"
    assert git_file(project, oldest, "code.yaml") == b"one"
    assert git_file(project, oldest, "absent") is None
    assert git_lines(project, "log", "--format=%s") == ["two", "one"]


def test_nothing_is_found_without_a_repository_or_git(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert commits_of(tmp_path, "code.yaml") == []
    monkeypatch.setenv("PATH", "")
    assert git_bytes(tmp_path, "status") is None
