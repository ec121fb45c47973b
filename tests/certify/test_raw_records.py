"""Rows of a table by series and time, against a comparison of every row with every series."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.certify.raw_records import Record, Records

row = st.tuples(st.sampled_from(["", "a", "b", "ß"]), st.integers(0, 6), st.integers(0, 9))


def frame(rows: list[tuple[str, int, int]]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["series", "valid_time", "known_time"])
    return table.assign(value=np.arange(len(rows), dtype=float))


@given(st.lists(row, max_size=30), st.integers(0, 6), st.integers(0, 7), st.none() | st.integers(0, 7))
def test_rows_of_a_step_are_those_of_a_search_through_all_rows(
    rows: list[tuple[str, int, int]], begin: int, end: int, until: int | None
) -> None:
    records = Records(frame(rows), {"value": False}, until)
    limit = 7 if until is None else until
    for series in ("", "a", "b", "ß", "absent"):
        inside = [
            Record(valid, known, known, place, {"value": float(place)})
            for place, (name, valid, known) in enumerate(rows)
            if name == series and valid < limit
        ]
        inside.sort(key=lambda record: record.valid)  # stable
        assert records.of_step(series, begin, end) == [one for one in inside if begin <= one.valid < end]
        assert records.first_valid(series) == (inside[0].valid if inside else None)
        known = {record.valid for record in inside if record.known <= 4}
        assert list(dict.fromkeys(records.stamps_known(series, 4))) == sorted(known, reverse=True)


def test_an_angle_is_its_sine_and_cosine() -> None:
    records = Records(frame([("a", 0, 0)]).assign(value=30.0), {"value": True}, None)
    assert records.names == ("value_sin", "value_cos")
    (record,) = records.of_step("a", 0, 1)
    assert dict(record.values) == pytest.approx({"value_sin": 0.5, "value_cos": 0.866025404})
