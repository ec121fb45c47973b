"""Another version of hindcast in a created project: only the stages whose code changed run again, and no two versions mix."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project_copy import git

pytestmark = pytest.mark.workflow

SMALL = "simulate: {sets: [games], games: 1, customers: 2, days: 40}"
TRAIN = "train: {units: [4], epochs: 1}\nevaluate: {baselines: [published, persistence]}\n"


class Installed:
    """A copy of the package that stands for an installed version, and a project that uses it."""

    def __init__(self, folder: Path, root: Path) -> None:
        self.package = folder / "installed"
        shutil.copytree(
            root / "hindcast", self.package / "hindcast", ignore=shutil.ignore_patterns("__pycache__")
        )
        assert self.run(folder, "hindcast", "init", "load").returncode == 0
        self.project = folder / "load"

    def run(self, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment in a folder, with this version of hindcast; any exit code returns."""
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        author = {
            f"GIT_{who}_{what}": "t@example.invalid"
            for who in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        }
        return subprocess.run(
            words, cwd=folder, env={**os.environ, **author, "PATH": path, "PYTHONPATH": str(self.package)},
            capture_output=True, text=True, check=False, timeout=540, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def repro(self) -> tuple[list[str], str]:
        """`dvc repro`: the stages that ran, and all that was printed."""
        done = self.run(self.project, "dvc", "repro")
        shown = done.stdout + done.stderr
        return re.findall(r"Running stage '([\w@]+)'", shown), shown

    def upgrade(self, *options: str) -> str:
        """`hindcast upgrade`, which must succeed; what it printed."""
        done = self.run(self.project, "hindcast", "upgrade", *options)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def edit(self, module: str) -> None:
        """Another version: one module of the installed package has other bytes."""
        path = self.package / "hindcast" / module
        path.write_bytes(path.read_bytes() + b"# another version\n")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Installed:
    """A small project in which every stage has run once. The tests below use it one after another."""
    made = Installed(tmp_path_factory.mktemp("upgrade"), root)
    data_set = made.project / "conf/dataset/simulated.yaml"
    text = data_set.read_text(encoding="utf-8")
    assert "simulate: {sets: [games]}" in text
    data_set.write_text(text.replace("simulate: {sets: [games]}", SMALL) + TRAIN, encoding="utf-8")
    assert made.run(made.project, "hindcast", "use", "simulated").returncode == 0
    ran, shown = made.repro()
    assert ran == [
        "check",
        "simulate@games",
        "ingest",
        "pack",
        "split",
        "scale",
        "certify",
        "train",
        "evaluate",
    ], shown
    assert (made.project / "reports/report.html").is_file()
    git(made.project, "add", "--all")
    made.run(made.project, "git", "commit", "--quiet", "--message", "First results")
    return made


def test_another_version_of_one_module_runs_one_stage_again_and_only_after_an_upgrade(
    installed: Installed,
) -> None:
    assert installed.repro()[0] == ["check"]
    installed.edit("pipeline/judge/console.py")
    ran, shown = installed.repro()
    assert ran == ["check"]
    assert "hindcast upgrade" in shown
    assert re.search(
        r"evaluate: code.yaml has [0-9a-f-]{33}, the installed code has [0-9a-f-]{33} \(other code\)", shown
    ), shown
    alone = installed.run(installed.project, "hindcast", "evaluate")
    assert alone.returncode == 1
    assert "evaluate: code.yaml has" in alone.stderr
    assert installed.run(installed.project, "hindcast", "scale").returncode == 0  # its code is the same
    told = installed.upgrade("--dry-run")
    assert "1 stage will run again" in told
    assert "  evaluate: its code changed\n" in told
    assert installed.repro()[0] == ["check"]  # still refused
    installed.upgrade("--yes")
    ran, shown = installed.repro()
    assert ran == ["check", "evaluate"], shown
    assert "didn't change, skipping" in shown
    assert installed.repro()[0] == ["check"]
    assert "Nothing to do" in installed.upgrade()


@pytest.mark.parametrize("content", [b"", b"<<<<<<< HEAD\ncheck: a-b\n", b"\xff\xfe"])
def test_a_damaged_code_file_is_our_error_and_an_upgrade_repairs_it(
    installed: Installed, content: bytes
) -> None:
    path = installed.project / "code.yaml"
    before = path.read_bytes()
    path.write_bytes(content)
    ran, shown = installed.repro()
    assert ran == ["check"], shown
    assert "check: " in shown
    assert "hindcast upgrade" in shown
    assert "Traceback" not in shown
    assert "No stage runs again." in installed.upgrade("--yes")
    assert path.read_bytes() == before
    assert installed.repro()[0] == ["check"]


def test_an_unknown_and_a_missing_stage_are_named_before_anything_runs(installed: Installed) -> None:
    path = installed.project / "code.yaml"
    before = path.read_text(encoding="utf-8")
    path.write_text(re.sub(r"^scale: ", "polish: ", before, flags=re.MULTILINE), encoding="utf-8")
    ran, shown = installed.repro()
    assert ran == ["check"]
    assert "scale: code.yaml has no key for it" in shown
    assert "polish: code.yaml has a key for it" in shown
    installed.upgrade("--yes")
    assert path.read_text(encoding="utf-8") == before
    assert installed.repro()[0] == ["check"]


def test_an_edited_graph_stays_through_an_upgrade_until_somebody_says_otherwise(installed: Installed) -> None:
    path = installed.project / "dvc.yaml"
    written = path.read_text(encoding="utf-8")
    own = "  note:\n    cmd: cp reports/metrics.json note.json\n    deps: [reports/metrics.json]\n    outs: [note.json]\n"
    edited = written.replace("stages:\n", f"stages:\n{own}", 1)
    path.write_text(edited, encoding="utf-8")
    assert "Nothing to do" in installed.upgrade()  # hindcast writes nothing new
    template = installed.package / "hindcast/templates/dvc.yaml"
    template.write_bytes(template.read_bytes() + b"# another version\n")
    told = installed.upgrade("--yes")
    assert "dvc.yaml: you edited it" in told
    assert "-    cmd: cp reports/metrics.json note.json" in told
    assert path.read_text(encoding="utf-8") == edited
    ran, shown = installed.repro()
    assert ran == ["check", "note"] or sorted(ran) == ["check", "note"], shown
    installed.upgrade("--yes", "--overwrite", "dvc.yaml")
    assert path.read_text(encoding="utf-8") == f"{written}# another version\n"


def test_a_new_module_that_every_stage_reads_runs_all_of_them(installed: Installed) -> None:
    installed.edit("stages/common.py")
    told = installed.upgrade("--yes")
    assert "8 stages will run again" in told
    dry = installed.run(installed.project, "dvc", "repro", "--dry")
    assert len(re.findall(r"Running stage '", dry.stdout)) == 9, dry.stdout
