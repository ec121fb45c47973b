"""Amounts between readings: the certificate computes them again and names others."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hindcast.pipeline.align import group_inputs
from hindcast.pipeline.align.readings import with_counted
from hindcast.pipeline.align.source_rows import SourceRows
from hindcast.pipeline.certify.certificate import certify
from hindcast.pipeline.certify.check_groups import check_groups
from hindcast.pipeline.certify.counter_readings import counted
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.store.reader import Dataset
from tests.align.mock import HOUR, SOURCES
from tests.certify.small_data import frames, settings
from tests.split.workplace import kinds, make_data


def counters(**align: Any) -> Params:
    meter = copy.deepcopy(SOURCES["meter"])
    meter["values"]["usage"] |= {"counter": {"rollover": 1000}, "resample": "sum"}
    meter |= {"valid_time": {"column": "v", "label": "end"}, "known": {"after_step": "2h"}}
    return settings(described={"meter": meter}, **align)


def with_readings() -> dict[str, pd.DataFrame]:
    """The usage of each series, counted up; some readings are missing, one meter is reset, the other starts again."""
    made = frames()
    meter = made["meter"].sort_values(["series", "valid_time"])
    readings = meter["usage"].abs().groupby(meter["series"]).cumsum()
    late = meter.groupby("series").cumcount() > 100
    meter["usage"] = np.where(meter["series"] == "a", readings % 1000, readings - late * 400)
    return {**made, "meter": meter[np.arange(len(meter)) % 41 != 7]}


def test_a_data_set_with_counters_passes(tmp_path: Path) -> None:
    params = counters(gaps={"fill": "2h", "longer": "indicator"})
    data = make_data(tmp_path, with_readings(), params)
    certificate = certify(data, params)
    assert kinds(certificate) == set(), certificate["checks"]
    with Dataset(data / "dataset.h5") as dataset:
        sample = np.arange(dataset.sample_count)
        targets = dataset.read("Y", sample)[dataset.read("W", sample) > 0]
    assert targets.min() >= 0
    assert targets.max() < 20, "amounts of one step"


def _later(tables: Mapping[str, SourceRows], params: Params, group: str) -> dict[str, SourceRows]:
    """As `with_counted`, but each amount is that of the hour after the reading."""
    made = with_counted(tables, params, group)
    made["meter"] = replace(made["meter"], valid=made["meter"].valid - HOUR)
    return made


def _over_gaps(tables: Mapping[str, SourceRows], params: Params, group: str) -> dict[str, SourceRows]:
    """As `with_counted`, but an amount after a missing reading is that of all steps since the reading before."""
    made = with_counted(tables, params, group)
    meter = tables["meter"]
    columns = dict(meter.values)
    rows = pd.DataFrame({"series": meter.series, "valid": meter.valid, "usage": columns["usage"]})
    used = rows.sort_values("valid").groupby("series")["usage"].diff().reindex(rows.index).to_numpy()
    made["meter"] = replace(meter, values={**columns, "usage": used})
    return made


@pytest.mark.parametrize("leak", [_later, _over_gaps])
def test_amounts_of_other_readings_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leak: Callable[..., dict[str, SourceRows]]
) -> None:
    """The code that makes the shards is spoilt, so making them again shows nothing."""
    params = counters(gaps={"fill": "2h", "longer": "indicator"})
    monkeypatch.setattr(group_inputs, "with_counted", leak)
    data = make_data(tmp_path, with_readings(), params)
    with Dataset(data / "dataset.h5") as dataset:
        found = check_groups(dataset, data / "tables", params).results
    assert any(result.examples for result in found.values()), "no check names the amounts"


def test_the_amount_between_two_readings() -> None:
    nan = float("nan")
    assert counted(5.0, 3.0, None) == 2.0
    assert np.isnan(counted(5.0, nan, None)), "the reading before is missing"
    assert np.isnan(counted(2.0, 3.0, None)), "a reset"
    assert counted(2.0, 99.0, 100.0) == 3.0, "a rollover"
    assert np.isnan(counted(2.0, 3.0, 100.0)), "a reset of a counter that starts again"
