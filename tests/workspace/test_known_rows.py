"""What was known at a moment, against a loop over the rows of the Parquet files."""

from __future__ import annotations

import datetime as dt
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import hindcast
from hindcast.pipeline.errors import MissingInputError
from hindcast.pipeline.workspace.known_rows import moment_of

ORIGINS = ("2024-09-01", "2024-10-01T10:00Z", "2024-10-01T09:59:59.999999999Z")


def slow(tables: Path, source: str, origin: int, *, newest: bool) -> list[tuple[Any, ...]]:
    """Every row of every file, one by one; with `newest`, a dictionary that later vintages overwrite."""
    found: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    for path in sorted((tables / source).glob("*.parquet")):
        for number, row in enumerate(with_times(pq.read_table(path)).to_pylist()):
            if row["known_time"] > origin:
                continue
            key: tuple[Any, ...] = (path.stem, row["series"], row["valid_time"])
            rank = (row.get("issue_time", row["known_time"]), row["known_time"])
            key = key if newest else (*key, number)
            if key not in found or found[key][0] <= rank:
                found[key] = (rank, (path.stem, *row.values()))
    return [row for _, row in found.values()]


def with_times(table: pa.Table) -> pa.Table:
    """Times as integers."""
    for at, name in enumerate(table.column_names):
        if name.endswith("_time"):
            table = table.set_column(at, name, table[name].cast(pa.int64()))
    return table


def canonical(rows: list[tuple[Any, ...]]) -> list[str]:
    def text(cell: Any) -> str:
        return "none" if cell is None or (isinstance(cell, float) and math.isnan(cell)) else str(cell)

    return sorted("|".join(map(text, row)) for row in rows)


@pytest.mark.parametrize("newest", [False, True])
@pytest.mark.parametrize("origin", ORIGINS)
def test_rows_are_those_known_by_then_and_no_others(finished: Path, origin: str, newest: bool) -> None:
    found = hindcast.open(finished).as_known(origin, newest=newest)
    assert set(found) == {"weather", "market", "operator", "meters"}
    for source, frame in found.items():
        rows = with_times(pa.Table.from_pandas(frame, preserve_index=False)).to_pylist()
        expected = slow(finished / "data/tables", source, moment_of(origin), newest=newest)
        assert canonical([tuple(row.values()) for row in rows]) == canonical(expected), source
        assert (len(expected) > 0) == (origin != "2024-09-01")
        assert not (frame["known_time"] > pd.Timestamp(moment_of(origin), tz="UTC")).any()


def test_the_features_of_a_step_are_values_known_at_its_origin(finished: Path) -> None:
    """The same arithmetic as `pack`: the newest vintage known at the origin is the one that X holds."""
    with hindcast.open(finished) as work:
        steps = work.steps("game_02", "customer_003")
        for place in range(300, 320, 7):
            origin, wanted = steps["origin"].iloc[place], steps["temperature"].iloc[place]
            weather = work.as_known(origin, groups=["game_02"], newest=True)["weather"]
            found = weather.loc[weather["valid_time"] == steps.index[place], "temperature"]
            assert found.astype(np.float32).tolist() == [wanted]


def test_only_what_is_asked_for_is_read(finished: Path) -> None:
    found = hindcast.open(finished).as_known("2024-10-01", sources=["meters"], groups=["game_01"])
    assert list(found) == ["meters"]
    assert set(found["meters"]["group"]) == {"game_01"}


def test_unknown_sources_and_groups_are_all_named(finished: Path) -> None:
    with pytest.raises(
        MissingInputError, match=r"no source 'radar', no group 'moon'; its sources: .*weather"
    ):
        hindcast.open(finished).as_known("2024-10-01", sources=["radar"], groups=["moon"])


@pytest.mark.parametrize(
    "moment",
    [
        "2024-10-01T12:00+02:00",
        "2024-10-01 10:00",
        dt.datetime(2024, 10, 1, 10, tzinfo=dt.UTC),
        np.datetime64("2024-10-01T10:00", "s"),
        pd.Timestamp("2024-10-01T12:00", tz="Europe/Berlin"),
        1_727_776_800_000_000_000,
    ],
)
def test_a_moment_may_be_of_any_type(moment: object) -> None:
    assert moment_of(moment) == 1_727_776_800_000_000_000


@pytest.mark.parametrize("moment", ["soon", None, "NaT", object()])
def test_what_is_no_moment_is_refused(moment: object) -> None:
    with pytest.raises(ValueError, match="origin must be a moment"):
        moment_of(moment)
