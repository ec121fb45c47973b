"""Lines -> cells by column: typed where a whole block is clean, else as text and cast by column.

What a cell is, is defined by Python's csv reader over single lines.  pyarrow agrees with it wherever it
returns a row for every line and the last line closes its quotes (tests compare them); where it does not,
the lines are cut one by one.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass, field
from itertools import chain, islice

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
from numpy.typing import NDArray

from pipeline.raw.faults import COLUMNS, ENCODING, GOOD, QUOTES, Rules
from pipeline.raw.header import Layout
from pipeline.raw.numbers import Numbers, numbers_of
from pipeline.raw.text import UTF8_NAMES, Block, reader
from pipeline.settings.raw import Source

Lines = NDArray[np.int64]
_REPLACEMENT = "\ufffd".encode()  # what a decoder puts where it cannot read


@dataclass(frozen=True)
class Cells:
    """The cells that a layout needs, an element a line that could be cut.

    `lines` are line numbers in the file; `numbers` hold NaN where missing or unreadable, and
    `unreadable` marks the latter (a column that is absent there has none).  `broken` lines could not be
    cut, by `broken_rules`.  `typed` says that the fast way did.
    """

    lines: Lines
    texts: dict[int, pa.StringArray]
    numbers: dict[int, Numbers]
    unreadable: dict[int, NDArray[np.bool_]] = field(default_factory=dict)
    broken: Lines = field(default_factory=lambda: np.empty(0, np.int64))
    broken_rules: Rules = field(default_factory=lambda: np.empty(0, np.uint8))
    typed: bool = False


def cut(block: Block, layout: Layout, source: Source, *, try_typed: bool = True) -> Cells:
    """The needed cells of a block of lines below the header; empty lines are no rows.

    `try_typed` may be False where a typed reading is likely to fail; the cells are the same.
    """
    if try_typed and _is_text(block.data, source):
        count = block.line_count
        numbers_and_texts = _read_typed(block.data, count, layout, source)
        if numbers_and_texts is not None:
            lines = np.arange(block.first_line, block.first_line + count)
            return Cells(lines, *numbers_and_texts, typed=True)
    data, lines, damaged = _sound_lines(block, source)
    broken, rules = damaged, np.full(len(damaged), ENCODING, np.uint8)
    if not len(lines):
        return Cells(lines, *_no_cells(layout), broken=broken, broken_rules=rules)
    texts = _read(data, len(lines), layout, source, typed=False)
    if texts is None:
        texts, faulty = _cut_one_by_one(data, len(lines), layout, source)
        cannot = faulty != GOOD
        broken, rules = np.concatenate([broken, lines[cannot]]), np.concatenate([rules, faulty[cannot]])
        lines = lines[~cannot]
    numbers, unreadable = {}, {}
    for column in layout.number_columns:
        numbers[column], unreadable[column] = numbers_of(texts[column], source.missing, source.decimal)
    return Cells(lines, _texts_of(texts, layout), numbers, unreadable, broken, rules)


def _read_typed(
    data: bytes, count: int, layout: Layout, source: Source
) -> tuple[dict[int, pa.StringArray], dict[int, Numbers]] | None:
    columns = _read(data, count, layout, source, typed=True)
    numbers = None if columns is None else _finite(columns, layout)
    return None if columns is None or numbers is None else (_texts_of(columns, layout), numbers)


def _sound_lines(block: Block, source: Source) -> tuple[bytes, Lines, Lines]:
    """The bytes and numbers of the lines that are text and not empty, and the numbers of those that are no text."""
    count = block.line_count
    lines = np.arange(block.first_line, block.first_line + count)
    sound = _is_text(block.data, source)
    if sound and b"\n\n" not in block.data and not block.data.startswith(b"\n"):
        return block.data, lines, lines[:0]
    contents = block.data.split(b"\n")[:-1]
    filled = np.fromiter((bool(content) for content in contents), np.bool_, count)
    is_text = (
        np.ones(count, np.bool_)
        if sound
        else np.fromiter((_is_text(c, source) for c in contents), np.bool_, count)
    )
    kept = filled & is_text
    data = b"".join(contents[row] + b"\n" for row in np.flatnonzero(kept))
    return data, lines[kept], lines[filled & ~is_text]


def _is_text(data: bytes, source: Source) -> bool:
    if b"\0" in data or (source.encoding not in UTF8_NAMES and _REPLACEMENT in data):
        return False
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_closed(data: bytes, source: Source) -> bool:
    last = data[data.rfind(b"\n", 0, -1) + 1 : -1].decode()
    cells = reader([last, ""], source)
    next(cells)
    return cells.line_num == 1


def _read(
    data: bytes, count: int, layout: Layout, source: Source, *, typed: bool
) -> dict[int, pa.Array] | None:
    """The needed columns by pyarrow, or None where it fails or finds another number of rows than lines."""
    if data.startswith(codecs.BOM_UTF8):  # in the midst of a file it is text; pyarrow would drop it
        return None
    if source.quote.encode() in data[data.rfind(b"\n", 0, -1) + 1 :] and not _is_closed(data, source):
        return None
    names = [str(column) for column in range(len(layout.names))]
    types = {str(column): pa.string() for column in layout.text_columns}
    types |= {str(column): pa.float64() if typed else pa.string() for column in layout.number_columns}
    try:
        table = pa_csv.read_csv(
            pa.BufferReader(data),
            pa_csv.ReadOptions(column_names=names, use_threads=False, block_size=len(data) + 1),
            pa_csv.ParseOptions(delimiter=source.separator, quote_char=source.quote),
            pa_csv.ConvertOptions(
                include_columns=list(types),
                column_types=types,
                null_values=list(source.missing),
                strings_can_be_null=False,
                decimal_point=source.decimal,
                check_utf8=False,
            ),
        )
    except (
        pa.ArrowInvalid
    ):  # a cell that is no number, a line with other cells than the header: read more slowly
        return None
    if table.num_rows != count:  # an open quote swallowed line ends
        return None
    return {int(name): _whole(table[name]) for name in types}


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _finite(columns: dict[int, pa.Array], layout: Layout) -> dict[int, Numbers] | None:
    """The number columns, or None if one holds an infinite number or a NaN that is no missing marker."""
    numbers = {}
    for column in layout.number_columns:
        values: Numbers = columns[column].to_numpy(zero_copy_only=False)
        if len(values) - np.count_nonzero(np.isfinite(values)) != columns[column].null_count:
            return None
        numbers[column] = values
    return numbers


def _texts_of(columns: dict[int, pa.Array], layout: Layout) -> dict[int, pa.StringArray]:
    return {column: columns[column] for column in layout.text_columns}


def _no_cells(layout: Layout) -> tuple[dict[int, pa.StringArray], dict[int, Numbers]]:
    texts = {column: pa.array([], pa.string()) for column in layout.text_columns}
    return texts, {column: np.empty(0) for column in layout.number_columns}


def _cut_one_by_one(
    data: bytes, count: int, layout: Layout, source: Source
) -> tuple[dict[int, pa.Array], Rules]:
    lines = data.decode().split("\n")[:-1]
    width = len(layout.names)
    rules = np.full(count, GOOD, np.uint8)
    needed = (*layout.text_columns, *layout.number_columns)
    columns: dict[int, list[str]] = {column: [] for column in needed}
    start = 0
    while start < count:
        # the empty line at the end shows whether the last one leaves a quote open
        cells = reader(chain(islice(lines, start, None), [""]), source)
        for place, found in enumerate(islice(cells, count - start), 1):
            row, start = start, start + 1
            if cells.line_num > place:  # an open quote swallowed the next line: begin anew there
                rules[row] = QUOTES
                break
            if len(found) != width:
                rules[row] = COLUMNS
                continue
            for column in needed:
                columns[column].append(found[column])
    return {column: pa.array(texts, pa.string()) for column, texts in columns.items()}, rules
