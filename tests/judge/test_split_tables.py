"""Tables come in order with every forecast, whichever thread is first; an error of one thread ends the others."""

from __future__ import annotations

import time
from threading import Event

import numpy as np
import pytest

from hindcast.pipeline.arrays import Values
from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.feed.scored_rows import Rows, Spans, scored_rows
from hindcast.pipeline.judge import split_tables as module
from hindcast.pipeline.judge.split_tables import Predict, PredictTrees, SplitTables
from hindcast.pipeline.judge.table import Table
from hindcast.pipeline.settings.train import TrainSettings
from tests.judge.mock_judged import MockDataset, mock_dataset, model_with_error

COLUMNS = ("model", "published", "persistence", "trees")
SPLITS = ("validation", "test")


def run(dataset: MockDataset, predict: Predict, trees: PredictTrees | None) -> list[Table]:
    tables: list[Table] = []
    columns = COLUMNS if trees else COLUMNS[:3]
    SplitTables(dataset, TrainSettings(), columns, predict, trees).evaluate(SPLITS, tables.append)
    return tables


def trees_of(dataset: MockDataset, pause: float = 0.0) -> PredictTrees:
    predict = model_with_error(dataset, 4.0, seed=2)

    def trees(rows: Rows) -> Values:
        time.sleep(pause)
        return np.ascontiguousarray(predict("", rows).T)

    return trees


@pytest.mark.parametrize(("network_pause", "trees_pause"), [(0.0, 0.0), (0.3, 0.0), (0.0, 0.02)])
@pytest.mark.parametrize("rows_together", [1 << 19, 100])
def test_tables_are_those_of_each_forecaster_alone(
    monkeypatch: pytest.MonkeyPatch, network_pause: float, trees_pause: float, rows_together: int
) -> None:
    monkeypatch.setattr(module, "_TREE_ROWS", rows_together)
    dataset = mock_dataset(targets=("usage", "other"))
    model, trees = model_with_error(dataset, 2.0), trees_of(dataset, trees_pause)

    def predict(split: str, spans: Spans) -> Values:
        time.sleep(network_pause)
        forecasts: Values = model(split, spans)
        return forecasts

    tables = run(dataset, predict, trees)
    assert [(table.split, table.target) for table in tables] == [
        (split, target) for split in SPLITS for target in ("usage", "other")
    ]
    for table in tables:
        rows, target = scored_rows(dataset, table.split), dataset.targets.index(table.target)
        assert len(rows) == len(table) > 200
        np.testing.assert_array_equal(table.time, rows.time)
        np.testing.assert_array_equal(table.forecasts["model"], model(table.split, rows)[:, target])
        np.testing.assert_array_equal(table.forecasts["trees"], trees(rows)[target])
        published = dataset.arrays["published"][rows.sample, rows.offset, target]
        np.testing.assert_array_equal(table.forecasts["published"], published)


def test_without_trees_none_are_predicted() -> None:
    dataset = mock_dataset()
    tables = run(dataset, model_with_error(dataset, 2.0), None)
    assert all("trees" not in table.forecasts for table in tables)
    assert len(tables) == len(SPLITS)


def test_an_error_of_the_network_ends_the_trees_and_scores_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TREE_ROWS", 10)
    dataset, begun, parts = mock_dataset(), Event(), []

    def trees(rows: Rows) -> Values:
        begun.set()
        parts.append(len(rows))
        time.sleep(0.05)
        return np.zeros((1, len(rows)), np.float32)

    def predict(split: str, spans: Spans) -> Values:
        begun.wait()
        raise FormatError("models/model.keras is absent.")

    with pytest.raises(FormatError, match=r"model\.keras"):
        run(dataset, predict, trees)
    assert 0 < sum(parts) < len(scored_rows(dataset, "validation"))


def test_an_error_of_the_trees_is_raised() -> None:
    dataset = mock_dataset()

    def trees(rows: Rows) -> Values:
        raise FormatError("a tree is damaged")

    with pytest.raises(FormatError, match="a tree is damaged"):
        run(dataset, model_with_error(dataset, 2.0), trees)


def test_an_error_of_scoring_ends_the_network_after_the_split_that_it_plays() -> None:
    dataset, failed, played = mock_dataset(), Event(), []
    model = model_with_error(dataset, 2.0)

    def evaluate(table: Table) -> None:
        failed.set()
        raise OSError("no space left")

    def predict(split: str, spans: Spans) -> Values:
        played.append(split)
        if len(played) > 1:
            assert failed.wait(10)
            time.sleep(0.2)
        forecasts: Values = model(split, spans)
        return forecasts

    tables = SplitTables(dataset, TrainSettings(), COLUMNS[:3], predict, None)
    with pytest.raises(OSError, match="no space left"):
        tables.evaluate(("validation", "test", "train"), evaluate)
    assert played == ["validation", "test"]
