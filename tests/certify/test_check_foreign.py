"""`certify --table`: leaks, values without a proof and faults of a table, against a loop over its rows and the tables'."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hindcast.pipeline.certify import check_foreign, table_file, table_runs
from hindcast.pipeline.certify.check_foreign import FeatureResult, TableCheck
from hindcast.pipeline.certify.table_file import open_table
from hindcast.pipeline.certify.table_names import read_names
from hindcast.pipeline.certify.table_options import parse_questions
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.tables import read_manifest
from tests.align.mock import HOUR, START, frame, mock_frames, mock_params, mock_site
from tests.examples import examples
from tests.split.workplace import write_tables

SITE = ("weather", "model", "tide", "meter", "site", "estimate")
PARAMS = mock_params(sources=SITE)


def check(
    folder: Path,
    table: pd.DataFrame,
    known: list[str],
    sources: list[str],
    params: Params = PARAMS,
    suffix: str = "parquet",
) -> TableCheck:
    """Check a table beside the tables in `folder`."""
    path = folder / f"table.{suffix}"
    if suffix == "csv":
        table.to_csv(path, index=False)
    else:
        table.to_parquet(path, index=False)
    tables = folder / "tables"
    manifest = read_manifest(tables)
    names = read_names(tables, manifest)
    made = TableCheck(open_table(path), parse_questions(params.raw, known, sources), names, params)
    made.run(tables, manifest, folder)
    assert not (folder / "table_rows").exists()
    return made


def utc(times: Any) -> Any:
    return pd.to_datetime(np.asarray(times, np.int64), utc=True)


def violations(feature: FeatureResult, name: str) -> int:
    return feature.checks[name].violations


def slow_moment(rows: pd.DataFrame, value: str, series: str, valid: int | None, number: float) -> int | None:
    own = rows[rows["series"].isin([series, ""])]
    if valid is not None:
        own = own[own["valid_time"] == valid]
    same = [int(known) for known, other in zip(own["known_time"], own[value], strict=True)
            if not math.isnan(other) and np.float32(other) == np.float32(number)]  # fmt: skip
    return min(same, default=None)


@examples(15)
@given(
    seed=st.integers(0, 10**6),
    suffix=st.sampled_from(["csv", "parquet"]),
    batch=st.sampled_from([1, 13, 1 << 17]),
    most=st.sampled_from([2, 20, 1 << 18]),
)
def test_every_value_is_judged_as_by_a_slow_search(
    tmp_path_factory: pytest.TempPathFactory, seed: int, suffix: str, batch: int, most: int
) -> None:
    random = np.random.default_rng(seed)
    folder = tmp_path_factory.mktemp("table")
    frames: dict[str, pd.DataFrame] = {**mock_frames(seed, hours=8, shared=0.3), "site": mock_site(seed)}
    frames = {name: rows.round(1) for name, rows in frames.items()}
    asked = {
        "t": ("weather", "temp", 0),
        "u": ("meter", "usage", 0),
        "old": ("meter", "usage", 2),
        "size": ("site", "capacity", None),
    }
    assume(all(frames[source][value].notna().any() for source, value, _ in asked.values()))
    write_tables(folder / "tables", frames, PARAMS, "here")
    count = 60
    series = random.choice(["a", "b"], count)
    valid = START + random.integers(0, 8, count) * HOUR
    origin = valid - random.integers(0, 20, count) * HOUR
    table: dict[str, Any] = {"origin": utc(origin), "valid_time": utc(valid), "series": series}
    for name, (source, value, _) in asked.items():
        other = frames[source][value].dropna().to_numpy()
        table[name] = np.where(random.random(count) < 0.1, np.nan, random.choice(other, count))
    made = pd.DataFrame(table).drop_duplicates(["origin", "valid_time", "series"], ignore_index=True)
    if suffix == "csv":
        made = made.assign(origin=made["origin"].map(str), valid_time=made["valid_time"].map(str))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table_file, "_BATCH_ROWS", batch)
        patch.setattr(table_runs, "_MOST_RANGE", most)
        found = check(
            folder,
            made,
            [],
            ["t=weather.temp", "u=meter.usage", "old=meter.usage@2h", "size=site.capacity"],
            suffix=suffix,
        )
    assert found.faults.texts() == []
    for name, (source, value, lag) in asked.items():
        leaks, unknown, margins = 0, 0, []
        row: Any
        for row in made.itertuples():
            number = getattr(row, name)
            if math.isnan(number):
                continue
            when, made_at = (pd.Timestamp(moment).value for moment in (row.valid_time, row.origin))
            time = None if lag is None else when - lag * HOUR
            first = slow_moment(frames[source], value, str(row.series), time, number)
            unknown += first is None
            if first is not None:
                leaks += first > made_at
                margins.append(made_at - first)
        feature = found.features[name]
        assert violations(feature, "source") == leaks, name
        assert feature.without_proof == unknown, name
        assert feature.checks["source"].tightest_margin == min(margins, default=None), name
        assert feature.present == int(made[name].notna().sum())
        assert feature.status == ("leaks" if leaks else "unproven" if unknown else "proven")


def small(**columns: Any) -> pd.DataFrame:
    """Three rows of series `a`, each made an hour before its step."""
    valid = START + np.arange(3) * HOUR
    return pd.DataFrame({"origin": utc(valid - HOUR), "valid_time": utc(valid), "series": "a", **columns})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two vintages and a revised measurement of each step."""
    weather, meter = [], []
    for hour in range(3):
        valid = START + hour * HOUR
        for age, temp in ((24, 10.0 + hour), (-2, 20.0 + hour)):
            weather.append(
                {
                    "series": "a",
                    "valid": valid,
                    "issue": valid - age * HOUR,
                    "known": valid - age * HOUR,
                    "temp": temp,
                }
            )
        for delay, usage in ((1, 1.0 + hour), (30, 5.0 + hour)):
            meter.append({"series": "a", "valid": valid, "known": valid + delay * HOUR, "usage": usage})
    frames = {"weather": frame(weather, ("temp", "rain")), "meter": frame(meter, ("usage", "flow"))}
    write_tables(tmp_path / "tables", frames, PARAMS, "here")
    return tmp_path


def test_a_value_of_a_later_vintage_is_a_leak_with_row_value_and_moment(folder: Path) -> None:
    found = check(folder, small(temp=[10.0, 21.0, np.nan]), [], ["temp=weather.temp"]).features["temp"]
    assert (found.status, found.present, found.missing) == ("leaks", 2, 1)
    (example,) = found.checks["source"].examples
    assert example.startswith(
        "row 2: temp is 21 for here/a, origin 2024-03-29T00:00:00Z, valid_time 2024-03-29T01:00:00Z"
    )
    assert example.endswith("but weather.temp had this value from 2024-03-29T03:00:00Z on")
    assert found.checks["source"].tightest_margin == -3 * HOUR


def test_a_measurement_that_is_not_known_yet_is_a_leak(folder: Path) -> None:
    found = check(folder, small(now=[1.0, 2.0, 3.0]), [], ["now=meter.usage"]).features["now"]
    assert violations(found, "source") == 3
    assert "meter.usage had this value from 2024-03-29T01:00:00Z on" in found.checks["source"].examples[0]


def test_a_lag_that_reaches_a_later_revision_is_a_leak(folder: Path) -> None:
    table = small(old=[np.nan, np.nan, 5.0])  # the revision of two hours before
    found = check(folder, table, [], ["old=meter.usage@2h"]).features["old"]
    assert violations(found, "source") == 1
    table["old"] = [np.nan, np.nan, 1.0]
    assert check(folder, table, [], ["old=meter.usage@2h"]).features["old"].status == "proven"


def test_a_value_that_the_source_never_had_is_unproven(folder: Path) -> None:
    found = check(folder, small(temp=[10.0, 11.0, 99.0]), [], ["temp=weather.temp"]).features["temp"]
    assert (found.status, found.without_proof) == ("unproven", 1)
    assert "temp is 99 for here/a" in found.unproven[0]
    assert "a value that weather.temp never had for that time" in found.unproven[0]


def test_a_known_moment_after_the_origin_is_a_leak(folder: Path) -> None:
    origin = START + np.arange(3) * HOUR - HOUR
    table = small(temp=[1.0, 2.0, 3.0], at=utc(origin + np.array([0, 1, -5])))
    found = check(folder, table, ["temp=at"], []).features["temp"]
    assert (found.status, violations(found, "known")) == ("leaks", 1)
    assert found.checks["known"].examples == [
        "row 2: temp is 2.0, known at 2024-03-29T00:00:00.000000001Z, after the origin 2024-03-29T00:00:00Z"
    ]
    assert found.checks["known"].tightest_margin == -1


def test_a_value_without_a_known_moment_is_unproven_and_a_missing_one_needs_none(folder: Path) -> None:
    at = utc(START + np.arange(3) * HOUR - HOUR).to_series(index=range(3))
    at[1:] = pd.NaT
    found = check(folder, small(temp=[1.0, 2.0, np.nan], at=at), ["temp=at"], [])
    assert (found.features["temp"].status, found.features["temp"].without_proof) == ("unproven", 1)
    assert found.features["temp"].unproven == ["row 2: temp is 2.0, but at is empty"]
    assert found.faults.texts() == []


def test_columns_without_a_question_are_unproven_features(folder: Path) -> None:
    found = check(folder, small(temp=1.0, at=utc([START - HOUR] * 3), other="x"), ["temp=at"], [])
    assert {name: feature.status for name, feature in found.features.items()} == {
        "temp": "proven",
        "other": "unproven",
    }


def faulty() -> Mapping[str, list[str]]:
    good = ["2024-03-28T23:00Z", "2024-03-29T00:00Z", "a", "10", "2024-03-28T00:00Z"]
    rows = [
        good,
        ["2024-03-28T23:00Z", "soon", "a", "10", "2024-03-28T00:00Z"],
        ["2024-03-28T23:00", "2024-03-29T02:00Z", "a", "10", ""],
        ["", "2024-03-29T02:00Z", "a", "10", "yesterday"],
        ["2024-03-28T23:00Z", "2024-03-29T02:00Z", "nobody", "10", "2024-03-28T00:00"],
        ["2024-03-29T02:00:01Z", "2024-03-29T02:00Z", "a", "", ""],
        ["2024-03-28T22:00Z", "2024-03-29T02:00Z", "a", "many", "2024-03-28T00:00Z"],
        good,
    ]
    names = ("origin", "valid_time", "series", "temp", "at")
    return {name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}


def test_all_faults_are_told_at_once_with_the_first_row(folder: Path) -> None:
    found = check(folder, pd.DataFrame(faulty()), ["temp=at"], ["temp=weather.temp"], suffix="csv")
    texts = "\n".join(found.faults.texts())
    for part in (
        "1 row with no time in origin, first in line 5",
        "1 row with text that is no time in valid_time, first in line 3 (valid_time soon): write it as",
        "1 row with a time without a zone in origin, first in line 4 (origin 2024-03-28T23:00): add Z",
        "1 row with an unknown series, first in line 6 (series 'nobody'): data/tables has here, here/a",
        "1 row with an origin after the valid_time, first in line 7 (origin 2024-03-29T02:00:01Z, valid_time",
        "1 row with text that is no time in at, first in line 5 (at yesterday)",
        "1 row with a time without a zone in at, first in line 6",
        "1 row with no number in temp, first in line 8 (temp 'many')",
        "1 row with the series, origin and valid_time of another row, first in line 9 (here/a, origin 2024",
    ):
        assert part in texts
    assert len(found.faults.texts()) == 9


def test_steps_of_local_days_begin_at_local_midnight(tmp_path: Path) -> None:
    params = mock_params(
        frequency="1d",
        zone="America/New_York",
        sources=("meter",),
        gaps={"fill": "0h"},
        origin={"before": "1h"},
    )
    midnight = START + 4 * HOUR  # of 29 March in New York
    meter = frame(
        [{"series": "a", "valid": midnight, "known": midnight + 24 * HOUR, "usage": 7.0}], ("usage", "flow")
    )
    write_tables(tmp_path / "tables", {"meter": meter}, params, "here")
    table = pd.DataFrame(
        {
            "origin": utc([START + 3 * HOUR, START + 25 * HOUR]),
            "valid_time": utc([START, START + 24 * HOUR]),
            "old": [7.0, 7.0],
        }
    )
    found = check(tmp_path, table, [], ["old=meter.usage@1d"], params)
    assert found.faults.texts() == []  # each origin is before its local midnight
    feature = found.features["old"]
    assert (feature.without_proof, violations(feature, "source")) == (1, 1)
    assert "from 2024-03-30T04:00:00Z on" in feature.checks["source"].examples[0]


def test_examples_are_few_and_all_rows_are_counted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_foreign, "MOST_EXAMPLES", 2)
    monkeypatch.setattr(table_file, "_BATCH_ROWS", 1)
    table = small(temp=[20.0, 21.0, 22.0], at=utc([START + 9 * HOUR] * 3))
    found = check(folder, table, ["temp=at"], ["temp=weather.temp"]).features["temp"]
    for name in ("known", "source"):
        assert (found.checks[name].violations, len(found.checks[name].examples)) == (3, 2)
