"""`hindcast upgrade` shows first, asks, and writes nothing without an answer."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hindcast.pipeline.project import project_upgrade
from hindcast.pipeline.project.code_keys import code_keys, installed_version
from hindcast.pipeline.project.project_record import (
    ProjectRecord,
    digest_of_bytes,
    read_code_file,
    write_code_file,
    write_record,
)
from hindcast.stages import upgrade

OLD = {"README.md": b"old\n", "dvc.yaml": b"stages: {}\n"}
FRESH = {"README.md": b"fresh\n", "dvc.yaml": b"stages: {a: {cmd: b}}\n"}


@pytest.fixture
def project(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, a project of an earlier version, in which a person edited README.md."""
    shutil.copytree(root / "conf", tmp_path / "conf")
    for path, content in OLD.items():
        (tmp_path / path).write_bytes(content)
    digests = {path: digest_of_bytes(content) for path, content in OLD.items()}
    write_record(tmp_path, ProjectRecord("0.1.9", {"name": "load", "data_set": "simulated"}, {}, digests))
    write_code_file(tmp_path, code_keys() | {"evaluate": f"{'0' * 16}-{'0' * 16}"})
    (tmp_path / "README.md").write_bytes(b"mine\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(project_upgrade, "fresh_files", lambda _: FRESH)
    return tmp_path


class Terminal(io.StringIO):
    """A person who types these lines."""

    def isatty(self) -> bool:
        return True


def files(project: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in project.iterdir() if path.is_file()}


def test_its_help_names_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    assert upgrade.main(["--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    for word in ("--yes", "--dry-run", "--overwrite", "code.yaml", "hindcast upgrade --dry-run"):
        assert word in shown


@pytest.mark.parametrize("argv", [["--dry-run"], ["--dry-run", "--yes"], []])
def test_everything_is_shown_and_nothing_written(
    project: Path, argv: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\ny\n"))  # no terminal
    before = files(project)
    assert upgrade.main(argv) == (0 if argv else 1)
    assert files(project) == before
    out, err = capsys.readouterr()
    assert f"From hindcast 0.1.9 to hindcast {installed_version()}:" in out
    assert "README.md: you edited it\n--- README.md\n+++ README.md\n@@ -1 +1 @@\n-mine\n+fresh\n" in out
    assert "dvc.yaml: as hindcast wrote it\n" in out
    if argv:
        assert (
            "1 stage will run again, then those after them whose input changes:\n  evaluate: its code changed; its libraries"
            in out
        )
    else:
        assert "There is no terminal to ask on, so nothing was written: `hindcast upgrade --yes`" in err


@pytest.mark.parametrize("has_stdin", [True, False])
def test_without_a_terminal_the_program_says_so(project: Path, root: Path, *, has_stdin: bool) -> None:
    """In a process of its own, with /dev/null or nothing as standard input."""
    before = files(project)
    words = [sys.executable, "-m", "hindcast.stages.upgrade"]
    close = [] if has_stdin else ["sh", "-c", 'exec "$@" <&-', "sh"]
    done = subprocess.run(
        [*close, *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(root)},
    )
    assert done.returncode == 1
    assert "There is no terminal to ask on, so nothing was written" in done.stderr
    assert "Traceback" not in done.stderr
    assert files(project) == before


def test_another_state_of_the_same_version_is_said_as_such(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    now = installed_version()
    write_record(project, ProjectRecord(now, {"name": "load", "data_set": "simulated"}, {}, {}))
    assert upgrade.main(["--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert f"The project is of this version, hindcast {now}, but not as it writes it here:" in shown
    assert "From hindcast" not in shown


def test_yes_leaves_an_edited_file_and_overwrite_names_it(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert upgrade.main(["--yes"]) == 0
    out = capsys.readouterr().out
    assert "README.md stays as it is; to replace it: hindcast upgrade --overwrite README.md" in out
    assert "Wrote dvc.yaml, .hindcast-project.yaml, code.yaml." in out
    assert (project / "README.md").read_bytes() == b"mine\n"
    assert (project / "dvc.yaml").read_bytes() == FRESH["dvc.yaml"]
    assert read_code_file(project) == code_keys()
    assert upgrade.main(["--yes", "--overwrite", "./README.md"]) == 0
    assert (project / "README.md").read_bytes() == b"fresh\n"
    assert "replaced although you edited it" in capsys.readouterr().out
    assert upgrade.main([]) == 0
    assert (
        capsys.readouterr().out
        == f"Nothing to do: the project is as hindcast {installed_version()} writes it.\n"
    )


@pytest.mark.parametrize(
    ("answers", "readme", "is_written"),
    [
        ("n\ny\n", b"mine\n", True),
        ("y\ny\n", b"fresh\n", True),
        ("y\nn\n", b"mine\n", False),
        ("\n\n", b"mine\n", False),
        ("y\n", b"mine\n", False),
    ],
)
def test_a_person_decides_about_each_edited_file_and_about_the_whole(
    project: Path,
    answers: str,
    readme: bytes,
    is_written: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(answers))
    code = upgrade.main([])
    went_away = answers == "y\n"
    assert code == (1 if went_away else 0)
    assert (project / "README.md").read_bytes() == readme
    assert ((project / "dvc.yaml").read_bytes() == FRESH["dvc.yaml"]) == is_written
    assert (read_code_file(project) == code_keys()) == is_written
    shown = capsys.readouterr()
    assert "Traceback" not in shown.err
    assert ("There was no answer, so nothing was written" in shown.err) == went_away
    if is_written:
        assert upgrade.main([]) == 0
        assert "Nothing to do" in capsys.readouterr().out  # not asked twice about the same text


def test_the_changes_of_a_long_file_are_shown_in_part_while_asking(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    long = {**FRESH, "dvc.yaml": b"".join(b"# %d\n" % line for line in range(500))}
    monkeypatch.setattr(project_upgrade, "fresh_files", lambda _: long)
    monkeypatch.setattr("sys.stdin", Terminal("n\nn\n"))
    assert upgrade.main([]) == 0
    out = capsys.readouterr().out
    assert "... 404 lines more: hindcast upgrade --dry-run shows all" in out
    assert "+# 499" not in out
    assert upgrade.main(["--dry-run"]) == 0
    assert "+# 499" in capsys.readouterr().out


def test_a_folder_that_is_no_project_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert upgrade.main(["--yes"]) == 1
    assert "upgrade: This folder is no project that `hindcast init` made" in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} <= {".hindcast"}
