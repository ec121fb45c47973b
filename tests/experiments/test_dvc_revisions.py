"""Outputs of commits and experiments are read from DVC's cache; the workspace stays as it is."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hindcast.pipeline.errors import FormatError, MissingInputError
from hindcast.pipeline.experiments.dvc_revisions import Revisions
from hindcast.pipeline.experiments.run_record import read_record
from tests.experiments.copied_runs import OLD_TRIE, CopiedRuns
from tests.experiments.made_runs import some_rows
from tests.project_copy import git

pytestmark = pytest.mark.filterwarnings(OLD_TRIE)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CopiedRuns:
    made = CopiedRuns(tmp_path / "a project", monkeypatch)
    made.run(some_rows(["a"], 48), data_set="first")
    made.commit("A run")
    made.run(some_rows(["a"], 48, seed=2), data_set="second")
    return made


def state(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of modification of every file that is not DVC's or git's own."""
    files = [path for path in folder.rglob("*") if path.is_file() and not {".git", ".dvc"} & set(path.parts)]
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in files}


def test_a_commit_has_its_own_outputs_and_the_workspace_stays(project: CopiedRuns) -> None:
    project.save_experiment("exp-a")
    before, status = state(project.folder), git(project.folder, "status", "--porcelain")
    revisions = Revisions(project.folder)
    for name, data_set in (("HEAD", "first"), ("main", "first"), ("exp-a", "second")):
        revision = revisions.find(name)
        assert read_record(revision.file("reports/run.json"))["data_set"] == data_set
        assert read_record(revision.file("models", "a.json"))["data_set"] == data_set
        with pytest.raises(MissingInputError, match=r"has no models/b\.json"):
            revision.file("models", "b.json")
    assert revisions.find("exp-a").label.startswith("experiment exp-a (")
    commit = revisions.find("HEAD").commit
    assert revisions.find(commit[:9]).label == f"commit {commit[:7]}"
    assert "evaluate" in (revisions.text(commit, "dvc.yaml") or "")
    assert revisions.text(commit, "absent.yaml") is None
    revisions.close()
    assert state(project.folder) == before
    assert git(project.folder, "status", "--porcelain") == status


def test_a_commit_without_a_run_is_named_with_the_remedy(project: CopiedRuns) -> None:
    revision = Revisions(project.folder).find("HEAD~1")
    with pytest.raises(MissingInputError, match=r"has no reports/metrics.json: .* commit dvc\.lock"):
        revision.file("reports/metrics.json")


def test_objects_that_the_cache_lacks_are_named_with_the_remedy(project: CopiedRuns) -> None:
    project.save_experiment("exp-a")
    shutil.rmtree(project.folder / ".dvc/cache")
    revisions = Revisions(project.folder)
    with pytest.raises(MissingInputError, match=r"`dvc fetch --all-commits reports/metrics.json`"):
        revisions.find("HEAD").file("reports/metrics.json")
    with pytest.raises(MissingInputError, match=r"`dvc exp pull <git remote> exp-a`"):
        revisions.find("exp-a").file("models", "a.json")


def test_an_unknown_name_is_compared_with_the_known_ones(project: CopiedRuns) -> None:
    project.save_experiment("tall-units")
    with pytest.raises(MissingInputError, match=r"tal-units is no folder.*Did you mean tall-units\?"):
        Revisions(project.folder).find("tal-units")


def test_a_broken_dvc_yaml_of_a_commit_is_named(project: CopiedRuns) -> None:
    (project.folder / "dvc.yaml").write_text("stages: {a: {}}\n")
    project.commit("Broken")
    with pytest.raises(FormatError, match=r"The dvc\.yaml of HEAD cannot be read"):
        Revisions(project.folder).find("HEAD")


def test_without_git_or_dvc_folders_can_be_named(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="is no DVC project"):
        Revisions(tmp_path)


def test_older_versions_of_tracked_files_are_found(project: CopiedRuns) -> None:
    from dvc.repo import Repo

    raw = project.folder / "data/raw/mine"
    raw.mkdir(parents=True)
    for content in ("one", "two"):
        (raw / "a.csv").unlink(missing_ok=True)
        (raw / "a.csv").write_text(content)
        with Repo(str(project.folder)) as repo:
            repo.add("data/raw/mine")
        project.commit(content)
    revisions = Revisions(project.folder)
    found = {
        name: dict(revisions.find(name).cached_below("data/raw/mine"))
        for name in ("HEAD", "HEAD~1", "HEAD~2")
    }
    assert {
        name: {file: path.read_text() for file, path in files.items()} for name, files in found.items()
    } == {
        "HEAD": {"a.csv": "two"},
        "HEAD~1": {"a.csv": "one"},
        "HEAD~2": {},
    }
