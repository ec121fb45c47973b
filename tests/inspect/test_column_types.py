"""The texts of a column show whether it holds numbers, text or nothing, and which of them mean missing."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.inspect.column_types import Column, classify_column, classify_columns
from hindcast.pipeline.raw.numbers import NumberStyle

CELLS = [
    "1",
    "2.5",
    "1",
    "7,5",
    "",
    "-",
    "n/a",
    "-999",
    "99999",
    "x",
    "down",
    "2024-01-01",
    "1-2",
    "1.234,5",
    "(3)",
]


def of(*texts: str, decimal: str = ".") -> Column:
    return classify_column(0, "x", pa.array(texts, pa.string()), NumberStyle(decimal))


def test_numbers_keep_their_places_and_missing_cells_are_marked() -> None:
    column = of("1", "", "2.5", "n/a", "-")
    assert column.kind == "number"
    assert np.array_equal(column.numbers, [1, np.nan, 2.5, np.nan, np.nan], equal_nan=True)
    assert column.missing.tolist() == [False, True, False, True, True]
    assert column.markers == ("", "-", "n/a")


def test_decimal_commas_are_read() -> None:
    assert of("1,5", "2,25", decimal=",").numbers.tolist() == [1.5, 2.25]


def test_a_word_that_comes_again_and_again_is_a_marker_and_one_that_comes_once_is_a_bad_cell() -> None:
    column = of(*(str(n) for n in range(50)), "down", "down", "l2.5")
    assert column.markers == ("down",)
    assert column.bad == {"l2.5": 1}
    assert not column.missing[-1]


@pytest.mark.parametrize("sentinel", ["-9999", "-999.0", "99999"])
def test_a_number_far_from_all_others_is_a_sentinel(sentinel: str) -> None:
    column = of(*(str(n % 30) for n in range(60)), sentinel, sentinel)
    assert column.sentinels == (sentinel,)
    assert column.missing[-2:].all()
    assert np.isnan(column.numbers[-1])


@pytest.mark.parametrize(
    ("sentinel", "low", "spread"), [("-999", 1, 1), ("-999", 30_000, 500), ("99999", 40, 1)]
)
def test_a_sentinel_that_occurs_once_is_found(sentinel: str, low: int, spread: int) -> None:
    column = of(*(str(low + n % 60 * spread) for n in range(60)), sentinel)
    assert column.sentinels == (sentinel,)


def test_a_usual_number_of_a_wide_range_is_not_a_sentinel() -> None:
    assert of(*(str(n * 400) for n in range(60)), "9999", "9999").sentinels == ()


@pytest.mark.parametrize(
    ("texts", "kind"),
    [(("", "-", "NA"), "empty"), (("a", "b", "1"), "text"), ((), "empty"), (("1",), "number")],
)
def test_kinds(texts: tuple[str, ...], kind: str) -> None:
    assert of(*texts).kind == kind


@given(
    st.lists(st.lists(st.sampled_from(CELLS), min_size=60, max_size=60), max_size=6),
    st.sampled_from(".,"),
)
def test_many_columns_have_the_types_that_each_has_alone(columns: list[list[str]], decimal: str) -> None:
    style = NumberStyle(decimal)
    regular = [str(number % 7) + f"{decimal}5" for number in range(60)]
    named = [
        (f"c{n}", pa.array(texts, pa.string()))
        for n, texts in enumerate([regular, *columns, regular, [*regular[:-2], "", "-"]])
    ]
    together = classify_columns(named, style)
    assert len(together) == len(named)
    for place, (name, texts) in enumerate(named):
        one, other = together[place], classify_column(place, name, texts, style)
        for field in ("place", "heading", "texts", "kind", "markers", "sentinels", "bad"):
            assert getattr(one, field) == getattr(other, field)
        assert np.array_equal(one.numbers, other.numbers, equal_nan=True)
        assert np.array_equal(one.missing, other.missing)


def test_a_sentinel_among_other_numbers_is_found_if_it_recurs_and_they_do_not() -> None:
    values = [f"{9000 + 31.7 * n:.1f}" for n in range(60)]
    assert of(*values, *["9999"] * 6).sentinels == ("9999",)
    assert of(*values, "9999", "9999").sentinels == ()
    whole = [str(9000 + n % 12 * 100) for n in range(60)]
    assert of(*whole, *["9999"] * 6).sentinels == ()
