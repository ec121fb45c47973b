"""An experiment is one git reference, which git creates at once and never replaces; DVC lists it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from hindcast.pipeline.errors import HindcastError
from hindcast.pipeline.experiments.committed_state import Baseline, read_baseline
from hindcast.pipeline.experiments.recorded_experiments import (
    list_experiments,
    record_experiment,
    scores_of,
    settings_of,
    text_of,
)
from hindcast.pipeline.files import digest_of_value
from tests.experiments.small_project import make_small_project
from tests.project_copy import git


@pytest.fixture
def baseline(tmp_path: Path, root: Path) -> Baseline:
    project = make_small_project(tmp_path / "project", root)
    (project / "params.yaml").write_text("seed: 3\n", encoding="utf-8")
    (project / "dvc.lock").write_text("stages: {}\n", encoding="utf-8")
    (project / "new.txt").touch()
    return read_baseline(project)


def test_it_holds_the_changes_and_is_found_by_its_name(baseline: Baseline) -> None:
    revision = record_experiment(baseline, baseline.root, "one", "message")
    found = list_experiments(baseline)
    assert found == {"one": revision}
    assert settings_of(baseline, revision) == digest_of_value({"seed": 3})
    assert text_of(baseline, revision, "dvc.lock") == "stages: {}\n"
    assert text_of(baseline, revision, "new.txt") is None
    assert git(baseline.root, "log", "-1", "--format=%P %s", revision).split() == [
        baseline.revision,
        "message",
    ]
    assert git(baseline.root, "rev-parse", "HEAD").strip() == baseline.revision


def test_an_experiment_is_never_replaced(baseline: Baseline) -> None:
    revision = record_experiment(baseline, baseline.root, "one", "message")
    (baseline.root / "params.yaml").write_text("seed: 4\n", encoding="utf-8")
    with pytest.raises(HindcastError, match="git update-ref failed"):
        record_experiment(baseline, baseline.root, "one", "message")
    assert list_experiments(baseline) == {"one": revision}


def test_it_is_recorded_where_git_knows_no_author(
    baseline: Baseline, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("user.name", "user.email"):
        git(baseline.root, "config", "--unset", name)
    git(baseline.root, "config", "user.useConfigOnly", "true")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
    revision = record_experiment(baseline, baseline.root, "one", "message")
    assert git(baseline.root, "log", "-1", "--format=%an", revision).strip() == "hindcast"


def test_scores_are_read_from_the_cache(tmp_path: Path) -> None:
    text = '{"validation": {"load": {"model": {"mae": 1.5}}}}'
    digest = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
    lock = f"stages: {{evaluate: {{outs: [{{path: reports/metrics.json, md5: {digest}}}]}}}}"
    assert scores_of(lock, tmp_path) == {}
    path = tmp_path / "files/md5" / digest[:2] / digest[2:]
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    assert scores_of(lock, tmp_path)["validation"]["load"]["model"]["mae"] == 1.5
    assert scores_of(None, tmp_path) == scores_of("stages: {}", tmp_path) == {}
