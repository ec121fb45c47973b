"""A sweep runs what is committed: everything that git lacks is named, before anything runs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hindcast.pipeline.errors import HindcastError, MissingInputError
from hindcast.pipeline.experiments.committed_state import (
    read_baseline,
    refuse_uncommitted,
    run_git,
    tracked_data,
)
from tests.experiments.small_project import make_small_project
from tests.project_copy import git


@pytest.fixture
def project(tmp_path: Path, root: Path) -> Path:
    return make_small_project(tmp_path / "a project", root)


def test_the_baseline_is_the_commit_that_is_checked_out(project: Path) -> None:
    baseline = read_baseline(project)
    assert baseline.revision == git(project, "rev-parse", "HEAD").strip()
    assert (baseline.root, baseline.top, str(baseline.inner)) == (project, project, ".")


def test_a_project_may_lie_below_the_top_of_its_repository(tmp_path: Path, root: Path) -> None:
    project = make_small_project(tmp_path / "repository/inner", root)
    shutil.rmtree(project / ".git")
    git(project.parent, "init", "--quiet")
    git(project.parent, "add", "--all")
    git(project.parent, "-c", "user.name=a", "-c", "user.email=b", "commit", "--quiet", "--message", "All")
    baseline = read_baseline(project)
    assert (baseline.top, str(baseline.inner)) == (project.parent, "inner")
    (project / "conf/new.yaml").touch()
    (project / "stage.py").write_text("", encoding="utf-8")
    with pytest.raises(HindcastError) as caught:
        refuse_uncommitted(baseline, ["stage.py", "code", "../x", "/y"], [])
    assert caught.value.faults == ("stage.py: changed", "conf/new.yaml: new")


def test_everything_that_git_lacks_is_named(project: Path) -> None:
    baseline = read_baseline(project)
    refuse_uncommitted(baseline, ["stage.py", "code", "../x", "/y"], [])
    for name in (
        "params.yaml",
        "dvc.lock",
        "README.md",
        "unrelated.txt",
        "networks/__pycache__/own.pyc",
        "notes/x.py",
    ):
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text("a: 1\n", encoding="utf-8")
    refuse_uncommitted(baseline, ["stage.py", "code", "../x", "/y"], [])  # none of them matters
    (project / "conf/config.yaml").write_text("seed: 1\n", encoding="utf-8")
    (project / "conf/dataset/ä b.yaml").touch()
    (project / "networks/new.py").touch()
    (project / "code").mkdir()
    (project / "code/new.py").touch()
    (project / "networks/own.py").unlink()
    (project / "stage.py").write_text("", encoding="utf-8")
    git(project, "add", "stage.py")
    with pytest.raises(HindcastError, match="git add") as caught:
        refuse_uncommitted(baseline, ["stage.py", "code", "../x", "/y"], [])
    assert caught.value.faults == (
        "conf/config.yaml: changed",
        "networks/own.py: removed",
        "stage.py: changed",
        "code/new.py: new",
        "conf/dataset/ä b.yaml: new",
        "networks/new.py: new",
    )


@pytest.mark.parametrize("missing", ["dvc.yaml", ".dvc/config", "conf/config.yaml"])
def test_a_folder_that_is_no_project_is_an_error(missing: str, project: Path) -> None:
    (project / missing).unlink()
    with pytest.raises(MissingInputError, match=f"{missing} was not found.*git init, dvc init"):
        read_baseline(project)


def test_a_repository_without_a_commit_or_without_the_files_is_an_error(project: Path) -> None:
    git(project, "rm", "--cached", "--quiet", "dvc.yaml")
    git(project, "commit", "--quiet", "--message", "Without")
    with pytest.raises(MissingInputError, match=r"git add dvc\.yaml"):
        read_baseline(project)
    shutil.rmtree(project / ".git")
    with pytest.raises(MissingInputError, match="must be a git repository with a commit"):
        read_baseline(project)
    git(project, "init", "--quiet")
    with pytest.raises(MissingInputError, match="must be a git repository with a commit"):
        read_baseline(project)


def test_git_says_what_failed(project: Path) -> None:
    with pytest.raises(HindcastError, match="git show failed") as caught:
        run_git(project, "show", "no-such-commit")
    assert "no-such-commit" in caught.value.faults[0]


def test_data_are_tracked_by_a_dvc_file_of_the_path_or_above(project: Path) -> None:
    assert tracked_data(project, "data/raw/mine/x") is None
    (project / "data/raw/mine.dvc").touch()
    assert tracked_data(project, "data/raw/mine/x") == "data/raw/mine.dvc"
    assert tracked_data(project, "data/raw/mine") == "data/raw/mine.dvc"
    assert tracked_data(project, "../data/raw/mine") is None
    assert tracked_data(project, str(project / "data/raw/mine")) is None
