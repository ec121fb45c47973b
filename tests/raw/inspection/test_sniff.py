"""Encoding, separator, quote, decimal sign, lines before the header and the header are told from the text."""

from __future__ import annotations

from itertools import product

import pytest

from pipeline.errors import RawDataError
from pipeline.raw.inspection.sniff import Dialect, cut_line, decode, dialect_of


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


def test_thousands_separators_and_repeated_headings_are_told() -> None:
    found = of("time;x;x\n" + "".join(f"2022-01-{d:02d};1.234,5;7\n" for d in range(1, 9)))
    assert any("thousands" in note for note in found.notes)
    assert any("more than once" in note for note in found.notes)


@pytest.mark.parametrize(
    ("text", "word"),
    [("", "empty"), ("a\n1\n", "one column"), ("a,b\n", "no rows"), ("1,2\n3,4\n", "no header")],
)
def test_what_is_no_table_is_told(text: str, word: str) -> None:
    with pytest.raises(RawDataError, match=word):
        of(text)


def test_a_quote_that_is_not_closed_ends_with_its_line() -> None:
    assert cut_line('1,"2,3', ",", '"') == ["1", "2,3"]
