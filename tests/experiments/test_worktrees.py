"""A worktree has what a run needs at the same relative places, and goes away completely."""

from __future__ import annotations

from pathlib import Path

import pytest

from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.experiments.committed_state import read_baseline
from hindcast.pipeline.experiments.worktrees import READY, Needs, SharedCache, Worktree, Worktrees
from tests.experiments.small_project import make_small_project
from tests.project_copy import git

KEY, OTHER = "a" * 64, "b" * 64


def trees_of(project: Path) -> Worktrees:
    cache = SharedCache(project / ".dvc/cache", "copy")
    return Worktrees(read_baseline(project), project / ".hindcast/sweeps/s/trees", cache)


def needs(raw: str, *others: str) -> Needs:
    return Needs("seed: 1\n", "stages: {}\n", raw, (raw, *others))


def registered(project: Path) -> int:
    return git(project, "worktree", "list", "--porcelain").count("worktree ")


@pytest.mark.parametrize(
    "raw", ["data/raw/mine", "elsewhere/x", "../beside/x", "../../far/x", "../a project/y"]
)
def test_raw_data_are_at_the_same_relative_path(raw: str, tmp_path: Path, root: Path) -> None:
    project = make_small_project(tmp_path / "one/two/a project", root, raw)
    git(project, "rm", "-r", "--quiet", "--cached", ".", "--ignore-unmatch")
    git(project, "add", "--all", ":!elsewhere", ":!y")
    git(project, "commit", "--quiet", "--allow-empty", "--message", "Without raw data")
    tree = trees_of(project).open(KEY, needs(raw))
    assert sorted(path.name for path in (tree.project / raw).iterdir()) == ["a.csv", "b.csv"]
    assert (tree.project / "params.yaml").read_text(encoding="utf-8") == "seed: 1\n"
    assert (tree.project / "dvc.lock").read_text(encoding="utf-8") == "stages: {}\n"
    assert tree.project.resolve().is_relative_to(tree.folder.resolve())
    trees_of(project).remove(KEY)
    assert not tree.folder.exists()
    assert registered(project) == 1
    assert sorted(path.name for path in (project / raw).iterdir()) == [
        "a.csv",
        "b.csv",
    ]  # only links were removed


def test_of_a_folder_that_git_brings_the_other_files_are_linked(tmp_path: Path, root: Path) -> None:
    project = make_small_project(tmp_path / "project", root)
    git(project, "add", "--force", "data/raw/mine/a.csv")
    git(project, "commit", "--quiet", "--message", "One raw file")
    tree = trees_of(project).open(KEY, needs("data/raw/mine"))
    assert (tree.project / "data/raw/mine/b.csv").is_symlink()
    assert not (tree.project / "data/raw/mine/a.csv").is_symlink()
    assert (tree.project / "data/raw/mine/b.csv").read_bytes() == (
        project / "data/raw/mine/b.csv"
    ).read_bytes()


def test_data_with_a_dvc_file_are_left_to_dvc(tmp_path: Path, root: Path) -> None:
    project = make_small_project(tmp_path / "project", root)
    (project / "data/raw/mine.dvc").write_text("outs: []\n", encoding="utf-8")
    git(project, "add", "--force", "data/raw/mine.dvc")
    git(project, "commit", "--quiet", "--message", "Tracked by DVC")
    tree = trees_of(project).open(KEY, needs("data/raw/mine"))
    assert not (tree.project / "data/raw/mine").exists()


def test_the_local_configuration_is_copied_with_the_shared_cache(tmp_path: Path, root: Path) -> None:
    project = make_small_project(tmp_path / "project", root)
    local = project / ".dvc/config.local"
    local.write_text(
        "['remote \"ours\"']\n    url = /x y\n    password = a%b=c\n[cache]\n    dir = other\n",
        encoding="utf-8",
    )
    tree = trees_of(project).open(KEY, needs("data/raw/mine"))
    made = (tree.project / ".dvc/config.local").read_text(encoding="utf-8")
    assert "['remote \"ours\"']\nurl = /x y\npassword = a%b=c\n" in made
    assert f"dir = {project}/.dvc/cache\n" in made
    assert "type = copy\n" in made
    local.write_text("no section\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"config\.local cannot be copied"):
        trees_of(project).open(OTHER, needs("data/raw/mine"))


def test_a_stopped_run_continues_in_its_worktree_without_old_locks(tmp_path: Path, root: Path) -> None:
    project = make_small_project(tmp_path / "project", root)
    trees = trees_of(project)
    first = trees.open(KEY, needs("data/raw/mine"))
    assert first.is_new
    (first.project / "half").touch()
    assert trees.open(KEY, needs("data/raw/mine")).is_new  # it was never ready: made again
    assert not (first.project / "half").exists()
    (first.folder / READY).touch()
    (first.project / "half").touch()
    (first.project / ".dvc/tmp").mkdir(exist_ok=True)
    (first.project / ".dvc/tmp/rwlock").write_text("{", encoding="utf-8")
    git_folder = Path(git(first.project, "rev-parse", "--absolute-git-dir").strip())
    (git_folder / "index.lock").touch()
    again = trees.open(KEY, needs("data/raw/mine"))
    assert again == Worktree(first.folder, first.project, is_new=False)
    assert (first.project / "half").exists()
    assert not (first.project / ".dvc/tmp/rwlock").exists()
    assert not (git_folder / "index.lock").exists()


@pytest.mark.parametrize("state", ["file", "folder", "link", "broken", "gone"])
def test_whatever_is_in_its_place_is_replaced(state: str, tmp_path: Path, root: Path) -> None:
    project = make_small_project(tmp_path / "project", root)
    trees = trees_of(project)
    made = trees.open(KEY, needs("data/raw/mine"))
    if state in {"file", "folder", "link"}:
        trees.remove(KEY)
    if state == "file":
        made.folder.touch()
    elif state == "folder":
        (made.folder / "tree/x").mkdir(parents=True)
    elif state == "link":
        made.folder.symlink_to(tmp_path)
    elif state == "broken":
        (made.project / ".git").write_text("gitdir: /nowhere", encoding="utf-8")
        (made.folder / READY).touch()
    else:
        made.folder.rename(tmp_path / "moved away")
    again = trees.open(KEY, needs("data/raw/mine"))
    assert again.is_new
    assert (again.project / "stage.py").is_file()
    assert registered(project) == 2
    assert project.is_dir()


def test_worktrees_of_other_keys_are_removed_and_no_others(tmp_path: Path, root: Path) -> None:
    project = make_small_project(tmp_path / "project", root)
    trees = trees_of(project)
    git(project, "worktree", "add", "--quiet", "--detach", str(tmp_path / "of the user"))
    kept, gone = trees.open(KEY, needs("data/raw/mine")), trees.open(OTHER, needs("data/raw/mine"))
    assert trees.remove_others({KEY}) == 1
    assert kept.folder.exists()
    assert not gone.folder.exists()
    assert registered(project) == 3
    assert trees.remove_others(set()) == 1
    assert (tmp_path / "of the user/stage.py").is_file()


def test_hooks_of_the_user_do_not_run(tmp_path: Path, root: Path) -> None:
    project = make_small_project(tmp_path / "project", root)
    hook = project / ".git/hooks/post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    hook.chmod(0o755)
    assert trees_of(project).open(KEY, needs("data/raw/mine")).is_new
