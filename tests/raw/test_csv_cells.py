from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.raw.csv_blocks import Block, csv_reader
from hindcast.pipeline.raw.csv_cells import read_cells
from hindcast.pipeline.raw.csv_header import Header
from hindcast.pipeline.raw.csv_layout import Layout, Slot, StampColumns
from hindcast.pipeline.raw.reject_rules import RULES
from hindcast.pipeline.raw.source_files import RawFile
from hindcast.pipeline.settings.raw import Source
from tests.examples import examples
from tests.raw.mock import LONG

SOURCE = Source.model_validate(LONG)


def layout(width: int, *, numbers: tuple[int, ...] = ()) -> Layout:
    """A file of `width` columns that are texts but for `numbers`."""
    texts = tuple(column for column in range(width) if column not in numbers)
    names = tuple(f"c{column}" for column in range(width))
    header = Header(1, names, width, b"")
    slots = (Slot("g", "s", numbers),)
    return Layout(RawFile(Path("a.csv"), "a.csv"), header, slots, valid=StampColumns(texts))


def one_by_one(lines: list[str], width: int) -> tuple[list[list[str]], dict[int, str]]:
    """The definition of a cell: each line by itself, the cells of sound lines and the rules of the others."""
    sound, broken = [], {}
    for number, line in enumerate(lines, 1):
        if not line:
            continue
        cells = csv_reader([line, "closed"], SOURCE)
        found = next(cells)
        if cells.line_num != 1:
            broken[number] = "quotes"
        elif len(found) < width or any(cell.strip() for cell in found[width:]):
            broken[number] = "columns"
        else:
            sound.append(found[:width])
    return sound, broken


@examples(500)
@given(st.lists(st.text('ab", \t', max_size=8), min_size=1, max_size=5), st.integers(1, 3))
def test_cells_are_those_of_each_line_by_itself(lines: list[str], width: int) -> None:
    sound, broken = one_by_one(lines, width)
    cells = read_cells(Block("".join(line + "\n" for line in lines).encode(), 1), layout(width), SOURCE)
    assert [cells.texts[column].to_pylist() for column in range(width)] == [
        list(c) for c in zip(*sound, strict=True)
    ] or (not sound and not len(cells.lines))
    found = {int(line): RULES[rule] for line, rule in zip(cells.broken, cells.broken_rules, strict=True)}
    assert found == broken
    assert sorted([*cells.lines.tolist(), *broken]) == [
        number for number, line in enumerate(lines, 1) if line
    ]


@examples(300)
@given(
    st.lists(
        st.sampled_from(["1", "2.5", "", "-", " 3", "+4", "x", "nan", "inf", '"5"', "1e999", " - "]),
        min_size=1,
        max_size=4,
    )
)
def test_a_number_does_not_depend_on_its_neighbours(cells: list[str]) -> None:
    """Whether the block is clean (typed) or not (as text), a cell is read the same."""
    together = read_cells(
        Block("".join(f"t,{cell}\n" for cell in cells).encode(), 1), layout(2, numbers=(1,)), SOURCE
    )
    for place, cell in enumerate(cells):
        alone = read_cells(Block(f"t,{cell}\n".encode(), 1), layout(2, numbers=(1,)), SOURCE)
        np.testing.assert_array_equal(together.numbers[1][place], alone.numbers[1][0])
        assert bad(together, place) == bad(alone, 0) == (cell in ("x", "inf", "1e999"))


def bad(cells: object, place: int) -> bool:
    marks = getattr(cells, "unreadable").get(1)  # noqa: B009 (a mapping by column)
    return marks is not None and bool(marks[place])


@pytest.mark.parametrize("quote", ['"', "'"])
def test_quoted_cells_hold_separators_and_doubled_quotes(quote: str) -> None:
    source = SOURCE.model_copy(update={"quote": quote})
    text = "{q}a,b{q},{q}c{q}{q}d{q}\n".replace("{q}", quote)
    cells = read_cells(Block(text.encode(), 7), layout(2), source)
    assert [cells.texts[column].to_pylist() for column in (0, 1)] == [["a,b"], [f"c{quote}d"]]
    assert cells.lines.tolist() == [7]


def test_damaged_lines_are_reported_and_empty_lines_are_not_rows() -> None:
    cells = read_cells(Block(b"a,1\n\nb\xff,2\nc\0,3\nd,4\n", 10), layout(2), SOURCE)
    assert cells.lines.tolist() == [10, 14]
    assert cells.broken.tolist() == [12, 13]
    assert {RULES[rule] for rule in cells.broken_rules} == {"encoding"}
