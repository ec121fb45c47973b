"""Amounts of accumulated forecasts: the certificate computes them again and names others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hindcast.pipeline.align import vintage_rows
from hindcast.pipeline.align.accumulated import with_amounts
from hindcast.pipeline.align.source_rows import SourceRows
from hindcast.pipeline.certify.certificate import certify
from hindcast.pipeline.certify.check_groups import check_groups
from hindcast.pipeline.certify.lead_amounts import amount
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.store.reader import Dataset
from tests.align.mock import HOUR
from tests.certify.small_data import frames, settings
from tests.split.workplace import kinds, make_data


def accumulated(**align: Any) -> Params:
    return settings(values={"weather.rain": {"accumulated": "since_issue"}}, **align)


def with_sums(holes: bool = True) -> dict[str, pd.DataFrame]:
    """The rain of each vintage, accumulated; some leads are missing."""
    made = frames()
    weather = made["weather"].sort_values(["series", "issue_time", "valid_time"])
    weather["rain"] = weather.groupby(["series", "issue_time"])["rain"].cumsum()
    if holes:
        weather = weather[
            (np.arange(len(weather)) % 7 != 3) | (weather["valid_time"] == weather["issue_time"])
        ]
    return {**made, "weather": weather.sort_values(["series", "valid_time", "issue_time"])}


@pytest.mark.parametrize("interpolated", [False, True])
def test_a_data_set_with_accumulated_forecasts_passes(tmp_path: Path, interpolated: bool) -> None:
    params = accumulated(gaps={"fill": "2h", "longer": "indicator"})
    if interpolated:
        weather = params.raw.sources["weather"].model_copy(
            update={"interpolate": params.raw.frequency.parse("3h")}
        )
        sources = {**params.raw.sources, "weather": weather}
        params = params.model_copy(update={"raw": params.raw.model_copy(update={"sources": sources})})
    data = make_data(tmp_path, with_sums(), params)
    certificate = certify(data, params)
    assert kinds(certificate) == set(), certificate["checks"]
    with Dataset(data / "dataset.h5") as dataset:
        rain = dataset.read("X", np.arange(dataset.sample_count))[..., dataset.features.index("rain")]
    assert 0 < rain.max() < 2.5, "amounts of one step, or of a step between two leads"


def _frame(table: SourceRows) -> pd.DataFrame:
    columns = {"series": table.series, "issue": table.issue, "valid": table.valid}
    return pd.DataFrame({**columns, **table.values})  # noqa: PD011 (no DataFrame)


def _with_rain(table: SourceRows, rain: Any) -> SourceRows:
    values = dict(table.values)
    return replace(table, values={**values, "rain": rain.to_numpy()})


def _of_two_steps(table: SourceRows, *_: Any) -> SourceRows:
    """As `with_amounts`, but an amount after a missing lead is that of all steps since the lead before."""
    rows = _frame(table)
    step = rows.sort_values("valid").groupby(["series", "issue"])["rain"].diff().reindex(rows.index)
    return _with_rain(table, step.fillna(rows["rain"]))


def _of_newer_vintages(table: SourceRows, *given: Any) -> SourceRows:
    """As `with_amounts`, but with values that were issued six hours later."""
    rows = _frame(table)
    newer = rows.assign(issue=rows["issue"] - 6 * HOUR)
    found = rows.merge(newer, on=["series", "issue", "valid"], how="left", suffixes=("", "_newer"))
    return with_amounts(_with_rain(table, found["rain_newer"]), *given)


@pytest.mark.parametrize("leak", [_of_two_steps, _of_newer_vintages])
def test_wrong_amounts_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leak: Callable[..., SourceRows]
) -> None:
    """The code that makes the shards is spoilt, so making them again shows nothing."""
    params = accumulated(gaps={"fill": "0h", "longer": "indicator"})
    monkeypatch.setattr(vintage_rows, "with_amounts", leak)
    data = make_data(tmp_path, with_sums(), params)
    with Dataset(data / "dataset.h5") as dataset:
        inputs = check_groups(dataset, data / "tables", params).results["inputs"]
    assert any(": rain is " in example for example in inputs.examples), inputs.examples


def test_amounts_of_one_row() -> None:
    nan = float("nan")
    assert amount(5.0, 3.0, 9, 1) == 2.0
    assert amount(5.0, nan, 1, 1) == 5.0
    assert np.isnan(amount(5.0, nan, 2, 1)), "the lead before is missing"
    assert np.isnan(amount(2.0, 3.0, 9, 1)), "a reset"
    assert amount(2.9999, 3.0, 9, 1) == 0.0, "the rounding of the file"
    assert amount(-4.0, -3.0, 9, 1) == -1.0, "outgoing radiation"
