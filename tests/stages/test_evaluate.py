"""The stage `evaluate` from its command line, over a real data set file and a synthetic network."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hindcast.pipeline.arrays import Values
from hindcast.pipeline.digests import write_folder_digests
from hindcast.pipeline.feed.scaling import read_scaling, series_numbers
from hindcast.pipeline.feed.scored_rows import Spans, rows_of
from hindcast.pipeline.feed.trained_series import trained_series
from hindcast.pipeline.files import digest_of_file, write_json
from hindcast.pipeline.learn import backend, prediction, trees
from hindcast.pipeline.learn.model_card import write_model_card
from hindcast.pipeline.learn.tree_files import write_trees
from hindcast.pipeline.learn.trees import TreeData, TreeFitter
from hindcast.pipeline.settings.params import load_params
from hindcast.pipeline.store.reader import Dataset
from hindcast.stages.evaluate import main
from tests.learn.workplace import scaler_of
from tests.mock_data import mock_dataset, mock_group
from tests.split.workplace import edit, issue_certificate

ARGUMENTS = [
    "--set",
    "evaluate.sums=[group]",
    "--set",
    "evaluate.baselines=[published, persistence, trees]",
]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compose_text: Callable[..., str]) -> Path:
    (tmp_path / "params.yaml").write_text(compose_text("dataset=gefcom2012"), encoding="utf-8")
    mock_dataset(
        tmp_path / "data",
        [mock_group("north", steps=(900,)), mock_group("south", series=("c",), steps=(900,))],
    )
    (tmp_path / "models").mkdir()
    recipe = load_params(tmp_path / "params.yaml").train.recipe()
    write_json(tmp_path / "models" / "history.json", {"epochs": [{"loss": 1.0}], "best_epoch": 0})
    write_json(tmp_path / "reports" / "pack.json", {"counts": {"steps": 1234567}})
    monkeypatch.setattr(trees, "MOST_ROUNDS", 20)
    with Dataset(tmp_path / "data" / "dataset.h5") as dataset:
        write_json(tmp_path / "data" / "scaler.json", scaler_of(dataset))
        known = trained_series(dataset)
        scaling = read_scaling(
            tmp_path / "data" / "scaler.json", dataset.features, dataset.targets, dataset.fingerprint, known
        )
        data = TreeData(
            dataset, scaling, series_numbers(dataset.sequences, known), len(known), residual=False
        )
        write_trees(
            tmp_path / "models" / "trees",
            [TreeFitter(data, most_rows=300, seed=7).fit(0)],
            dataset.fingerprint,
            digest_of_file(tmp_path / "data" / "scaler.json"),
        )
        card = {
            "fingerprint": dataset.fingerprint,
            "features": list(dataset.features),
            "targets": list(dataset.targets),
            "segment_length": dataset.segment_length,
            "train": recipe,
            "series": [list(key) for key in known],
            "groups": [],
        }
        write_model_card(tmp_path / "models", card)
    (tmp_path / "models" / "model.keras").write_text("synthetic_predictions takes its place")
    write_folder_digests(tmp_path / "models")
    issue_certificate(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(prediction, "predict_spans", synthetic_predictions)
    return tmp_path


def synthetic_predictions(dataset: Dataset, models: Path, split: str, spans: Spans) -> Values:
    rows = rows_of(dataset, spans, np.arange(len(spans)))
    values: Values = dataset.read("Y", rows.sample)[np.arange(len(rows)), rows.offset] + np.float32(0.5)
    return values


def test_the_stage_writes_all_outputs_and_prints_the_answer(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(ARGUMENTS) == 0
    out = capsys.readouterr().out
    metrics = json.loads((workspace / "reports/metrics.json").read_text())
    score = metrics["test"]["y0"]["model"]
    assert score["mae"] == pytest.approx(0.5, abs=1e-6)
    assert score["rmse"] == pytest.approx(0.5, abs=1e-6)
    assert score["bias"] == pytest.approx(0.5, abs=1e-6)
    assert metrics["test"]["y0_sum_by_group"]["model"]["n"] > 0
    assert "Yes. The model's mean absolute error for y0 on test is" in out
    assert "rows on which published has no value" in out
    assert all(
        f"reports/{name}" in out
        for name in ("metrics.json", "by_series.csv", "predictions.parquet", "plots/", "report.html")
    )
    page = (workspace / "reports/report.html").read_text(encoding="utf-8")
    assert "1\N{NARROW NO-BREAK SPACE}234\N{NARROW NO-BREAK SPACE}567" in page
    assert str(workspace) not in page


def test_the_stages_settings_in_the_report_hold_no_path(workspace: Path) -> None:
    assert main([*ARGUMENTS, "--set", "raw.path=/somewhere/private"]) == 0
    page = (workspace / "reports/report.html").read_text(encoding="utf-8")
    assert "/somewhere/private" not in page
    assert "Data set gefcom2012, from private" in page


@pytest.mark.parametrize("absent", ["data/dataset.h5", "models/history.json"])
def test_an_absent_input_is_named_and_previous_outputs_stay(
    workspace: Path, capsys: pytest.CaptureFixture[str], absent: str
) -> None:
    assert main(ARGUMENTS) == 0
    before = (workspace / "reports/report.html").read_bytes()
    (workspace / absent).unlink()
    capsys.readouterr()
    assert main(ARGUMENTS) == 1
    err = capsys.readouterr().err
    assert absent in err
    assert "Traceback" not in err
    assert (workspace / "reports/report.html").read_bytes() == before


def test_a_damaged_report_of_an_earlier_stage_is_named(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (workspace / "reports/pack.json").write_text("{")
    assert main(ARGUMENTS) == 1
    assert "reports/pack.json" in capsys.readouterr().err


def test_a_published_forecast_edited_in_all_shards_with_valid_checksums_is_refused(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for shard in (workspace / "data/packed").glob("*.h5"):
        edit(shard, lambda file: file["published"].write_direct(file["published"][()] + 40))
    assert main(ARGUMENTS) == 1
    assert (
        "The shards in data/packed are not those that reports/leaks.json certifies" in capsys.readouterr().err
    )
    assert not (workspace / "reports/metrics.json").exists()


def test_without_the_libraries_of_the_extra_train_one_error_names_them(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(backend, "find_spec", lambda _: None)
    assert main(ARGUMENTS) == 1
    err = capsys.readouterr().err
    assert "hindcast[train]" in err
    assert "Traceback" not in err
    assert not (workspace / "reports/report.html").exists()


def test_trees_that_are_missing_edited_or_of_another_scaler_are_refused(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = next((workspace / "models" / "trees").glob("y0.*.txt"))
    text = file.read_text()
    file.write_text(text.replace("leaf_value=", "leaf_value=9", 1))
    assert main(ARGUMENTS) == 1
    assert f"{file.name} was changed" in capsys.readouterr().err
    file.write_text(text)
    content = json.loads((workspace / "models/trees/trees.json").read_text())
    write_json(workspace / "models/trees/trees.json", {**content, "scaler_digest": "another"})
    assert main(ARGUMENTS) == 1
    assert "with another scaler: run the stage `train` again" in capsys.readouterr().err
    shutil.rmtree(workspace / "models" / "trees")
    assert main(ARGUMENTS) == 1
    assert "trees.json is missing, and evaluate.baselines lists trees" in capsys.readouterr().err
    assert main(["--set", "evaluate.baselines=[published]"]) == 0
