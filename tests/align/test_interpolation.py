"""A coarse vintage is interpolated inside itself, and nowhere else."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hindcast.pipeline.align.align_group import align_frames
from hindcast.pipeline.certify.check_inputs import check_rows
from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.settings.params import Params, check_params
from hindcast.pipeline.store.reader import Dataset
from tests.align.mock import HOUR, START, frame, mock_params
from tests.split.workplace import make_data

VALUES = ("temp", "rain")
HOURS = 96


def with_reach(reach: str | None, source: str = "weather", **align: Any) -> Params:
    values = mock_params(
        sources=("weather", "meter"), origin={"before": "6h"}, features={"vintages": 2}, **align
    ).model_dump(mode="json", by_alias=True)
    values["raw"]["sources"][source]["interpolate"] = reach
    values["split"] = {"validation": 0.0, "test": 0.0}
    return check_params(values, "mock")


def frames(seed: int) -> dict[str, pd.DataFrame]:
    """Vintages every 6 hours with a row every 3 hours for two days, some rows absent, late or without a value."""
    random = np.random.default_rng(seed)
    weather: list[dict[str, Any]] = []
    for issue in range(-48, HOURS, 6):
        for lead in range(0, 49, 3):
            if random.random() < 0.85 and 0 <= issue + lead < HOURS:
                known = issue + int(random.choice([0, 0, 0, 4]))
                moments = {"valid": issue + lead, "issue": issue, "known": known}
                row: dict[str, Any] = {name: START + hour * HOUR for name, hour in moments.items()}
                row |= {name: float(random.normal()) for name in VALUES if random.random() < 0.9}
                weather.append(row | {"series": "a"})
    meter = [
        {"series": "a", "valid": START + at * HOUR, "known": START + (at + 1) * HOUR, "usage": float(at)}
        for at in range(HOURS)
    ]
    return {"weather": frame(weather, VALUES), "meter": frame(meter, ("usage", "flow"))}


def filled_in(table: pd.DataFrame, reach: int, only_filled: bool) -> pd.DataFrame:
    """The slow version: vintage by vintage, pair by pair, hour by hour."""
    if only_filled:
        table = table[~table[list(VALUES)].isna().all(axis=1)]
    rows: list[dict[str, Any]] = _dicts(table)
    for _, vintage in table.groupby(["issue_time", "known_time"]):
        told = _dicts(vintage.sort_values("valid_time"))
        for left, right in pairwise(told):
            length = right["valid_time"] - left["valid_time"]
            for valid in range(left["valid_time"] + HOUR, right["valid_time"], HOUR):
                if length <= reach:
                    share = (valid - left["valid_time"]) / length
                    line = {name: left[name] + (right[name] - left[name]) * share for name in VALUES}
                    rows.append({**left, "valid_time": valid, **line})
    return pd.DataFrame(rows)


def _dicts(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("take", ["newest", "newest_filled"])
@pytest.mark.parametrize("hours", [3, 6])
def test_each_vintage_is_filled_in_between_its_own_rows(seed: int, take: str, hours: int) -> None:
    tables, rule = frames(seed), {"take": take}
    gaps = {"fill": "0h", "longer": "indicator"}
    made = align_frames(tables, with_reach(f"{hours}h", vintage=rule, gaps=gaps), "here")
    slow = tables | {"weather": filled_in(tables["weather"], hours * HOUR, take == "newest_filled")}
    due = align_frames(slow, with_reach(None, vintage=rule, gaps=gaps), "here")
    bare = align_frames(tables, with_reach(None, vintage=rule, gaps=gaps), "here")
    (one,), (other,), (plain,) = made.sequences, due.sequences, bare.sequences
    np.testing.assert_array_equal(one.X, other.X)
    np.testing.assert_array_equal(one.issued, other.issued)
    mask = made.features[0].mask
    assert one.X[:, mask].sum() < plain.X[:, mask].sum() / 2  # else the test is trivial


@pytest.mark.parametrize("take", ["newest", "newest_filled"])
def test_the_certificate_makes_what_lies_between_anew(tmp_path: Path, take: str) -> None:
    params = with_reach("6h", vintage={"take": take}, gaps={"fill": "0h", "longer": "indicator"})
    data = make_data(tmp_path, frames(7), params)
    with Dataset(data / "dataset.h5") as dataset:
        inputs = check_rows(dataset, data / "tables", params)[0]
    assert inputs.rows_checked > 50
    assert inputs.passed, inputs.examples


def test_rows_that_become_known_later_change_nothing_between() -> None:
    tables, params = frames(2), with_reach("6h", gaps={"fill": "0h", "longer": "indicator"})
    now = START + 40 * HOUR
    later = tables["weather"].assign(
        valid_time=tables["weather"]["valid_time"] + HOUR, known_time=now + 1, temp=1000.0
    )
    planted = tables | {"weather": pd.concat([tables["weather"], later], ignore_index=True)}
    one, other = (align_frames(each, params, "here").sequences[0] for each in (tables, planted))
    by_now = one.origin <= now
    assert by_now.sum() > 30
    assert one.X[by_now].tobytes() == other.X[: len(one.X)][by_now].tobytes()
    assert (other.X == 1000).any()


def test_only_vintages_with_an_issue_time_have_an_inside() -> None:
    with pytest.raises(SettingsError, match="interpolate joins the stamps of one vintage"):
        with_reach("3h", source="meter")
