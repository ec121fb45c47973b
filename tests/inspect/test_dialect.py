"""Separator, quote, decimal sign, lines above the header and the header are detected from the text."""

from __future__ import annotations

import csv
import re
from datetime import UTC, datetime
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.inspect.dialect import Dialect, cut_lines, detect_dialect


def of(text: str) -> Dialect:
    return detect_dialect([text], "utf-8", "a.csv")


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
def test_every_dialect_is_detected(separator: str, decimal: str, quoted: bool, preamble: str) -> None:
    rows = [
        ["time", "load, total", "wind"],
        *([f"2022-01-01 {h:02d}:00", f"{h}{decimal}5", f"-{h}{decimal}25"] for h in range(24)),
    ]
    rows[0][1] = "load" if separator == "," and not quoted else rows[0][1]
    mark = '"' if quoted else ""
    text = preamble + "\n".join(separator.join(f"{mark}{cell}{mark}" for cell in row) for row in rows) + "\n"
    found = of(text)
    assert (found.separator, found.style.decimal, found.quote) == (separator, decimal, '"')
    assert found.skip_lines == preamble.count("\n")
    assert list(found.header) == rows[0]


def test_a_padded_preamble_and_a_line_of_units_are_not_the_header() -> None:
    text = "Report,,\nof today,,\ntime,load,wind\n,MW,m/s\n" + "".join(
        f"2022-01-01 {h:02d}:00,{h},{h}.5\n" for h in range(9)
    )
    found = of(text)
    assert found.skip_lines == 2
    assert found.header == ("time", "load", "wind")
    assert "units" in found.notes[0]


def test_a_line_of_units_is_ignored() -> None:
    found = of("time,load\n[UTC],[MW]\n" + "".join(f"2022-01-01 {h:02d}:00,{h}.5\n" for h in range(9)))
    assert found.ignore == (r"^\[UTC\],\[MW\]$",)


def test_repeated_names_and_columns_without_names_get_names() -> None:
    rows = "".join(f"2022-01-{d:02d};1.234,5;7\n" for d in range(1, 9))
    found = of("time;x;x\n" + rows)
    assert (found.header, found.given, found.skip_lines) == (("time", "x", "x_2"), True, 1)
    assert any("more than once" in note for note in found.notes)
    found = of("Report\n\n" + rows)
    assert (found.header, found.given, found.skip_lines) == (("column_1", "column_2", "column_3"), True, 2)
    assert of("# time;a;b\n" + rows).header == ("time", "a", "b")


@pytest.mark.parametrize(
    ("text", "word"),
    [("", "empty"), ("a\n1\n", "only one column"), ("a,b\n", "no rows")],
)
def test_a_file_that_is_not_a_table_is_refused_with_the_reason(text: str, word: str) -> None:
    with pytest.raises(RawDataError, match=word):
        of(text)


def test_a_quote_that_is_not_closed_ends_with_its_line() -> None:
    assert cut_lines(['1,"2,3'], ",", '"') == [["1", "2,3"]]


@given(st.lists(st.lists(st.sampled_from(['"', ",", "a", "1", " "]), max_size=8).map("".join), max_size=8))
def test_lines_are_cut_as_each_alone(lines: list[str]) -> None:
    assert cut_lines(lines, ",", '"') == [
        next(csv.reader([line]), []) if '"' in line else line.split(",") for line in lines
    ]


@pytest.mark.parametrize("form", ["%m/%d/%Y %I:%M:%S %p", "%d-%b-%Y %H:%M"])
def test_the_separator_is_not_the_sign_inside_numbers_whatever_the_timestamps(form: str) -> None:
    times = [datetime(2022, 1, 3, hour, tzinfo=UTC).strftime(form) for hour in range(24)]
    found = of("time;site;load\n" + "".join(f"{time};A;{hour}1804,92\n" for hour, time in enumerate(times)))
    assert (found.separator, found.style.decimal) == (";", ",")


@pytest.mark.parametrize("last", ["Total;;12345", "Source: operator"])
@pytest.mark.parametrize("form", ["%d-%b-%Y", "%Y-%m-%d"])
def test_a_last_line_that_is_no_row_is_ignored_whatever_the_timestamps(last: str, form: str) -> None:
    days = [datetime(2022, 1, day, tzinfo=UTC).strftime(form) for day in range(1, 25)]
    found = of("day;site;load\n" + "".join(f"{day};A;1.5\n" for day in days) + last + "\n")
    assert any(re.search(pattern, last) for pattern in found.ignore)
    assert not any(re.search(pattern, day) for pattern in found.ignore for day in days)


@pytest.mark.parametrize(
    ("row", "is_row"),
    [
        ("20210211;HE01;3931,6", True),
        ("11.02.2021;north;3931,6", True),
        ("2021-02-11 01:00;north;", True),
        ("store;2021-02-11;2021-02-12", False),
        (";2021-02-11;2021-02-12", False),
        ("time;1001;1002", False),
    ],
)
def test_a_first_line_of_a_date_and_names_that_occur_below_is_a_row(row: str, *, is_row: bool) -> None:
    first, second, _ = row.split(";")
    below = {"north": "north", "HE01": "HE02"}.get(second, "17")
    days = "".join(f"2021-02-{day};{below};{day},5\n" for day in range(12, 28))
    text = (
        f"{row}\n{days}" if first and first[0].isdigit() else f"{row}\n" + days.replace("2021-02-", "shop ")
    )
    found = of(text)
    assert found.given == is_row


def test_a_tab_separates_times_from_decimal_commas_without_headings() -> None:
    text = "".join(f"{day:02d}.10.2018 00:00:00\t{day * 3},15\n" for day in range(1, 29))
    found = detect_dialect([text], "utf-8", "x.csv")
    assert (found.separator, found.style.decimal, found.given) == ("\t", ",", True)


def test_a_last_separator_is_no_column_although_another_table_has_one_more() -> None:
    rows = "".join(f"2024-10-{day:02d} 00:00;{day}.5;\n" for day in range(1, 29))
    found = detect_dialect([f"time;load;\n{rows}Statistic;Value;Unit\nMean;12;MW\n"], "utf-8", "x.csv")
    assert found.header == ("time", "load")


def test_units_below_the_headings_are_no_numbers_of_one_row() -> None:
    found = detect_dialect(["date;use\nkWh;kWh\n17-Nov-2024;428,24 MW\n"], "utf-8", "x.csv")
    assert (found.style.decimal, found.style.around) == (",", ("MW",))
