"""Rows from memory are those that `ingest` writes for the same contents; all their faults are reported at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import hindcast
from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.settings.params import Params, load_params
from hindcast.pipeline.tables import read_table
from hindcast.pipeline.workspace.given_rows import GivenRows
from tests.workspace.conftest import SETTINGS

GROUPS = ("game_01", "game_02")


@pytest.fixture(scope="module")
def params(daily: Path) -> Params:
    return load_params(daily / "params.yaml", SETTINGS)


@pytest.fixture
def frames(daily: Path) -> dict[str, pd.DataFrame]:
    return hindcast.open(daily).as_known("2024-10-01T10:00Z")


def test_the_typed_rows_are_those_of_the_tables(
    daily: Path, params: Params, frames: dict[str, pd.DataFrame]
) -> None:
    doubled = {
        name: pd.concat([frame, frame.sample(frac=0.1, random_state=1)]).sample(frac=1, random_state=2)
        for name, frame in frames.items()
    }
    given = GivenRows(doubled, params, GROUPS)
    assert given.groups == GROUPS
    moment = int(pd.Timestamp("2024-10-01T10:00Z").as_unit("ns").value)
    for group in GROUPS:
        rows = given.read(group)
        assert set(rows) == set(params.raw.table_sources)
        for name, frame in rows.items():
            table = read_table(daily / "data/tables", name, group)
            assert table is not None
            wanted = table[table["known_time"] <= moment].reset_index(drop=True)
            assert list(frame.columns) == list(wanted.columns)
            for column in wanted:
                left, right = (each[column].astype(object) if column == "series" else each[column] for each in (frame, wanted))  # fmt: skip
                np.testing.assert_array_equal(left.to_numpy(), right.to_numpy())
                assert column == "series" or frame[column].dtype == wanted[column].dtype


def test_known_times_follow_from_the_rule_of_the_source(
    params: Params, frames: dict[str, pd.DataFrame]
) -> None:
    without = {name: frame.drop(columns="known_time") for name, frame in frames.items()}
    given, computed = GivenRows(frames, params, GROUPS), GivenRows(without, params, GROUPS)
    for name in frames:
        pd.testing.assert_frame_equal(given.read("game_01")[name], computed.read("game_01")[name])


def test_one_group_needs_no_column(params: Params, frames: dict[str, pd.DataFrame]) -> None:
    own = {name: frame[frame["group"] == "game_02"].drop(columns="group") for name, frame in frames.items()}
    assert GivenRows(own, params, ("game_02",)).groups == ("game_02",)
    with pytest.raises(RawDataError, match="lacks the columns group"):
        GivenRows(own, params, GROUPS)


def test_an_empty_frame_has_no_rows(params: Params, frames: dict[str, pd.DataFrame]) -> None:
    given = GivenRows({**frames, "market": frames["market"][:0]}, params, GROUPS)
    assert "market" not in given.read("game_01")


def _changed(frame: pd.DataFrame, **columns: Any) -> pd.DataFrame:
    return frame.assign(**columns)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows.to_dict(), "must be a pandas DataFrame, found dict"),
        (lambda rows: rows.drop(columns=["valid_time", "usage"]), "lacks the columns valid_time, usage"),
        (lambda rows: _changed(rows, zone="UTC"), "unknown columns zone; its columns: group, series"),
        (lambda rows: _changed(rows, issue_time=rows["valid_time"]), "unknown columns issue_time"),
        (lambda rows: rows.set_axis(["group", "group", *rows.columns[2:]], axis=1), "several columns have the name group"),
        (
            lambda rows: _changed(rows, valid_time=rows["valid_time"].dt.tz_localize(None)),
            r"valid_time must be timestamps with a zone, found datetime64\[ns\]",
        ),
        (lambda rows: _changed(rows, valid_time=rows["valid_time"].astype(str)), "valid_time must be timestamps with a zone"),
        (lambda rows: _changed(rows, valid_time=rows["valid_time"].where(rows.index != 5)), "valid_time has no timestamp in row 5"),
        (lambda rows: _changed(rows, series=7), "series must be texts .*, found 7 in row 0"),
        (lambda rows: _changed(rows, group=""), "group must be texts that are not empty, found '' in row 0"),
        (lambda rows: _changed(rows, usage="1,5"), "usage must be numbers"),
        (lambda rows: _changed(rows, usage=np.inf), "usage: .* are infinite, found inf in row 0"),
        (lambda rows: _changed(rows, usage=-1.0), "usage: .* below min 0, found -1 in row 0"),
        (
            lambda rows: _changed(rows, valid_time=rows["valid_time"] + pd.Timedelta("7min"), known_time=rows["known_time"] + pd.Timedelta("1h")),
            "timestamps of game_01 between the steps of raw.frequency 1h",
        ),
        (lambda rows: _changed(rows, known_time=rows["valid_time"]), "known before its step is over"),
        (
            lambda rows: pd.concat([rows, _changed(rows[:3], usage=rows["usage"][:3] + 1)]),
            "3 rows with the times of another row and other values, as for game_01/customer_001 at 2024-",
        ),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_its_source_and_an_example(
    change: Any, said: str, params: Params, frames: dict[str, pd.DataFrame]
) -> None:
    with pytest.raises(RawDataError, match=f"(?s)meters: .*{said}"):
        GivenRows({**frames, "meters": change(frames["meters"])}, params, GROUPS)


def test_all_faults_of_all_frames_are_reported_at_once(
    params: Params, frames: dict[str, pd.DataFrame]
) -> None:
    weather = _changed(frames["weather"], temperature=900.0).drop(columns="issue_time")
    market = _changed(frames["market"], price="cheap", activity=-3.0)
    with pytest.raises(RawDataError) as fault:
        GivenRows({"weather": weather, "market": market, "sun": weather}, params, GROUPS)
    assert [each.partition(":")[0] for each in fault.value.faults] == [
        "sun", "operator", "meters", "weather", "market", "market"
    ]  # fmt: skip
