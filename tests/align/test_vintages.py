"""A coarse vintage is interpolated inside itself, and nowhere else."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hindcast.pipeline.align.align_group import align_frames
from hindcast.pipeline.align.aligned import NOT_ISSUED
from hindcast.pipeline.align.group_inputs import GroupInputs, prepare_group
from hindcast.pipeline.align.inputs import forecast_input
from hindcast.pipeline.align.vintages import SharedValues, first_available
from hindcast.pipeline.certify.check_groups import check_groups
from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.settings.params import Params, check_params
from hindcast.pipeline.store.reader import Dataset
from tests.align.mock import HOUR, START, frame, mock_params
from tests.split.workplace import make_data


def _forecasts(*rows: tuple[str, int, int, float]) -> pd.DataFrame:
    """Rows (series, valid hour, issue hour, value of temp); known when issued."""
    made: list[dict[str, Any]] = [
        {
            "series": series,
            "valid": START + valid * HOUR,
            "issue": START + issue * HOUR,
            "known": START + issue * HOUR,
            "temp": value,
        }
        for series, valid, issue, value in rows
    ]
    return frame(made, ("temp", "rain"))


def _group(weather: pd.DataFrame, hours: int = 4, **settings: Any) -> GroupInputs:
    meter = [
        {"series": "a", "valid": START + hour * HOUR, "known": START, "usage": 1.0} for hour in range(hours)
    ]
    chosen = mock_params(origin={"before": "0h"}, sources=("weather", "meter"), **settings)
    return prepare_group({"weather": weather, "meter": frame(meter, ("usage", "flow"))}, chosen, "here")


def _temp(group: GroupInputs, ahead: int = 0) -> tuple[list[float | None], list[int | None]]:
    source = group.vintages["weather"]
    found = source.at(group.grid, group.origins_of(0), ahead)
    column = found.values[:, source.names.index("temp")]  # noqa: PD011 (no DataFrame)
    issued = [None if one == NOT_ISSUED else (one - START) // HOUR for one in found.issued.tolist()]
    return [None if np.isnan(value) else value for value in column.tolist()], issued


def test_each_step_has_the_newest_vintage_known_at_its_origin() -> None:
    weather = _forecasts(("a", 1, -3, 10), ("a", 1, 0, 11), ("a", 1, 2, 12), ("a", 2, 1, 20))
    assert _temp(_group(weather)) == ([None, 11, 20, None], [None, 0, 1, None])


def test_rows_of_the_group_are_used_where_the_series_has_no_vintage() -> None:
    weather = _forecasts(("a", 1, 0, 11), ("", 1, 1, 90), ("", 2, 1, 91))
    assert _temp(_group(weather)) == ([None, 11, 91, None], [None, 0, 1, None])


def test_the_step_ahead_is_as_this_step_s_origin_knew_it() -> None:
    weather = _forecasts(("a", 1, 0, 11), ("a", 2, 0, 20), ("a", 2, 2, 22), ("", 4, 1, 40))
    group = _group(weather, features={"ahead": 1})
    assert _temp(group, 1) == ([11, 20, None, 40], [0, 0, None, 1])


def test_a_vintage_may_be_too_old() -> None:
    weather = _forecasts(("a", 2, -1, 20), ("a", 3, -1, 30))
    assert _temp(_group(weather, vintage={"max_age": "3h"})) == (
        [None, None, 20, None],
        [None, None, -1, None],
    )


def test_an_empty_newest_vintage_is_a_gap_or_falls_back_as_the_rule_says() -> None:
    weather = _forecasts(("a", 1, -1, 10), ("a", 1, 0, np.nan))
    assert _temp(_group(weather)) == ([None] * 4, [None, 0, None, None])
    filled = _group(weather, vintage={"take": "newest_filled"})
    assert _temp(filled) == ([None, 10, None, None], [None, -1, None, None])


def test_a_vintage_with_any_value_is_not_empty() -> None:
    weather = _forecasts(("a", 1, -1, 10), ("a", 1, 0, np.nan))
    weather["rain"] = [1.0, 2.0]
    filled = _group(weather, vintage={"take": "newest_filled"})
    assert _temp(filled) == ([None] * 4, [None, 0, None, None])


def test_of_several_sources_the_first_that_has_the_step_gives_it() -> None:
    weather = _forecasts(("a", 1, 0, 11), ("a", 2, 0, np.nan))
    model = _forecasts(*[("", hour, 0, 90 + hour) for hour in range(4)]).rename(columns={"rain": "guess"})
    meter = frame(
        [{"series": "a", "valid": START + hour * HOUR, "known": START} for hour in range(4)],
        ("usage", "flow"),
    )
    chosen = mock_params(origin={"before": "0h"})
    group = prepare_group({"weather": weather, "model": model, "meter": meter}, chosen, "here")
    read = {
        name: (source, source.at(group.grid, group.origins_of(0))) for name, source in group.vintages.items()
    }
    single = first_available(forecast_input(chosen, "temp"), read, 4)
    assert isinstance(single, np.ndarray)
    assert single.tolist() == [90, 11, 92, 93]
    shared = first_available(forecast_input(chosen, "model.temp"), read, 4)
    assert isinstance(shared, SharedValues)
    assert shared.values[group.grid.shared_slot].tolist() == [90, 91, 92, 93]  # noqa: PD011 (no DataFrame)


def test_a_forecast_source_is_joined_even_where_none_of_its_values_is_read() -> None:
    group = _group(_forecasts(("a", 1, 0, 11)), features={"forecast": []})
    found = group.vintages["weather"].at(group.grid, group.origins_of(0))
    assert found.values.shape == (4, 0)  # noqa: PD011 (no DataFrame)
    assert (found.issued != NOT_ISSUED).tolist() == [False, True, False, False]


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
        inputs = check_groups(dataset, data / "tables", params).results["inputs"]
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
    with pytest.raises(SettingsError, match="interpolate fills gaps inside a vintage"):
        with_reach("3h", source="meter")
