"""Encoding, separator, quote, decimal sign, lines before the header and the header are told from the text."""

from __future__ import annotations

from itertools import product

import pytest

from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.inspect.dialect import Dialect, cut_line, decode, dialect_of
from hindcast.pipeline.inspect.number_style import numerals_of


def of(text: str) -> Dialect:
    return dialect_of([text], "utf-8", "a.csv")


@pytest.mark.parametrize(
    ("separator", "decimal", "quoted", "preamble"),
    [
        (separator, decimal, quoted, preamble)
        for separator, decimal, quoted, preamble in product(
            ",;\t|", ".,", (False, True), ("", "A report\n\nof today\n")
        )
        if separator != decimal
    ],
)
def test_every_dialect_is_told(separator: str, decimal: str, quoted: bool, preamble: str) -> None:
    rows = [
        ["time", "load, total", "wind"],
        *([f"2022-01-01 {h:02d}:00", f"{h}{decimal}5", f"-{h}{decimal}25"] for h in range(24)),
    ]
    rows[0][1] = "load" if separator == "," and not quoted else rows[0][1]
    mark = '"' if quoted else ""
    text = preamble + "\n".join(separator.join(f"{mark}{cell}{mark}" for cell in row) for row in rows) + "\n"
    found = of(text)
    assert (found.separator, found.decimal, found.quote) == (separator, decimal, '"')
    assert found.skip_lines == preamble.count("\n")
    assert list(found.header) == rows[0]


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("Größe".encode(), "utf-8"),
        ("Größe".encode("utf-8-sig"), "utf-8"),
        ("Größe".encode("latin-1"), "latin-1"),
        ("5 € für".encode("cp1252"), "cp1252"),
        ("Größe".encode("utf-16"), "utf-16"),
    ],
)
def test_every_encoding_is_told(content: bytes, encoding: str) -> None:
    texts, found = decode([content], "a.csv")
    assert found == encoding
    assert texts[0] in ("Größe", "5 € für")


def test_line_ends_become_line_feeds() -> None:
    assert decode([b"a\r\nb\rc\n"], "a.csv")[0] == ("a\nb\nc\n",)


def test_a_padded_preamble_and_a_line_of_units_are_no_header() -> None:
    text = "Report,,\nof today,,\ntime,load,wind\n,MW,m/s\n" + "".join(
        f"2022-01-01 {h:02d}:00,{h},{h}.5\n" for h in range(9)
    )
    found = of(text)
    assert found.skip_lines == 2
    assert found.header == ("time", "load", "wind")
    assert "units" in found.notes[0]


def test_a_line_of_units_is_a_line_to_be_ignored() -> None:
    found = of("time,load\n[UTC],[MW]\n" + "".join(f"2022-01-01 {h:02d}:00,{h}.5\n" for h in range(9)))
    assert found.ignore == (r"^\[UTC\],\[MW\]$",)


def test_names_that_stand_twice_and_columns_without_names_get_names() -> None:
    rows = "".join(f"2022-01-{d:02d};1.234,5;7\n" for d in range(1, 9))
    found = of("time;x;x\n" + rows)
    assert (found.header, found.given, found.skip_lines) == (("time", "x", "x_2"), True, 1)
    assert any("more than once" in note for note in found.notes)
    found = of("Report\n\n" + rows)
    assert (found.header, found.given, found.skip_lines) == (("column_1", "column_2", "column_3"), True, 2)
    assert of("# time;a;b\n" + rows).header == ("time", "a", "b")


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
        (["1,234", "2,345", "3,456", "4,567", "0,123"], ",", None, True),
        (["1.234.567", "12"], ",", ".", False),
    ],
)
def test_signs_between_thousands_are_told_from_decimal_signs(
    cells: list[str], decimal: str, thousands: str | None, asks: bool
) -> None:
    found = numerals_of([cells], ";")
    assert (found.decimal, found.thousands, bool(found.notes)) == (decimal, thousands, asks)


@pytest.mark.parametrize(
    ("text", "word"),
    [("", "empty"), ("a\n1\n", "one column"), ("a,b\n", "no rows")],
)
def test_what_is_no_table_is_told(text: str, word: str) -> None:
    with pytest.raises(RawDataError, match=word):
        of(text)


def test_a_quote_that_is_not_closed_ends_with_its_line() -> None:
    assert cut_line('1,"2,3', ",", '"') == ["1", "2,3"]
