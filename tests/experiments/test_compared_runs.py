"""Runs are found in folders and in the workspace; what cannot be compared is named with its remedy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hindcast.pipeline.experiments.compared_runs import find_runs
from tests.experiments.made_runs import make_run, some_rows


@pytest.fixture
def project(tmp_path: Path) -> Path:
    make_run(tmp_path, some_rows(["a"], 48))
    make_run(tmp_path / "other", some_rows(["a"], 48, seed=2))
    return tmp_path


def test_the_workspace_and_folders_are_runs(project: Path) -> None:
    with find_runs(project, ["workspace", "other", "other/reports"]) as found:
        assert [run.name for run in found.runs] == ["workspace", "other", "other/reports"]
        assert not found.faults
        assert found.runs[1].predictions == project / "other/reports/predictions.parquet"
        assert found.runs[1].settings == {"seed": 7, "train": {"units": [64]}}


def test_foreign_forecasts_have_scores_and_no_record(project: Path) -> None:
    (project / "other/reports/run.json").unlink()
    with find_runs(project, ["other/reports"]) as found:
        (run,) = found.runs
        assert run.record is None
        assert run.settings is None
        assert run.metrics["test"]["load"]["model"]["n"] == 48


def test_without_a_record_settings_are_those_of_params_yaml(project: Path, compose_text) -> None:
    (project / "reports/run.json").unlink()
    (project / "params.yaml").write_text(compose_text("dataset=opsd", "seed=12"))
    with find_runs(project, ["workspace"]) as found:
        settings = found.runs[0].settings
        assert settings is not None
        assert settings["seed"] == 12
    (project / "params.yaml").write_text("raw: 5")
    with find_runs(project, ["workspace"]) as found:
        assert found.runs[0].settings is None


@pytest.mark.parametrize("name", ["metrics.json", "predictions.parquet"])
def test_a_file_that_is_not_the_recorded_one_is_named(project: Path, name: str) -> None:
    with (project / "other/reports" / name).open("ab") as stream:
        stream.write(b"\n")
    with find_runs(project, ["workspace", "other"]) as found:
        assert [run.name for run in found.runs] == ["workspace"]
        assert f"other: reports/{name} is not the file that reports/run.json records" in found.faults[0]


def test_missing_outputs_are_named_with_the_stage(project: Path) -> None:
    (project / "reports/metrics.json").unlink()
    with find_runs(project, ["workspace"]) as found:
        assert "workspace has no metrics.json, which the stage `evaluate` writes" in found.faults[0]


@pytest.mark.parametrize("content", ["{", "[1]"])
def test_damaged_scores_without_a_record_are_named(project: Path, content: str) -> None:
    (project / "reports/run.json").unlink()
    (project / "reports/metrics.json").write_text(content)
    with find_runs(project, ["workspace"]) as found:
        assert "workspace: reports/metrics.json is damaged" in found.faults[0]


def test_a_name_outside_of_any_project_is_explained(project: Path) -> None:
    with find_runs(project, ["nowhere"]) as found:
        assert "is no DVC project" in found.faults[0]
    assert json.loads((project / "reports/metrics.json").read_text())
