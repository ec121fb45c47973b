"""The observed steps of a range of origins are those that evaluation scored, with the same values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.feed.scored_rows import scored_spans
from hindcast.pipeline.judge.load import load_tables
from hindcast.pipeline.serve.observed_range import observed_range
from hindcast.pipeline.settings.params import load_params
from hindcast.pipeline.store.reader import Dataset
from tests.serve.conftest import settings_of


def test_its_rows_are_those_that_were_evaluated(stateful: Path, tmp_path: Path) -> None:
    params = load_params(stateful / "params.yaml", settings_of("stateful")[1::2])
    scored = pd.read_parquet(stateful / "reports/predictions.parquet").query("split == 'test'")
    origins = sorted(scored["origin"].unique())
    first, end = origins[10].value, origins[60].value
    expected = scored[(scored["origin"] >= origins[10]) & (scored["origin"] < origins[60])]
    found = observed_range(params, stateful / "data/tables", tmp_path, (first, end))
    with Dataset(found.dataset) as dataset:
        spans = scored_spans(dataset, "test")
        (table,) = load_tables(dataset, "test", spans, ["published", "persistence"], lambda _: None)
    assert len(expected) == len(table) > 100
    ordered = expected.sort_values(["group", "series", "valid_time"])
    for name, values in (("actual", table.actual), *table.forecasts.items()):
        np.testing.assert_array_equal(values, ordered[name].to_numpy())


def test_a_range_without_an_origin_is_an_error(stateful: Path, tmp_path: Path) -> None:
    params = load_params(stateful / "params.yaml", settings_of("stateful")[1::2])
    moment = int(pd.Timestamp("2024-11-01T10:10").value)
    with pytest.raises(SettingsError, match=r"No step is forecast from 2024-11-01T10:10:00Z"):
        observed_range(params, stateful / "data/tables", tmp_path, (moment, moment + 10))
