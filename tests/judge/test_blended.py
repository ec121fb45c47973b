"""The blend of a table is what its weights give, row by row; what it was made of is counted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from hindcast.pipeline.digests import write_folder_digests
from hindcast.pipeline.feed.lead_bands import lead_bands
from hindcast.pipeline.feed.scored_rows import scored_spans
from hindcast.pipeline.judge.answer import derive_answer
from hindcast.pipeline.judge.blended import BlendedRows, blend_of_table, blended_rows
from hindcast.pipeline.judge.load import load_tables
from hindcast.pipeline.judge.outputs import collect_metrics
from hindcast.pipeline.judge.scores import judge_table
from hindcast.pipeline.judge.table import Table
from hindcast.pipeline.learn.blend_file import Blend
from hindcast.pipeline.learn.blend_fit import fit_blend
from hindcast.pipeline.learn.validation_parts import divide_validation
from tests.judge.mock_judged import mock_dataset, model_with_error
from tests.mock_data import mock_params

PARAMS = mock_params(train={"blend": {"members": ["published", "model", "seasonal_24h"]}})


@pytest.fixture
def made(tmp_path: Path) -> tuple[Blend, Table]:
    dataset = mock_dataset(days=120)
    predict = model_with_error(dataset, 3.0)
    source = cast("Any", dataset)
    fit_blend(
        PARAMS, source, divide_validation(source), tmp_path, None, lambda spans: predict("validation", spans)
    )
    write_folder_digests(tmp_path)
    blend, spans = Blend(tmp_path), scored_spans(dataset, "test")
    (table,) = load_tables(dataset, "test", spans, ["published", "seasonal_24h"], lambda _: None)
    table.forecasts["model"] = predict("test", spans)[:, 0]
    table.forecasts["blend"] = blend_of_table(blend, PARAMS, table)
    return blend, table


def test_each_row_is_the_weighted_mean_of_the_members_that_have_a_value(made: tuple[Blend, Table]) -> None:
    blend, table = made
    bands = lead_bands(table.leads(slice(None)))
    lacking = 0
    for row in range(0, len(table), 7):
        key = table.names.key(int(table.series[row]))
        weights = blend.weights("usage", [key], np.array([0]), bands[row : row + 1])[0]
        values = np.array([table.forecasts[name][row] for name in blend.members], np.float64)
        has = np.isfinite(values)
        lacking += not has.all()
        due = (weights[has] * values[has]).sum() / weights[has].sum()
        assert table.forecasts["blend"][row] == pytest.approx(due, rel=1e-6)
    assert lacking


def test_the_blend_is_judged_each_member_is_scored_and_missing_ones_are_counted(
    made: tuple[Blend, Table],
) -> None:
    blend, table = made
    marked, judgement = judge_table(table, ["published", "seasonal_24h", "blend"], seed=7)
    judgement = replace(judgement, blend=blended_rows(blend, marked))
    assert judgement.judged == "blend"
    assert judgement.rival == "published"
    assert {each.other for each in judgement.others} == {"model", "published", "seasonal_24h"}
    errors = {name: score.mae or 0.0 for name, score in judgement.scores.items()}
    assert errors["blend"] < min(errors["model"], errors["published"])
    found = judgement.blend
    assert found is not None
    assert sum(found.weights.values()) == pytest.approx(1)
    known = np.isfinite(table.actual)
    assert found.missing["published"] == (np.isnan(table.forecasts["published"]) & known).sum() > 0
    text = str(derive_answer(judgement))
    assert "The blend's mean absolute error" in text
    assert "Training expected a gain of" in text
    assert f"published at {found.missing['published']}" in text
    metrics = collect_metrics([judgement])
    assert metrics["blend"]["test"]["usage"]["expected_gain"]["rival"] == "published"
    assert set(metrics["test"]["usage"]) == {"model", "blend", "published", "seasonal_24h"}


def test_a_blend_that_is_the_published_forecast_is_said_to_be_equal_by_construction(
    made: tuple[Blend, Table],
) -> None:
    _, table = made
    _, judgement = judge_table(table, ["published", "blend"], seed=7)
    expected = {"rival": "published", "value": 0.0, "low": None, "high": None, "days": 9, "rows": 9}
    for weight, equal in ((0.95, True), (0.94, False)):
        rows = BlendedRows({"published": weight, "model": 1 - weight}, {}, expected)
        assert rows.as_dict()["equal_by_construction"] is equal
        text = str(derive_answer(replace(judgement, blend=rows)))
        assert ("equal to the published forecast by construction" in text) is equal
