"""Planting into real data, at days of 23 and 25 hours too: nothing known after an origin changes a byte of any input."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hindcast.pipeline.align.group_inputs import prepare_group
from hindcast.pipeline.raw.ingest import ingest
from hindcast.pipeline.settings.params import Params, check_params
from hindcast.pipeline.tables import read_table
from tests.align.mock import HOUR, moment
from tests.align.test_planting import check_same_until, plant

Load = Callable[[str], tuple[Params, dict[str, pd.DataFrame]]]

DATA = {
    "ercot": ("ercot_load", "ERCOT", ["align.from=2017-10-20", "align.until=2018-03-20"], "load"),
    "opsd": ("opsd_load", "AT", ["align.from=2018-10-20", "align.until=2019-04-20"], "load"),
    "gefcom2012": ("gefcom2012_wind", "GEFCom2012", ["align.until=2009-09-01"], "power"),
}


def every_kind(value: str) -> dict[str, Any]:
    """Features of every kind over a realized value."""
    return {
        "lags": {value: ["96h", "5d"]},
        "recent": {value: 3},
        "rolling": {value: {"windows": ["24h"], "statistics": ["mean", "std", "min", "max"]}},
        "ahead": 1,
        "vintages": 2,
        "vintage_changes": 1,
        "calendar": ["hour", "weekday", "yearday"],
        "holidays": {"country": "US"},
        "lead": True,
    }


@pytest.fixture(scope="module")
def load(
    shared_data: Callable[[str], Path],
    compose: Callable[..., dict[str, Any]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Load:
    """Settings with features of every kind, and the tables, of one group of a real data set."""

    @cache
    def read(dataset: str) -> tuple[Params, dict[str, pd.DataFrame]]:
        folder, group, overrides, value = DATA[dataset]
        settings = compose(f"dataset={dataset}", *overrides)
        settings["align"]["features"] |= every_kind(value)
        if settings["align"]["published"]:
            settings["align"]["features"]["published_error"] = ["24h"]
        settings["raw"]["path"] = str(shared_data(folder))
        params = check_params(settings, dataset)
        workspace = tmp_path_factory.mktemp(dataset)
        ingest(params, workspace)
        tables = {name: read_table(workspace / "data/tables", name, group) for name in params.raw.sources}
        # a year is enough, and quick
        return params, {
            name: table[table["valid_time"] < params.align.until]
            .reset_index(drop=True)
            .astype({"series": object})
            for name, table in tables.items()
            if table is not None
        }

    return read


@pytest.mark.parametrize(
    ("dataset", "now"),
    [
        ("ercot", "2017-11-05T00:00"),  # the day of 25 hours: 5 November
        ("ercot", "2018-03-10T18:00"),  # the eve of the day of 23 hours
        ("ercot", "2018-03-11T13:00"),
        ("opsd", "2018-10-27T08:00"),  # the gate of the day of 25 hours
        ("opsd", "2019-03-30T09:00"),  # the gate of the day of 23 hours
        ("opsd", "2019-03-31T07:59"),
        ("gefcom2012", "2009-08-15T12:00"),
    ],
)
def test_thousands_of_rows_planted_into_real_data_change_no_byte(load: Load, dataset: str, now: str) -> None:
    params, tables = load(dataset)
    planted = plant(tables, moment(now), np.random.default_rng(7), rows=3000)
    changed = sum(int((table["known_time"] > moment(now)).sum()) for table in tables.values())
    assert changed > 500, "else nothing that was there is changed"
    group = DATA[dataset][1]
    same = check_same_until(
        moment(now), prepare_group(tables, params, group), prepare_group(planted, params, group)
    )
    assert same > 200, "else the test is trivial"


def test_the_planted_rows_do_change_what_comes_later(load: Load) -> None:
    params, tables = load("ercot")
    now = moment("2018-03-10T18:00")
    planted = plant(tables, now, np.random.default_rng(7), rows=3000)
    with pytest.raises(AssertionError):
        check_same_until(
            now + 72 * HOUR, prepare_group(tables, params, "ERCOT"), prepare_group(planted, params, "ERCOT")
        )
