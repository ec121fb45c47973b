"""A team's own project, from the wheel alone: made from raw files, run, shared, made again elsewhere with the same bytes."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.project.exported_files import write_exports
from tests.project_copy import clone, git, output_digests
from tests.wheel_environment import make_environment, run_with
from tests.workflows.test_two_clones import RECORDED

pytestmark = pytest.mark.workflow

TRAINING = "\ntrain: {units: [4], epochs: 1}\n"
IDENTITY = {
    "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.invalid", "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.invalid",
}  # fmt: skip
ELSEWHERE = {"LC_ALL": "C", "TZ": "Pacific/Auckland", "PYTHONHASHSEED": "77"}
OUTPUTS = (
    "data/notes",
    "data/packed",
    "data/quarantine",
    "data/tables",
    "models",
    "reports",
    ".hindcast",
    ".dvc/cache",
)


def succeed(python: Path, folder: Path, *words: str, **variables: str) -> str:
    """Run a command; its standard output. An error shows all that it printed."""
    done = run_with(python, folder, *words, **variables)
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout


def ran(text: str) -> list[str]:
    """The stages that DVC ran, in order."""
    return re.findall(r"Running stage '([\w@]+)'", text)


def run_workflow(python: Path, project: Path) -> list[subprocess.CompletedProcess[str]]:
    """Run the steps of the project's workflow file but those that install packages, until one fails."""
    content = yaml.safe_load((project / ".github/workflows/check.yml").read_text(encoding="utf-8"))
    steps = [step for step in content["jobs"]["check"]["steps"] if "run" in step]
    assert "pip install" in steps[0]["run"]
    done = []
    for step in steps[1:]:
        done.append(run_with(python, project, "bash", "-e", "-c", step["run"]))
        if done[-1].returncode:
            break
    return done


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Path]:
    """Where the first person works, the second one, and the remote."""
    found = {name: tmp_path / name for name in ("das Büro von A", "b", "remote")}
    for path in found.values():
        path.mkdir()
    return dict(zip(("first", "second", "remote"), found.values(), strict=True))


def test_a_team_of_two_makes_runs_and_shares_a_project(
    environment: Path, places: dict[str, Path], tmp_path: Path
) -> None:
    files = write_exports(tmp_path / "exports")
    words = ["--from", *map(str, files), "--remote", str(places["remote"])]
    succeed(environment, places["first"], "hindcast", "init", "load", *words, **IDENTITY)
    first = places["first"] / "load"
    with (first / "conf/dataset/load.yaml").open("a", encoding="utf-8") as stream:
        stream.write(TRAINING)
    succeed(environment, first, "hindcast", "use", "load")
    assert ran(succeed(environment, first, "dvc", "repro")) == [
        "check", "ingest", "pack", "split", "scale", "certify", "train", "evaluate"
    ]  # fmt: skip
    assert (first / "reports/report.html").is_file()
    assert "load" in succeed(environment, first, "dvc", "exp", "show", "--md")
    git(first, "add", "--all")
    succeed(environment, first, "git", "commit", "--quiet", "--message", "A run", **IDENTITY)
    succeed(environment, first, "dvc", "push")
    assert [step.returncode for step in run_workflow(environment, first)] == [0, 0, 0]

    # the other one installs what the project names, pulls, and has nothing to run
    second = clone(first, places["second"] / "ours")
    other = make_environment(tmp_path / "other", "-r", "requirements.txt", cwd=second)
    succeed(other, second, "dvc", "pull")
    assert output_digests(second) == output_digests(first)
    assert ran(succeed(other, second, "dvc", "repro")) == ["check"]
    assert git(second, "status", "--short") == ""

    # everything again from the remote, and everything again by another machine's settings
    for words_again in (("dvc", "pull"), ("dvc", "repro", "--force")):
        for name in OUTPUTS:
            shutil.rmtree(second / name, ignore_errors=True)
        (second / "data/dataset.h5").unlink()
        (second / "data/scaler.json").unlink()
        if words_again[1] == "repro":
            succeed(other, second, "dvc", "pull", "data/raw/load", **ELSEWHERE)
        succeed(other, second, *words_again, **ELSEWHERE)
        assert output_digests(second) == output_digests(first)
    assert git(second, "status", "--short") == ""

    # one raw file changes, and only its group's work is done
    raw = second / "data/raw/load/AT_60min.csv"
    text = raw.read_text(encoding="utf-8")
    assert "2024-01-09T05:00:00Z,5" in text
    raw.unlink()  # it may be a link into DVC's cache
    raw.write_text(text.replace("2024-01-09T05:00:00Z,5", "2024-01-09T05:00:00Z,4"), encoding="utf-8")
    succeed(other, second, "dvc", "add", "data/raw/load")  # and pushed so, without a run
    stopped = run_workflow(other, second)[-1]
    assert (stopped.returncode, "Out of date: ingest" in stopped.stderr) == (1, True), stopped.stderr
    assert succeed(other, second, str(other), "-c", RECORDED).splitlines()[-1] == "merged AT, AT, packed AT"
    assert ran(succeed(other, second, "dvc", "repro"))[:3] == ["check", "ingest", "pack"]


def test_a_project_is_the_same_wherever_it_is_made(environment: Path, tmp_path: Path) -> None:
    files = write_exports(tmp_path / "exports", days=30)
    trees = set()
    for number, (folder, variables, umask) in enumerate(
        [
            ("one", {}, 0o022),
            ("zweites Büro", ELSEWHERE, 0o077),
            ("3", {"LC_ALL": "de_DE.UTF-8", "TZ": "America/Caracas"}, 0o002),
        ]
    ):
        made = tmp_path / folder
        made.mkdir()
        exports = tmp_path / f"exports {number}"
        shutil.copytree(tmp_path / "exports", exports)
        names = " ".join(f"'{exports}/{file.name}'" for file in files)
        command = f"umask {umask:o} && hindcast init load --from {names}"
        succeed(environment, made, "sh", "-c", command, **{**IDENTITY, **variables})
        trees.add(git(made / "load", "rev-parse", "HEAD^{tree}"))
        private = not (made / "load").stat().st_mode & 0o077
        assert private == (umask == 0o077)
    assert len(trees) == 1


def test_without_files_a_project_runs_the_simulated_data_set_and_then_another(
    environment: Path, tmp_path: Path
) -> None:
    succeed(environment, tmp_path, "hindcast", "init", "load", **IDENTITY)
    project = tmp_path / "load"
    small = [f"-S simulate.{key}" for key in ("games=1", "customers=2", "days=30")]
    text = succeed(environment, project, "sh", "-c", f"dvc exp run {' '.join(small)} pack")
    assert ran(text) == ["check", "simulate@games", "ingest", "pack"]

    # as the project's README says
    write_exports(project / "data/raw/other", days=30)
    succeed(
        environment, project, "sh", "-c", "hindcast inspect data/raw/other --write conf/dataset/other.yaml"
    )
    succeed(environment, project, "hindcast", "use", "other")
    succeed(environment, project, "dvc", "add", "data/raw/other")
    assert ran(succeed(environment, project, "dvc", "repro", "pack")) == ["check", "ingest", "pack"]
