"""What was not known at an origin cannot reach the inputs: nothing planted later changes a byte of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.align.features.registry import KINDS
from hindcast.pipeline.align.group_inputs import GroupInputs, prepare_group
from hindcast.pipeline.align.track import read_track
from hindcast.pipeline.settings.gates import NO_ORIGIN
from hindcast.pipeline.settings.params import Params
from tests.align.mock import HOUR, MINUTE, OF_STEPS, SOURCES, START, mock_frames, mock_params, mock_site
from tests.align.strategies import frames, params, with_runs
from tests.examples import examples

SEASONAL = 3  # baselines after these are plain shifts, which ignore the origin


@examples(80)
@given(params(), frames(), st.integers(-12, 80), st.integers(0, 2**32 - 1))
def test_nothing_known_later_changes_the_inputs_of_an_origin(
    chosen: Params, tables: dict[str, pd.DataFrame], hour: int, seed: int
) -> None:
    now = START + hour * HOUR
    planted = plant(tables, now, np.random.default_rng(seed))
    check_same_until(now, prepare_group(tables, chosen, "here"), prepare_group(planted, chosen, "here"))


EVERY_KIND = {
    "lags": {"usage": ["24h", "1d"], "flow": ["24h"]},
    "recent": {"usage": 4},
    "rolling": {"usage": {"windows": ["6h", "24h"], "statistics": ["mean", "std", "min", "max"]}},
    "published_error": ["12h"],
    "ahead": 2,
    "vintages": 3,
    "vintage_changes": 2,
    "calendar": ["hour", "weekday", "yearday"],
    "holidays": {"country": "DE"},
    "lead": True,
}


@pytest.mark.parametrize("rule", [{"take": "newest"}, {"take": "newest_filled", "max_age": "48h"}])
@pytest.mark.parametrize(
    "origin",
    [
        {"every": "6h", "from": "1h", "for": "24h"},
        {"at": "10:00", "zone": "group", "covers": "next_day"},
        {"before": "3h"},
    ],
)
def test_thousands_of_planted_vintages_change_no_byte_of_any_kind_of_feature(
    origin: dict[str, str], rule: dict[str, str]
) -> None:
    chosen = mock_params(
        origin=origin,
        vintage=rule,
        gaps={"fill": "2h", "longer": "indicator"},
        features=EVERY_KIND,
        published={"usage": "guess"},
        sources=tuple(SOURCES),
    )
    assert all(any(kind.columns(chosen)) for kind in KINDS), "a kind is not covered"
    tables = {**mock_frames(5, hours=72, missing=0.02, shared=0.2), "site": mock_site(5)}
    now = START + 48 * HOUR
    planted = plant(tables, now, np.random.default_rng(6), rows=2000)
    assert sum(map(len, planted.values())) > sum(map(len, tables.values())) + 5000
    same = check_same_until(
        now, prepare_group(tables, chosen, "here"), prepare_group(planted, chosen, "here")
    )
    assert same > 50  # else the test is trivial


@examples(60)
@given(params(flagged=True), frames(steady=True), st.integers(-12, 80), st.integers(0, 2**32 - 1))
def test_nothing_known_later_changes_what_is_flagged_at_an_origin(
    chosen: Params, tables: dict[str, pd.DataFrame], hour: int, seed: int
) -> None:
    now, tables = START + hour * HOUR, with_runs(tables)
    planted = plant(tables, now, np.random.default_rng(seed))
    check_same_until(now, prepare_group(tables, chosen, "here"), prepare_group(planted, chosen, "here"))


@pytest.mark.parametrize("hour", range(20, 70, 7))
def test_thousands_of_planted_rows_change_no_byte_where_every_value_has_limits(hour: int) -> None:
    """Planted rows repeat the values around them too, so that runs would become longer, or cover rows between them."""
    limits = {"below": -8, "above": 8, "zeros": "7h", "frozen": "7h"}
    named = [f"{name}.{value}" for name in OF_STEPS for value in SOURCES[name]["values"]]
    chosen = mock_params(
        origin={"before": "3h"},
        gaps={"fill": "2h", "longer": "indicator"},
        features=EVERY_KIND,
        published={"usage": "guess"},
        sources=tuple(SOURCES),
        flags=dict.fromkeys(named, limits),
    )
    tables = {**mock_frames(hour, hours=72, missing=0.02, absent=0.02, steady=True), "site": mock_site(5)}
    now = START + hour * HOUR
    planted = with_runs(plant(tables, now, np.random.default_rng(6), rows=500))
    tables = with_runs(tables)
    one, other = (prepare_group(frames, chosen, "here") for frames in (tables, planted))
    assert one.realized["usage"].has_retractions
    assert sum(count for counts in one.flag_counts["meter"].values() for count in counts.values()) > 20
    assert check_same_until(now, one, other) > 20


def plant(
    tables: Mapping[str, pd.DataFrame], now: int, random: np.random.Generator, rows: int = 40
) -> dict[str, pd.DataFrame]:
    """Change every value known after `now`, and add rows known after `now`: newer, older and empty vintages.

    Planted timestamps stand on and between the steps, inside of the range that their series already has.
    """
    planted = {}
    for name, table in tables.items():
        made = table.copy()
        keys = ("series", "issue_time", "valid_time", "known_time")
        values = [str(column) for column in table if column not in keys]
        later = (made["known_time"] > now).to_numpy()
        for column in values:
            made.loc[later, column] = random.normal(size=int(later.sum())) * 1000
        if len(table) and name != "site":  # what is known for all time has no later rows
            pieces: list[pd.DataFrame] = [made, _new_rows(table, values, now, random, rows)]
            made = pd.concat(pieces, ignore_index=True)
        planted[name] = made
    return planted


def _new_rows(
    table: pd.DataFrame, values: list[str], now: int, random: np.random.Generator, rows: int
) -> pd.DataFrame:
    new = table.iloc[random.integers(0, len(table), rows)].copy()
    last = new["series"].map(table.groupby("series")["valid_time"].max())
    new["valid_time"] = np.minimum(new["valid_time"] + random.integers(0, 5, rows) * 7 * MINUTE, last)
    new["known_time"] = now + 1 + random.integers(0, 48, rows) * HOUR
    if "issue_time" in new:
        new["issue_time"] += random.integers(-24, 24, rows) * HOUR
    for column in values:
        new[column] = np.where(random.random(rows) < 0.3, np.nan, random.normal(size=rows) * 1000)
    return new


def check_same_until(now: int, one: GroupInputs, other: GroupInputs) -> int:
    """Compare all steps whose origin is at most `now`; their number."""
    assert one.grid.times.tolist() == other.grid.times.tolist()
    compared = 0
    for number in range(one.params.align.origin.tracks):
        left, right = read_track(one, number), read_track(other, number)
        by_now = np.flatnonzero((left.origin <= now) & (left.origin != NO_ORIGIN))
        compared += len(by_now)
        for name in ("origin", "X", "published", "complete", "carried"):
            assert getattr(left, name)[by_now].tobytes() == getattr(right, name)[by_now].tobytes(), name
        assert left.baseline[by_now, :, :SEASONAL].tobytes() == right.baseline[by_now, :, :SEASONAL].tobytes()
        for source in left.issued:
            assert left.issued[source][by_now].tobytes() == right.issued[source][by_now].tobytes()
    return compared
