"""`evaluate` as a whole over a data set in memory: outputs, verdicts, hostile names, the same bytes twice."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from hindcast.pipeline.arrays import Values
from hindcast.pipeline.errors import FormatError, MissingInputError
from hindcast.pipeline.feed.scored_rows import Rows, Spans
from hindcast.pipeline.files import digest_of_file, write_json
from hindcast.pipeline.judge.evaluation import Evaluation, evaluate
from hindcast.pipeline.judge.split_tables import Predict
from hindcast.pipeline.settings.base import HOUR
from hindcast.pipeline.settings.params import Params, check_params
from tests.judge.mock_judged import MockDataset, mock_dataset, model_with_error

HISTORY = {"epochs": [{"loss": 1.0, "val_loss": 1.2}, {"loss": 0.5, "val_loss": 0.6}], "best_epoch": 2}
SCORE = ("mae", "rmse", "bias", "n")


@pytest.fixture(scope="session")
def make_params(compose_text: Callable[..., str]) -> Callable[..., Params]:
    text = compose_text("dataset=gefcom2012")

    def make(*baselines: str, sums: tuple[str, ...] = ()) -> Params:
        raw = yaml.safe_load(text)
        raw["evaluate"] = {"baselines": list(baselines), "sums": list(sums), "trees_max_rows": 2000}
        return check_params(raw, "test")

    return make


def run(root: Path, dataset: MockDataset, predict: Predict, params: Params, **facts: Any) -> Evaluation:
    write_json(root / "models" / "history.json", HISTORY)
    trees = trees_with_error(dataset) if "trees" in params.evaluate.baselines else None
    return evaluate(dataset, predict, params, root, {"Data set": {"groups": 2}, **facts}, trees=trees)


def files_of(root: Path) -> dict[str, str]:
    reports = root / "reports"
    return {
        str(path.relative_to(reports)): digest_of_file(path)
        for path in sorted(reports.rglob("*"))
        if path.is_file()
    }


def trees_with_error(dataset: MockDataset) -> Callable[[Rows], Values]:
    """Forecasts of trees: those of a model with another error, a row per target."""
    predict = model_with_error(dataset, 4.0, seed=2)
    return lambda rows: np.ascontiguousarray(predict("", rows).T)


def test_a_network_that_cannot_be_loaded_leaves_no_output(
    tmp_path: Path, make_params: Callable[..., Params]
) -> None:
    def predict(split: str, spans: Spans) -> Values:
        raise FormatError("models/model.keras is absent.")

    with pytest.raises(FormatError, match=r"model\.keras"):
        run(tmp_path, mock_dataset(), predict, make_params("published", "trees"))
    (tmp_path / "models" / "history.json").unlink()
    with pytest.raises(MissingInputError, match=r"history\.json is missing: run the stage `train`"):
        evaluate(mock_dataset(), predict, make_params("published", "trees"), tmp_path, {})
    assert not files_of(tmp_path)


def test_every_output_agrees_with_numpy_on_the_predictions(
    tmp_path: Path, make_params: Callable[..., Params]
) -> None:
    params = make_params("published", "persistence", "trees", sums=("group", "all"))
    dataset = mock_dataset(targets=("usage", "other"))
    run(tmp_path, dataset, model_with_error(dataset, 2.0), params)
    metrics = json.loads((tmp_path / "reports/metrics.json").read_text())
    frame = pq.read_table(tmp_path / "reports/predictions.parquet").to_pandas()
    assert list(frame.columns) == [
        "split", "group", "series", "track", "valid_time", "origin", "target", "actual", "model", "published",
        "persistence", "trees", "reference_24h", "reference_168h", "compared",
    ]  # fmt: skip
    assert list(metrics) == ["validation", "test", "statistics"]
    assert list(metrics["test"]) == [
        "usage", "usage_sum_by_group", "usage_sum_over_all", "other", "other_sum_by_group", "other_sum_over_all",
    ]  # fmt: skip
    listed = ["model", "published", "persistence", "trees"]
    assert (frame["compared"] == frame[listed].notna().all(axis=1)).all()
    for (split, target), part in frame[frame["compared"]].groupby(["split", "target"]):
        assert list(metrics[split][target]) == [*listed, "reference_24h", "reference_168h"]
        for name, score in metrics[split][target].items():
            error = (part[name].astype(float) - part["actual"].astype(float)).dropna()
            expected = [error.abs().mean(), np.sqrt((error**2).mean()), error.mean(), len(error)]
            assert [score[key] for key in SCORE] == pytest.approx(expected, rel=1e-6)
        assert len({metrics[split][target][name]["n"] for name in listed}) == 1
        assert metrics[split][target]["reference_24h"]["n"] < metrics[split][target]["model"]["n"]
    _check_by_series(tmp_path / "reports/by_series.csv", frame)


def _check_by_series(path: Path, frame: Any) -> None:
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == ["split", "group", "series", "track", "target", "forecaster", *SCORE]
    assert len(rows) == 2 * 2 * 3 * 2 * 6  # splits, targets, series, tracks, forecasters
    for row in rows[::7]:
        keys = ["split", "group", "series", "target"]
        part = frame[frame["compared"] & (frame["track"] == int(row["track"]))]
        for key in keys:
            part = part[part[key] == row[key]]
        error = (part[row["forecaster"]].astype(float) - part["actual"].astype(float)).dropna()
        assert int(row["n"]) == len(error) > 0
        assert float(row["mae"]) == pytest.approx(error.abs().mean(), rel=1e-6)


def test_the_rows_of_the_predictions_are_those_of_the_data_set(
    tmp_path: Path, make_params: Callable[..., Params]
) -> None:
    dataset = mock_dataset()
    run(tmp_path, dataset, model_with_error(dataset, 0.0), make_params("published"))
    frame = pq.read_table(tmp_path / "reports/predictions.parquet").to_pandas()
    part = dataset.split("test")
    mine = frame[(frame["split"] == "test") & (frame["group"] == "south") & (frame["track"] == 1)]
    start = part.from_time
    known = dataset.arrays["W"][-15:, :, 0].ravel() > 0
    times = start + np.flatnonzero(known) * HOUR
    assert (mine["valid_time"].astype("int64") == times).all()
    assert (mine["origin"].astype("int64") == dataset.arrays["origin"][-15:].ravel()[known]).all()
    assert (mine["actual"] == dataset.arrays["Y"][-15:, :, 0].ravel()[known]).all()
    assert (mine["model"] == mine["actual"]).all()


@pytest.mark.parametrize(
    ("published_error", "model_error", "short"),
    [(3.0, 1.0, "Yes."), (1.0, 3.0, "No."), (2.0, 2.0, "No, not proven.")],
)
def test_the_answer_says_no_as_plainly_as_yes(
    tmp_path: Path, make_params: Callable[..., Params], published_error: float, model_error: float, short: str
) -> None:
    dataset = mock_dataset(published_error=published_error)
    found = run(
        tmp_path, dataset, model_with_error(dataset, model_error), make_params("published", "persistence")
    )
    assert [answer.short for _, answer in found.answers] == [short]
    assert f"<strong>{short}</strong>" in (tmp_path / "reports/report.html").read_text(encoding="utf-8")


def test_without_a_published_forecast_the_best_baseline_is_the_rival_and_the_answer_says_so(
    tmp_path: Path, make_params: Callable[..., Params]
) -> None:
    dataset = mock_dataset(published_error=np.nan)
    found = run(
        tmp_path,
        dataset,
        model_with_error(dataset, 1.0),
        make_params("published", "persistence", "seasonal_24h"),
    )
    ((judgement, answer),) = found.answers
    assert judgement.comparison.absent == ("published",)
    assert answer.short == "No published forecast to compare with."
    assert "best baseline" in answer.sentences[0]
    metrics = json.loads((tmp_path / "reports/metrics.json").read_text())
    assert "published" not in metrics["test"]["usage"]
    assert metrics["test"]["usage"]["model"]["n"] > 0


def test_with_an_empty_test_split_the_answer_is_about_validation(
    tmp_path: Path, make_params: Callable[..., Params]
) -> None:
    dataset = mock_dataset()
    part = dataset.parts["test"]
    dataset.parts["test"] = type(part)("test", part.indices[:0], part.until_time, part.until_time)
    found = run(
        tmp_path, dataset, model_with_error(dataset, 1.0), make_params("published", sums=("group", "all"))
    )
    assert {judgement.split for judgement, _ in found.answers} == {"validation"}
    text = (tmp_path / "reports/metrics.json").read_text()
    assert "NaN" not in text
    assert json.loads(text)["test"]["usage"]["reference_24h"] == {
        "mae": None,
        "rmse": None,
        "bias": None,
        "n": 0,
    }


def test_a_forecast_of_nan_counts_as_missing(tmp_path: Path, make_params: Callable[..., Params]) -> None:
    dataset = mock_dataset()
    found = run(
        tmp_path,
        dataset,
        lambda _, rows: np.full((len(rows), 1), np.nan, np.float32),
        make_params("published"),
    )
    assert [answer.short for _, answer in found.answers] == ["No answer."]
    assert "The model has no value" in (tmp_path / "reports/report.html").read_text(encoding="utf-8")


def test_two_runs_give_the_same_bytes_and_stale_files_are_removed(
    tmp_path: Path, make_params: Callable[..., Params]
) -> None:
    params = make_params("published", "persistence", "trees", sums=("all",))
    found = []
    for name in ("one", "another-place"):
        dataset = mock_dataset()
        run(tmp_path / name, dataset, model_with_error(dataset, 2.0), params)
        found.append(files_of(tmp_path / name))
        plots = tmp_path / name / "reports" / "plots"
        (plots / "stale.svg").write_text("old")
        run(tmp_path / name, dataset, model_with_error(dataset, 2.0), params)
        assert files_of(tmp_path / name) == found[-1]
    assert found[0] == found[1]
    expected = {"metrics.json", "by_series.csv", "predictions.parquet", "report.html"}
    assert {name for name in found[0] if not name.startswith("plots/")} == expected
    plots_found = {name.removeprefix("plots/") for name in found[0] if name.startswith("plots/")}
    assert plots_found >= {"error_by_lead.csv", "error_by_hour.csv", "history.svg", "usage-skill.svg", "usage-lead.svg",
                           "usage-hour.svg", "usage-week-typical.svg", "usage-week-hardest.svg", "usage-pairs.svg"}  # fmt: skip


def test_a_failure_at_the_end_leaves_every_previous_output_unchanged(
    tmp_path: Path, make_params: Callable[..., Params], monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = mock_dataset()
    run(tmp_path, dataset, model_with_error(dataset, 2.0), make_params("published"))
    before = files_of(tmp_path)

    def broken(*_: Any) -> None:
        raise OSError("No space left")

    monkeypatch.setattr("hindcast.pipeline.judge.evaluation.write_report", broken)
    with pytest.raises(OSError, match="No space"):
        run(tmp_path, dataset, model_with_error(dataset, 1.0), make_params("published"))
    assert files_of(tmp_path) == before
    assert sorted(path.name for path in (tmp_path / "reports").iterdir()) == sorted(
        {name.split("/")[0] for name in before}
    )


@pytest.mark.parametrize(
    "name",
    ["<script>alert(1)</script>", "$x_{$", "\x1b[2J\x00", "=1+1,\"'", "汉字 \U0001f600", "..", "{{ 7*7 }}"],
)
def test_hostile_names_are_text_everywhere(
    tmp_path: Path, make_params: Callable[..., Params], name: str
) -> None:
    dataset = mock_dataset(keys=((name, name), ("g", name)), targets=(f"t{name}",), tracks=1, days=40)
    dataset.target_units = (name,)
    run(tmp_path, dataset, model_with_error(dataset, 2.0), make_params("published"), **{name: {name: [name]}})
    page = (tmp_path / "reports/report.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "\x00" not in page
    assert "\x1b" not in page
    with (tmp_path / "reports/by_series.csv").open(newline="", encoding="utf-8") as stream:
        assert {row["series"] for row in csv.DictReader(stream)} == {name}
    frame = pq.read_table(tmp_path / "reports/predictions.parquet").to_pandas()
    assert set(frame["series"]) == {name}
    for path in (tmp_path / "reports/plots").glob("*.svg"):
        assert path.parent == tmp_path / "reports/plots"
        _parsed(path)


def _parsed(path: Path) -> None:
    from xml.etree import ElementTree as ET

    assert ET.parse(path).getroot().tag.endswith("svg")
