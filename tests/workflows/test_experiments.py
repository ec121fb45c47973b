"""Runs in a real project: two commits compared, an earlier one replayed, a changed raw file and a tampered output named."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.experiments.test_dvc_revisions import state
from tests.project_copy import ProjectCopy, git, run_in

pytestmark = pytest.mark.workflow

CLI = "hindcast.stages.cli"
SMALL = ("train.units=[4]", "train.epochs=1", "evaluate.baselines=[published,persistence]")


def succeed(folder: Path, *words: str) -> str:
    """Run a command; its standard output. An error shows all that it printed."""
    done = run_in(folder, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, root: Path, compose_text) -> Path:
    """Two commits, each with a run: other code and another seed. The raw files are tracked by DVC, and changed after the first run."""
    folder = ProjectCopy(tmp_path_factory.mktemp("workflow") / "our project", root).folder
    generated = compose_text("simulate.games=2", "simulate.customers=2", "simulate.days=50", *SMALL)
    (folder / "params.yaml").write_text(generated, encoding="utf-8")
    succeed(folder, CLI, "simulate")
    shutil.copytree(folder / "data/simulated", folder / "data/raw/mine")
    shutil.rmtree(folder / "data/simulated")
    own = compose_text("raw.path=data/raw/mine", "raw.name=mine", "simulate.sets=[]", *SMALL)
    (folder / "params.yaml").write_text(own, encoding="utf-8")
    succeed(folder, "dvc", "add", "data/raw/mine")
    succeed(folder, "dvc", "repro")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "The first run")

    code = folder / "pipeline/learn/network.py"
    code.write_text(code.read_text(encoding="utf-8") + "\n# another version of the code\n", encoding="utf-8")
    raw = next(iter(sorted((folder / "data/raw/mine").rglob("forecast_weather.csv"))))
    text = raw.read_text(encoding="utf-8")
    raw.unlink()  # it may be a link into DVC's cache
    raw.write_text(text + "\n", encoding="utf-8")
    (folder / "params.yaml").write_text(own.replace("seed: 7", "seed: 8"), encoding="utf-8")
    succeed(folder, "dvc", "add", "data/raw/mine")
    succeed(folder, "dvc", "repro")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "The second run")
    return folder


def test_two_commits_a_folder_and_experiments_are_compared(project: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    shutil.copytree(project / "reports", other / "reports")
    for name in ("exp-one", "exp-two"):
        succeed(project, "dvc", "exp", "save", "--name", name)
    before = state(project)
    content = json.loads(
        succeed(
            project, CLI, "compare", "HEAD~1", "HEAD", "workspace", str(other), "exp-one", "exp-two", "--json"
        )
    )
    assert state(project) == before
    assert [run["name"] for run in content["runs"]][:3] == ["HEAD~1", "HEAD", "workspace"]
    assert len(content["runs"]) == 6
    assert {pair["rows"] > 100 for pair in content["pairs"]} == {True}
    changes = [
        [pair["mae"]["change"] for pair in content["pairs"] if pair["run"] == run]
        for run in ("HEAD", "exp-two")
    ]
    assert changes[0] == changes[1]
    assert any(changes[0])
    found = content["runs"][1]["differences"]
    assert found["settings"] == ["seed: 7 -> 8"]
    assert len(found["data"]) == 1
    assert "1 file changed" in found["data"][0]
    assert found["code"] == ["the code of train"]
    assert found["libraries"] == []
    assert content["runs"][0]["cost"]["parameters"] > 100
    table = succeed(project, CLI, "compare")  # HEAD and the workspace, which are the same run
    assert "0.0 % (0.0 to 0.0)" in table
    assert "settings: equal" in table


def test_the_run_of_an_earlier_commit_is_replayed_to_equal_bytes(project: Path, tmp_path: Path) -> None:
    before = state(project)
    shown = succeed(project, CLI, "replay", "HEAD~1", "--into", str(tmp_path / "again"))
    assert "code: that of commit" in shown
    assert "byte for byte" in shown
    assert state(project) == before
    assert (tmp_path / "again/workspace/reports/run.json").is_file()


def test_a_changed_raw_file_is_named_before_anything_runs(project: Path, tmp_path: Path) -> None:
    raw = next(iter(sorted((project / "data/raw/mine").rglob("forecast_market.csv"))))
    text = raw.read_text(encoding="utf-8")
    kept = tmp_path / "kept"
    os.replace(project / ".dvc/cache", kept)
    raw.unlink()
    try:
        raw.write_text(text.replace("0", "1", 1), encoding="utf-8")
        done = run_in(project, CLI, "replay", "--into", str(tmp_path / "again"))
    finally:
        raw.write_text(text, encoding="utf-8")
        os.replace(kept, project / ".dvc/cache")
    assert done.returncode == 1
    assert "forecast_market.csv has other contents than in this run" in done.stderr
    assert "Nothing was run" in done.stderr
    assert not (tmp_path / "again").exists()


def test_a_tampered_output_is_named_with_its_field(project: Path, tmp_path: Path) -> None:
    path = project / "reports/metrics.json"
    text = path.read_text(encoding="utf-8")
    content = json.loads(text)
    content["test"]["usage"]["model"]["mae"] = 0.5
    path.unlink()
    path.write_text(json.dumps(content), encoding="utf-8")
    try:
        done = run_in(project, CLI, "replay", "--into", str(tmp_path / "again"))
        compared = run_in(project, CLI, "compare", "HEAD~1", "HEAD", "workspace")
    finally:
        path.write_text(text, encoding="utf-8")
    assert done.returncode == 1, done.stderr
    assert (
        "reports/metrics.json was changed after the run: field test.usage.model.mae: 0.5, not " in done.stdout
    )
    assert compared.returncode == 1
    assert "workspace: reports/metrics.json is not the file that reports/run.json records" in compared.stdout


def test_experiments_without_results_are_named_with_the_remedy(project: Path) -> None:
    succeed(project, "dvc", "exp", "run", "--queue", "--name", "waiting")
    done = run_in(project, CLI, "compare", "HEAD~1", "HEAD", "waiting")
    assert done.returncode == 1
    assert "Experiment waiting is queued" in done.stdout
    assert "`dvc queue start` runs it" in done.stdout
