"""Where the tables of a file begin."""

from __future__ import annotations

from hindcast.pipeline.inspect.dialect import detect_dialect
from hindcast.pipeline.inspect.table_starts import TableStart, find_tables

ROWS = "".join(f"2024-03-{day:02d} 00:00;{day * 1.5}\n" for day in range(1, 20))


def tables_of(text: str) -> tuple[TableStart, ...]:
    return find_tables(text, detect_dialect([text], "utf-8", "x.csv"))


def test_the_headings_of_each_table_have_a_line_and_a_title() -> None:
    text = f"Zone A\ntime;load\n{ROWS}\nZone B;\ntime;load\n{ROWS}time;load\n{ROWS}"
    assert tables_of(text) == (TableStart(2, "Zone A"), TableStart(24, "Zone B"), TableStart(44, ""))


def test_headings_that_differ_behind_the_first_one_begin_a_table_too() -> None:
    text = f"time;A MW\n{ROWS}\ntime;B MW\n{ROWS}"
    assert [table.line for table in tables_of(text)] == [1, 22]


def test_a_file_with_one_table_has_none() -> None:
    assert tables_of(f"time;load\n{ROWS}") == ()
    assert tables_of(ROWS) == ()
