"""How numbers are written is detected from the cells of all columns together."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from hindcast.pipeline.inspect.number_style import detect_number_style
from tests.inspect import mock


@pytest.mark.parametrize(
    ("cells", "decimal", "thousands", "asks"),
    [
        (["1.234,5", "7"], ",", ".", False),
        (["1,234.5", "7"], ".", ",", False),
        (["1 234,5", "7,5"], ",", " ", False),
        (["1\u202f234", "2\u00a0345.5"], ".", " ", False),
        (["1'234.5", "7"], ".", "'", False),
        (["1,5", "2,25", "1,234", "3,456"], ",", None, False),
        (["1,234", "2,345", "3,456", "4,567", "12"], ".", ",", True),
        (["1,234", "2,345", "3,456", "4,567", "0,123"], ",", None, False),
        (["1,234", "2,345", "3,456", "4,567", "4153,123"], ",", None, False),
        (["1,234", "2,345", "3,456", "4,567", "4153"], ",", None, True),
        (["1.234.567", "12"], ",", ".", False),
        (["60'045,480", "59'098,327"], ",", "'", False),
        (["1 234.5", "2 345.5"], ".", " ", False),
    ],
)
def test_thousands_separators_are_distinguished_from_decimal_signs(
    cells: list[str], decimal: str, thousands: str | None, asks: bool
) -> None:
    guess = detect_number_style([cells], ";")
    found = guess.style
    assert (found.decimal, found.thousands, bool(guess.doubt)) == (decimal, thousands, asks)


@pytest.mark.parametrize(
    ("cells", "negatives"),
    [(["(12.5)", "7", "8.25"], "brackets"), (["12.5-", "7", "8.25"], "trailing"), (["-12.5", "7"], None)],
)
def test_negative_numbers_without_a_leading_minus_are_recognised(
    cells: list[str], negatives: str | None
) -> None:
    guess = detect_number_style([cells], ";")
    assert guess.style.negatives == negatives
    assert guess.style.decimal == "."
    assert any("negative" in note for note in guess.notes) == (negatives is not None)


def test_units_and_currencies_beside_numbers_are_found_if_they_recur() -> None:
    assert detect_number_style([["1.5 MW", "2 MW", "3 MW"], ["$4", "$5", "6"]], ";").style.around == (
        "$",
        "MW",
    )
    assert detect_number_style([["1.5 MW", *map(str, range(20))]], ";").style.around == ()


def test_decimal_commas_between_commas_are_reported() -> None:
    guess = detect_number_style([["1,5", "2,25"]], ",")
    assert guess.style.decimal == "."
    assert "another separator" in guess.notes[0]


def test_quoted_thousands_between_commas_are_whole_numbers_with_a_question(tmp_path: Path) -> None:
    stamps = pd.date_range("2024-01-01", periods=240, freq="h").strftime("%m/%d/%Y %I:%M %p")
    body = "".join(f'{stamp},"{12 + place % 7},{place % 9}00"\n' for place, stamp in enumerate(stamps))
    seen = mock.seen(tmp_path, load_csv=f"Date/Time,Actual Load\n{body}")
    assert mock.only_source(seen)["thousands"] == ","
    assert "is it a decimal comma?" in "; ".join(mock.questions(seen))
    assert mock.read_back(seen, tmp_path)["realized"].filter(like="load").max().item() == 18_800


def test_three_decimals_between_commas_are_fractions_without_a_complaint_about_commas(tmp_path: Path) -> None:
    stamps = pd.date_range("2024-01-01", periods=200, freq="D").strftime("%Y-%m-%d")
    body = [
        [stamp, f"{place % 90 + 1}.{place % 7 + 200}" if place % 5 else place % 9]
        for place, stamp in enumerate(stamps)
    ]
    seen = mock.seen(tmp_path, sales_csv=mock.lines("date,sales", *body))
    assert "decimal commas" not in "; ".join(mock.questions(seen))
    assert "is read as a decimal fraction" in "; ".join(mock.questions(seen))


def test_a_proven_decimal_comma_makes_points_thousands() -> None:
    guess = detect_number_style([["43381,0000000", "43381,0208333"], ["4.596", "4.690", "17.002"]], ";")
    assert (guess.style.decimal, guess.style.thousands, guess.proven) == (",", ".", True)


def test_two_proven_decimal_signs_are_noted() -> None:
    guess = detect_number_style([["1,25", "2,50"], ["4.5", "4.25"]], ";")
    assert guess.style.thousands is None
    assert "both decimal points" in guess.notes[0]
