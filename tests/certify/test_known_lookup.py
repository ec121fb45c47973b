"""The first moment at which a value was known, against a loop over all rows of the table."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hindcast.pipeline import tables
from hindcast.pipeline.arrays import TIME_MAX
from hindcast.pipeline.certify.findings import CheckResult
from hindcast.pipeline.certify.known_lookup import Wanted, check_bytes, open_source
from hindcast.pipeline.errors import FormatError, MissingInputError
from hindcast.pipeline.files import digest_of_file
from tests.align.mock import HOUR, START, frame, mock_frames, mock_params
from tests.examples import examples
from tests.split.workplace import write_tables

NAMES = ["", "a", "b"]
PARAMS = mock_params()


def slow(rows: pd.DataFrame, value: str, series: str, valid: int, number: float) -> int:
    """The earliest known time of the rows of a series, or of all, with a value."""
    known = [
        int(row["known_time"])
        for _, row in rows.iterrows()
        if row["series"] in {series, ""}
        and row["valid_time"] == valid
        and not math.isnan(row[value])
        and np.float32(row[value]) == np.float32(number)
    ]
    return min(known, default=TIME_MAX)


@examples(30)
@given(seed=st.integers(0, 10**6), piece=st.sampled_from([1, 3, 16, 1 << 16]), rounded=st.booleans())
def test_the_first_moment_is_that_of_a_slow_search(
    tmp_path_factory: pytest.TempPathFactory, seed: int, piece: int, *, rounded: bool
) -> None:
    random = np.random.default_rng(seed)
    folder = tmp_path_factory.mktemp("tables")
    rows = mock_frames(seed, hours=6, shared=0.3)["weather"].round(1)  # few different numbers: many meet
    assume(len(rows))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "ROWS_A_PIECE", piece)
        write_tables(folder, {"weather": rows}, PARAMS, "here")
    count = 40
    chosen = rows.iloc[random.integers(0, len(rows), count)]
    series = random.integers(0, 3, count)
    valid = np.where(
        random.random(count) < 0.7, chosen["valid_time"], START + random.integers(-2, 9, count) * HOUR
    )
    numbers = {
        name: np.where(
            random.random(count) < 0.7, chosen[name].fillna(0.0), random.normal(10, 3, count).round(1)
        )
        for name in ("temp", "rain")
    }
    if rounded:
        numbers = {name: values.astype(np.float32).astype(np.float64) for name, values in numbers.items()}
    order = np.lexsort((valid, series))
    wishes = {
        name: Wanted(order, series[order], valid[order], values[order]) for name, values in numbers.items()
    }
    with open_source(folder / "weather/here.parquet", NAMES) as table:
        table.look_up(list(wishes.items()))
    for name, wish in wishes.items():
        expected = [
            slow(rows, name, NAMES[series[at]], int(valid[at]), numbers[name][at]) for at in order.tolist()
        ]
        assert wish.earliest.tolist() == expected


def test_some_random_values_are_found_and_some_are_not(tmp_path: Path) -> None:
    rows = mock_frames(3, hours=6, shared=0.3)["weather"].round(1)
    found = [slow(rows, "temp", "a", int(row["valid_time"]), row["temp"]) for _, row in rows.iterrows()]
    assert len({moment for moment in found if moment != TIME_MAX}) > 5
    assert TIME_MAX in found


@pytest.mark.parametrize("number", [0.1, -0.1, 1e-45, -1e-45, 3.4e38, 123456.789, 0.0, -0.0, 1e300])
def test_numbers_within_the_rounding_of_float32_are_the_same(tmp_path: Path, number: float) -> None:
    rows = frame(
        [{"series": "a", "valid": START, "known": START, "issue": START, "temp": number}], ("temp", "rain")
    )
    write_tables(tmp_path, {"weather": rows}, PARAMS, "here")
    with np.errstate(over="ignore"):
        single = np.float32(number)
        beside = np.nextafter(np.nextafter(single, np.float32(np.inf)), np.float32(np.inf))
    for given_number, moment in ((number, START), (float(single), START), (float(beside), TIME_MAX)):
        if not math.isfinite(given_number):
            continue
        wish = Wanted(
            np.zeros(1, np.int64), np.ones(1, np.int64), np.array([START]), np.array([given_number])
        )
        with open_source(tmp_path / "weather/here.parquet", NAMES) as table:
            table.look_up([("temp", wish)])
        assert wish.earliest.tolist() == [moment], given_number


def test_a_table_with_other_bytes_is_refused(tmp_path: Path) -> None:
    write_tables(tmp_path, mock_frames(1), PARAMS, "here")
    path = tmp_path / "meter/here.parquet"
    digest = digest_of_file(path)
    check_bytes(path, digest)
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(FormatError, match="is damaged or was edited"):
        check_bytes(path, digest)
    path.unlink()
    with pytest.raises(MissingInputError, match="is missing"):
        check_bytes(path, digest)


def test_known_times_that_break_the_rule_are_found(tmp_path: Path) -> None:
    rows = mock_frames(1)["weather"]
    rows["known_time"] = rows["issue_time"]
    rows["known_time"] -= np.arange(len(rows)) == 5
    write_tables(tmp_path, {"weather": rows}, PARAMS, "here")
    result = CheckResult("known_rule", "")
    with open_source(tmp_path / "weather/here.parquet", NAMES) as table:
        table.check_rule(result, PARAMS, "weather", "here")
    assert (result.rows_checked, result.violations) == (len(rows), 1)
    assert "but the rule gives" in result.examples[0]
