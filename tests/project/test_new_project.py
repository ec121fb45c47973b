"""A project is made as a whole or not at all, and nothing that is there is overwritten."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hindcast.pipeline.errors import HindcastError, ProjectError
from hindcast.pipeline.project import new_project
from hindcast.pipeline.project.composition import compose_text
from hindcast.pipeline.project.new_project import DescribedFiles, create_project, refuse_place
from tests.project.own_data_set import DATASET
from tests.project_copy import git

DESCRIPTION = DATASET.replace("data/raw/mine", "data/raw/load")


@pytest.fixture(autouse=True)
def author(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Git has the name of a tester, and nothing else of the user's own settings."""
    config = tmp_path / "gitconfig"
    config.write_text("[user]\nname = A Tester\nemail = tester@example.invalid\n", encoding="utf-8")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


@pytest.fixture
def parent(tmp_path: Path) -> Path:
    """The folder in which projects are made; its name has a space and an umlaut."""
    folder = tmp_path / "unser Büro"
    folder.mkdir()
    return folder


@pytest.fixture
def raw(tmp_path: Path) -> DescribedFiles:
    """A raw file in a folder of its own, which nobody may write, and its description."""
    path = tmp_path / "elsewhere" / "2024" / "a.csv"
    path.parent.mkdir(parents=True)
    path.write_text("time,mw\n2024-01-01T00:00Z,1\n", encoding="utf-8")
    path.chmod(0o444)
    return DescribedFiles(tmp_path / "elsewhere", [path], DESCRIPTION)


def everything(folder: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def inside(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_project_with_files_and_a_remote_is_complete_and_committed(
    parent: Path, raw: DescribedFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    ignored = parent.parent / "ignored in all projects"
    ignored.write_text("*.lock\n*.whl\n.github/\nnetworks/\n", encoding="utf-8")
    with Path(os.environ["GIT_CONFIG_GLOBAL"]).open("a", encoding="utf-8") as stream:
        stream.write(f'[core]\nexcludesFile = "{ignored}"\n')
    monkeypatch.chdir(parent)
    assert create_project(Path(), "load", raw, "../remote") == ""
    project = parent / "load"
    assert inside(parent) == ["load"]
    assert git(project, "status", "--short") == ""
    assert git(project, "log", "--format=%an %s").splitlines() == ["A Tester New project load"]
    tracked = set(git(project, "ls-files", "-z").split("\0")) - {""}
    assert {
        "dvc.yaml", "params.yaml", "README.md", "requirements.txt", "requirements.lock", "conf/dataset/load.yaml", "conf/config.yaml",
        "data/README.md", "data/raw/load.dvc", "networks/example.py", ".github/workflows/check.yml", ".dvc/config", ".dvc/.gitignore",
        ".gitignore", ".dvcignore", ".gitattributes",
    } <= tracked  # fmt: skip
    assert [name for name in tracked if name.startswith("wheels/")]
    assert "data/raw/load/2024/a.csv" not in tracked
    copy = project / "data/raw/load/2024/a.csv"
    assert copy.read_bytes() == raw.files[0].read_bytes()
    assert copy.stat().st_mode & stat.S_IWUSR or copy.is_symlink()
    assert "path: data/raw/load" in (project / "params.yaml").read_text(encoding="utf-8")
    assert (project / "params.yaml").read_text(encoding="utf-8") == compose_text(project)
    assert "url = ../../../remote" in (project / ".dvc/config").read_text(encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "data", "status", "--json"], cwd=project, capture_output=True, text=True, check=True
    )  # fmt: skip
    assert done.stdout.strip() == "{}"


def test_raw_files_that_dvc_keeps_as_links_can_be_read_where_the_project_is(
    parent: Path, raw: DescribedFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / "settings of DVC/config"
    settings.parent.mkdir()
    settings.write_text("[cache]\ntype = symlink\n", encoding="utf-8")
    monkeypatch.setenv("DVC_GLOBAL_CONFIG_DIR", str(settings.parent))
    create_project(parent, "load", raw)
    copy = parent / "load/data/raw/load/2024/a.csv"
    assert copy.is_symlink()
    assert copy.read_bytes() == raw.files[0].read_bytes()
    assert copy.resolve().is_relative_to(parent / "load/.dvc/cache")


def test_without_files_it_has_the_simulated_data_set_and_no_commit_where_git_knows_nobody(
    parent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(os.environ["GIT_CONFIG_GLOBAL"]).write_text("", encoding="utf-8")
    for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL", "EMAIL"):
        monkeypatch.delenv(name, raising=False)
    why = create_project(parent, "load")
    assert "user.email" in why
    project = parent / "load"
    assert "path: data/simulated" in (project / "params.yaml").read_text(encoding="utf-8")
    assert "A  dvc.yaml" in git(project, "status", "--short")
    assert "??" not in git(project, "status", "--short")


def test_a_commit_that_a_hook_refuses_leaves_the_project_and_says_so(parent: Path, tmp_path: Path) -> None:
    hook = tmp_path / "hooks/pre-commit"
    hook.parent.mkdir()
    hook.write_text("#!/bin/sh\necho 'no ticket number' >&2\nexit 1\n", encoding="utf-8")
    hook.chmod(0o755)
    with Path(os.environ["GIT_CONFIG_GLOBAL"]).open("a", encoding="utf-8") as stream:
        stream.write(f"[core]\nhooksPath = {hook.parent}\n")
    assert "no ticket number" in create_project(parent, "load")
    assert (parent / "load/dvc.yaml").is_file()


def test_variables_of_another_repository_change_nothing_there(
    parent: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "--quiet")
    before = everything(other)
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git/index"))
    assert create_project(parent, "load") == ""
    monkeypatch.delenv("GIT_DIR")
    monkeypatch.delenv("GIT_INDEX_FILE")
    assert everything(other) == before
    assert git(parent / "load", "status", "--short") == ""


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "/tmp/x", "a b", "läst", "-x", "_x", "2012", "a.b", "x" * 101, "no", "NULL", "Simulated", "a\nb"]
)  # fmt: skip
def test_a_name_that_is_none_is_refused_with_the_rule(name: str, parent: Path) -> None:
    with pytest.raises(ProjectError, match="NAME must") as fault:
        refuse_place(parent, name)
    assert repr(name) in str(fault.value)


def file(path: Path) -> None:
    path.write_text("mine", encoding="utf-8")


def full(path: Path) -> None:
    path.mkdir()
    file(path / ".hidden")


def link(path: Path) -> None:
    (path.parent / "empty").mkdir()
    path.symlink_to(path.parent / "empty")


@pytest.mark.parametrize("make", [file, full, link])
def test_what_is_there_stays_as_it_is(make: Callable[[Path], None], parent: Path) -> None:
    make(parent / "load")
    before = everything(parent)
    with pytest.raises(ProjectError, match="already exists"):
        create_project(parent, "load")
    assert everything(parent) == before


def test_an_empty_folder_is_used(parent: Path) -> None:
    (parent / "load").mkdir()
    create_project(parent, "load")
    assert (parent / "load/dvc.yaml").is_file()


def test_a_folder_that_somebody_fills_in_the_meantime_stays(
    parent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = new_project._commit

    def commit(folder: Path, name: str) -> str:
        full(parent / name)
        return real(folder, name)

    monkeypatch.setattr(new_project, "_commit", commit)
    with pytest.raises(OSError, match="not empty"):
        create_project(parent, "load")
    assert list(everything(parent)) == ["load", "load/.hidden"]


def test_a_repository_above_is_named_unless_it_ignores_the_folder(parent: Path) -> None:
    git(parent, "init", "--quiet")
    inner = parent / "a/b"
    inner.mkdir(parents=True)
    with pytest.raises(ProjectError, match="would lie in the git repository") as fault:
        refuse_place(inner, "load")
    assert str(parent) in str(fault.value)
    (parent / ".gitignore").write_text("/a/b/load/\n", encoding="utf-8")
    refuse_place(inner, "load")
    with pytest.raises(ProjectError, match="would lie"):
        refuse_place(inner, "other")


def test_all_faults_are_told_at_once_without_git_and_dvc(
    parent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(parent))
    monkeypatch.setattr(new_project, "find_spec", lambda _: None)
    with pytest.raises(ProjectError) as fault:
        create_project(parent, "a/b")
    assert [text.split()[0] for text in fault.value.faults] == ["NAME", "git", "dvc"]
    assert inside(parent) == []


def test_a_folder_that_takes_no_new_one_is_named(parent: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.access  # a superuser may write anywhere
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != parent and real(path, mode))
    with pytest.raises(ProjectError, match="takes no new folder"):
        create_project(parent, "load")
    with pytest.raises(ProjectError, match="takes no new folder"):
        create_project(parent / "absent", "load")


@pytest.mark.parametrize(
    ("remote", "message"), [("nothing://x", "Unsupported URL type"), ("", "found an empty text")]
)
def test_what_git_or_dvc_refuses_is_told_in_their_words_and_nothing_is_left(
    remote: str, message: str, parent: Path
) -> None:
    with pytest.raises(HindcastError, match=message):
        create_project(parent, "load", remote=remote)
    assert inside(parent) == []


def test_files_that_do_not_fit_on_the_disk_are_told_before_they_are_copied(
    parent: Path, raw: DescribedFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(parent)._replace(free=20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(ProjectError, match=r"have 28 B, and .* has 20 B free"):
        create_project(parent, "load", raw)
    assert inside(parent) == []


LIMITED = """
import resource, signal, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, -1))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from hindcast.stages.init import main
raise SystemExit(main(["load"]))
"""


def test_files_that_may_not_grow_as_on_a_full_disk_leave_nothing(parent: Path, root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED], cwd=parent, env={**os.environ, "PYTHONPATH": str(root)}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "File too large" in done.stderr
    assert "load" in done.stderr
    assert ".partial" not in done.stderr
    assert "Traceback" not in done.stderr
    assert inside(parent) == []


KILLED = """
import sys, time
from pathlib import Path
from hindcast.pipeline.project import new_project

def stay(folder, name):
    print(len(list(folder.iterdir())), flush=True)
    time.sleep(600)

new_project._commit = stay
from hindcast.stages.init import main
raise SystemExit(main(["load"]))
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_command_leaves_no_project_and_the_next_one_works(
    number: signal.Signals, parent: Path, root: Path
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED], cwd=parent, env={**os.environ, "PYTHONPATH": str(root)}, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert int(process.stdout.readline()) > 10
    process.send_signal(number)
    process.communicate()
    assert not (parent / "load").exists()
    assert all(name.startswith(".load.") for name in inside(parent))
    assert number == signal.SIGKILL or inside(parent) == []
    assert create_project(parent, "load") == ""
    assert inside(parent) == ["load"]
