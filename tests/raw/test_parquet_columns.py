from __future__ import annotations

import decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.raw.numbers import NumberStyle
from hindcast.pipeline.raw.parquet_columns import broken_texts, to_names, to_numbers, to_stamps, to_texts
from hindcast.pipeline.settings.base import DAY, SECOND
from tests.examples import examples

STYLE = NumberStyle()


def numbers(column: pa.Array, style: NumberStyle = STYLE) -> list[float]:
    """The numbers of a column without bad cells."""
    values, bad = to_numbers(column, ("",), style)
    assert bad is None or not bad.any()
    return list(values.tolist())


@examples(300)
@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), max_size=30))
def test_a_32_bit_float_is_the_shortest_decimal_that_rounds_to_it(floats: list[float]) -> None:
    short = np.array(floats, np.float32)
    assert numbers(pa.array(short, pa.float32())) == [float(str(number)) for number in short]


@examples(300)
@given(st.lists(st.tuples(st.integers(-99999, 99999), st.integers(0, 6)), max_size=30))
def test_32_bit_floats_of_few_digits_are_these_digits(parts: list[tuple[int, int]]) -> None:
    due = [number / 10**digits for number, digits in parts]
    assert numbers(pa.array(np.array(due, np.float32))) == due


@examples(200)
@given(st.integers(1, 76), st.data())
def test_a_decimal_is_the_nearest_float(precision: int, data: st.DataObject) -> None:
    scale = data.draw(st.integers(0, precision))
    most = 10**precision - 1
    context = decimal.Context(prec=100)
    cells = [
        None if number is None else context.scaleb(decimal.Decimal(number), -scale)
        for number in data.draw(st.lists(st.one_of(st.none(), st.integers(-most, most)), max_size=20))
    ]
    kind = pa.decimal128(precision, scale) if precision <= 38 else pa.decimal256(precision, scale)
    column = pa.array([None, *cells], kind)
    due = [np.nan if cell is None else float(cell) for cell in cells]
    np.testing.assert_array_equal(numbers(column.slice(1)), due)


@pytest.mark.parametrize(
    ("column", "due"),
    [
        (pa.array([True, None, False]), [1, np.nan, 0]),
        (pa.array([2**53 + 1, None, -1]), [float(2**53 + 1), np.nan, -1]),
        (pa.array([1.5, None, np.nan], pa.float16()), [1.5, np.nan, np.nan]),
        (pa.nulls(2), [np.nan, np.nan]),
        (pa.array(["1,5", None, " 2 "]), [1.5, np.nan, 2]),
        (pa.array(["1,5", None, "2"]).dictionary_encode(), [1.5, np.nan, 2]),
        (pa.array([None, None], pa.dictionary(pa.int8(), pa.int64())), [np.nan, np.nan]),
        (pa.array([3, 3, None]).dictionary_encode(), [3, 3, np.nan]),
    ],
)
def test_numbers_of_each_type(column: pa.Array, due: list[float]) -> None:
    np.testing.assert_array_equal(numbers(column, NumberStyle(decimal=",")), due)


def test_infinite_numbers_and_other_texts_are_bad_and_null_is_not() -> None:
    for column in (pa.array([1.0, np.inf, -np.inf, np.nan, None]), pa.array(["1", "x", "inf", "", None])):
        values, bad = to_numbers(column, ("",), STYLE)
        assert bad is not None
        assert bad.tolist() == [False, True, True, False, False]
        assert np.isnan(values).tolist() == [False, True, True, True, True]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("tz", [None, "UTC", "Europe/Madrid"])
def test_timestamps_of_each_unit(unit: str, tz: str | None) -> None:
    per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    seconds = [0, -1, 1711846800]
    found = to_stamps(pa.array([*(second * per_second for second in seconds), None], pa.timestamp(unit, tz)))
    assert found.wall[:3].tolist() == [second * SECOND for second in seconds]
    assert found.ok.tolist() == [True, True, True, False]
    assert set(found.exact.tolist()) == {tz is not None}


@pytest.mark.parametrize(("kind", "per_day"), [(pa.date32(), 1), (pa.date64(), 86_400_000)])
def test_dates(kind: pa.DataType, per_day: int) -> None:
    for column in (
        pa.array([19723 * per_day, None], kind),
        pa.array([19723 * per_day, None], kind).dictionary_encode(),
    ):
        found = to_stamps(column)
        assert found.wall[0] == 19723 * DAY
        assert (found.ok.tolist(), found.exact.tolist()) == ([True, False], [False, False])


def test_years_out_of_range_are_not_timestamps() -> None:
    days = np.array(["1899-12-31", "1900-01-01", "2199-12-31", "2200-01-01", "9999-01-01"], "datetime64[s]")
    for column in (pa.array(days), pa.array(days).cast(pa.date32()), pa.array(days).cast(pa.timestamp("us"))):
        assert to_stamps(column).ok.tolist() == [False, True, True, False, False]


TEXTS: list[tuple[pa.Array, list[str]]] = [
    (pa.array([0, 3600, None], pa.timestamp("s")), ["1970-01-01", "1970-01-01 01:00:00", ""]),
    (pa.array([0, 1500], pa.timestamp("ms", "UTC")), ["1970-01-01 00:00:00Z", "1970-01-01 00:00:01.5Z"]),
    (
        pa.array([0, 100], pa.timestamp("ns", "Europe/Madrid")),
        ["1970-01-01 00:00:00Z", "1970-01-01 00:00:00.0000001Z"],
    ),
    (pa.array([1], pa.date32()), ["1970-01-02"]),
    (pa.array([86_400_000], pa.date64()), ["1970-01-02"]),
    (pa.array([3600, 36000], pa.time32("s")), ["01:00:00", "10:00:00"]),
    (pa.array([3600_500_000], pa.time64("us")), ["01:00:00.5"]),
    (pa.array([1.0, 0.1, 1711846800.0, None, np.nan]), ["1", "0.1", "1711846800", "", ""]),
    (pa.array([0.1, 7], pa.float32()), ["0.1", "7"]),
    (pa.array([True, False, None]), ["true", "false", ""]),
    (pa.array([decimal.Decimal("1.50"), None], pa.decimal32(5, 2)), ["1.50", ""]),
    (pa.array(["a", None]).dictionary_encode(), ["a", ""]),
    (pa.array([b"a", None], pa.binary()), ["a", ""]),
    (pa.nulls(1), [""]),
]


@pytest.mark.parametrize(("column", "due"), TEXTS)
def test_texts_of_each_type(column: pa.Array, due: list[str]) -> None:
    assert to_texts(column).to_pylist() == due
    assert to_names(column).to_pylist() == due


def test_names_have_only_texts_that_occur() -> None:
    column = pa.DictionaryArray.from_arrays(pa.array([2, None, 2]), pa.array(["a", "b", "c"]))
    found = to_names(column)
    assert sorted(found.dictionary.to_pylist()) == ["", "c"]
    assert found.to_pylist() == ["c", "", "c"]


@pytest.mark.parametrize("wrap", [lambda column: column, lambda column: column.dictionary_encode()])
def test_texts_that_are_not_utf_8_are_found(wrap: Any) -> None:
    assert broken_texts(wrap(pa.array([b"a", "é".encode(), None], pa.binary()))) is None
    bad = broken_texts(wrap(pa.array([b"a", b"\xe9", None, b"\0"], pa.binary())))
    assert bad is not None
    assert bad.tolist() == [False, True, False, True]
    assert broken_texts(pa.array([1])) is None
