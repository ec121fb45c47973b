"""Two networks and the published forecast are compared on the rows on which all have a value."""

from __future__ import annotations

import numpy as np
import pytest

from hindcast.pipeline.feed.scored_rows import scored_spans
from hindcast.pipeline.judge.foreign_forecasts import ForeignForecasts
from hindcast.pipeline.judge.load import load_tables
from hindcast.pipeline.judge.paired_forecasts import compare_forecasts
from tests.judge.mock_judged import MockDataset, mock_dataset


def forecasts(dataset: MockDataset, error: float, seed: int, missing: float = 0.0) -> ForeignForecasts:
    """The measured values with errors of a size, some of them missing."""
    spans = scored_spans(dataset, "test")
    tables = load_tables(dataset, "test", spans, ["published"], lambda _: None)
    draw = np.random.default_rng(seed)
    values = np.stack([table.actual for table in tables], axis=1)
    values = (values + error * draw.normal(size=values.shape)).astype(np.float32)
    values[draw.random(values.shape) < missing] = np.nan
    return ForeignForecasts({"test": values}, (), len(values), len(values), ())


def test_scores_and_skills_are_those_of_the_common_rows() -> None:
    dataset = mock_dataset(targets=("usage", "heat"))
    given = {"recipe": forecasts(dataset, 1.0, 1, 0.1), "serving": forecasts(dataset, 2.0, 2, 0.1)}
    tables = load_tables(dataset, "test", scored_spans(dataset, "test"), ["published"], lambda _: None)
    found = compare_forecasts(dataset, given, 7)
    assert [each.target for each in found] == ["usage", "heat"]
    for place, (each, table) in enumerate(zip(found, tables, strict=True)):
        columns = {name: one.values["test"][:, place] for name, one in given.items()}
        columns["published"] = table.forecasts["published"]
        errors = {name: values.astype(float) - table.actual for name, values in columns.items()}
        common = np.all([np.isfinite(error) for error in errors.values()], axis=0)
        assert 100 < common.sum() < len(table)
        for name, error in errors.items():
            assert each.scores[name].n == common.sum()
            assert each.scores[name].mae == pytest.approx(np.abs(error[common]).mean())
        skill = each.skills["recipe", "serving"].mae
        assert skill.value == pytest.approx(1 - each.scores["recipe"].mae / each.scores["serving"].mae)  # type: ignore[operator]
        assert skill.low is not None
        assert skill.low > 0
        assert list(each.skills) == [("recipe", "serving"), ("recipe", "published"), ("serving", "published")]


def test_without_a_published_forecast_two_networks_are_left() -> None:
    dataset = mock_dataset()
    dataset.arrays["published"] = np.full_like(dataset.arrays["published"], np.nan)
    (found,) = compare_forecasts(dataset, {"a": forecasts(dataset, 1, 1), "b": forecasts(dataset, 1, 2)}, 7)
    assert list(found.scores) == ["a", "b"]
    assert list(found.skills) == [("a", "b")]
