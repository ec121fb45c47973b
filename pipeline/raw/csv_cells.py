"""Splits lines into columns of cells: typed if the whole block is clean, else as text and converted column by column.

Python's csv reader, applied to single lines, defines what a cell is.  pyarrow agrees with it wherever it returns a
row for every line and the last line closes its quotes (tests compare them); elsewhere the lines are split one by one.
"""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from hindcast.pipeline.arrays import Flags, Floats, Ints
from hindcast.pipeline.raw.csv_blocks import UTF8_NAMES, Block, closes_quotes, csv_reader, ignore_test
from hindcast.pipeline.raw.csv_layout import Layout
from hindcast.pipeline.raw.numbers import NumberStyle, read_number_columns
from hindcast.pipeline.raw.reject_rules import COLUMNS, ENCODING, GOOD, HEADER, IGNORED, QUOTES, Rules
from hindcast.pipeline.raw.timestamps import ParsedStamps
from hindcast.pipeline.settings.raw import Source

_REPLACEMENT = "\ufffd".encode()  # written by a decoder in place of bytes that it cannot read


@dataclass(frozen=True)
class Cells:
    """The cells that a layout needs; arrays have one element per line that could be split.

    `lines` are line numbers in the file.  `numbers` hold NaN where a cell is missing or unreadable; `unreadable` marks
    the unreadable cells, and may lack columns that have none.  `broken` are the lines that could not be split, and
    `broken_rules` the rule that each of them breaks.  `typed` is True if pyarrow read the numbers directly.
    `stamps` are the timestamps of columns that hold them as such, not as texts.
    """

    lines: Ints
    texts: dict[int, pa.StringArray]
    numbers: dict[int, Floats]
    unreadable: dict[int, Flags] = field(default_factory=dict)
    broken: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    broken_rules: Rules = field(default_factory=lambda: np.empty(0, np.uint8))
    typed: bool = False
    stamps: dict[int, ParsedStamps] = field(default_factory=dict)


def read_cells(block: Block, layout: Layout, source: Source, *, try_typed: bool = True) -> Cells:
    """Read the needed cells of a block of lines below the header; empty lines are not rows.

    `try_typed=False` skips the typed attempt when it is likely to fail; the cells are the same either way.
    """
    lines = _drop_ignored(block, source)
    cells = _read_typed(lines, layout, source) if try_typed and _is_text(lines.data, source) else None
    cells = cells or _read_as_text(_drop_damaged(lines, layout.repeated_header, source), layout, source)
    return _apply_where(cells, layout) if layout.where else cells


def _read_typed(lines: _Lines, layout: Layout, source: Source) -> Cells | None:
    if {*layout.text_columns} & {*layout.number_columns}:
        return None  # a column is needed as text and as numbers
    columns = _parse_csv(lines.data, len(lines.numbers), layout, source, typed=True)
    numbers = None if columns is None else _finite_numbers(columns, layout)
    if columns is None or numbers is None:
        return None
    texts = {column: columns[column] for column in layout.text_columns}
    return Cells(lines.numbers, texts, numbers, broken=lines.dropped, broken_rules=lines.rules, typed=True)


def _read_as_text(lines: _Lines, layout: Layout, source: Source) -> Cells:
    line, broken, rules = lines.numbers, lines.dropped, lines.rules
    columns = _parse_csv(lines.data, len(line), layout, source, typed=False)
    if columns is None:
        columns, faults = _split_one_by_one(lines.data, len(line), layout, source)
        bad = faults != GOOD
        broken, rules = np.concatenate([broken, line[bad]]), np.concatenate([rules, faults[bad]])
        line = line[~bad]
    texts = [columns[column] for column in layout.number_columns]
    read = read_number_columns(texts, source.missing, NumberStyle.of(source))
    numbers = {column: values for column, (values, _) in zip(layout.number_columns, read, strict=True)}
    unreadable = {column: bad for column, (_, bad) in zip(layout.number_columns, read, strict=True)}
    texts_by_column = {column: columns[column] for column in layout.text_columns}
    return Cells(line, texts_by_column, numbers, unreadable, broken, rules)


def _apply_where(cells: Cells, layout: Layout) -> Cells:
    """Return the lines whose texts match `where`: the rows of this source."""
    flags = np.ones(len(cells.lines), np.bool_)
    for column, texts in layout.where:
        flags &= match_any(cells.texts[column], texts)
    rows = pa.array(flags)
    return replace(
        cells,
        lines=cells.lines[flags],
        texts={column: texts.filter(rows) for column, texts in cells.texts.items()},
        numbers={column: numbers[flags] for column, numbers in cells.numbers.items()},
        unreadable={column: bad[flags] for column, bad in cells.unreadable.items()},
    )


def match_any(cells: pa.StringArray, texts: Sequence[str]) -> Flags:
    """Return whether each cell, stripped of white space, is one of the given texts."""
    wanted = pa.array([text.strip() for text in texts], pa.string())
    matches: Flags = pc.is_in(pc.utf8_trim_whitespace(cells), value_set=wanted).to_numpy(zero_copy_only=False)
    return matches


def _parse_csv(
    data: bytes, count: int, layout: Layout, source: Source, *, typed: bool
) -> dict[int, pa.Array] | None:
    """Read the needed columns with pyarrow; None if it fails or if it finds more or fewer rows than lines."""
    if data.startswith(codecs.BOM_UTF8):  # in the middle of a file this is text, but pyarrow would drop it
        return None
    last = data[data.rfind(b"\n", 0, -1) + 1 : -1]
    if source.quote.encode() in last and not closes_quotes(last.decode(), source):
        return None
    at_once = len(data) + 1  # in one piece: columns in several pieces would have to be copied
    names = [str(column) for column in range(len(layout.header.names))]
    types = {str(column): pa.string() for column in layout.text_columns}
    types |= {str(column): pa.string() for column in layout.header.spare_columns}
    types |= {str(column): pa.float64() if typed else pa.string() for column in layout.number_columns}
    try:
        table = pa_csv.read_csv(
            pa.BufferReader(data),
            pa_csv.ReadOptions(column_names=names, use_threads=False, block_size=at_once),
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
    ):  # a cell is not a number, a line has more or fewer cells than the header, or no line is left
        return None
    if table.num_rows != count:  # an unclosed quote spans line ends
        return None
    for column in layout.header.spare_columns:
        if pc.any(pc.not_equal(pc.utf8_trim_whitespace(table[str(column)]), "")).as_py():
            return None
    columns = {int(name): table[name] for name in types}
    return {
        place: column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
        for place, column in columns.items()
    }


def _finite_numbers(columns: dict[int, pa.Array], layout: Layout) -> dict[int, Floats] | None:
    """Return the number columns; None if one holds an infinite number or a NaN that is not a missing marker."""
    numbers = {}
    for column in layout.number_columns:
        values: Floats = columns[column].to_numpy(zero_copy_only=False)
        if len(values) - np.count_nonzero(np.isfinite(values)) != columns[column].null_count:
            return None
        numbers[column] = values
    return numbers


def _split_one_by_one(
    data: bytes, count: int, layout: Layout, source: Source
) -> tuple[dict[int, pa.Array], Rules]:
    lines = data.decode().split("\n")[:-1]
    rules = np.full(count, GOOD, np.uint8)
    needed = {*layout.text_columns, *layout.number_columns}
    columns: dict[int, list[str]] = {column: [] for column in needed}
    for row, line in enumerate(lines):
        if source.quote in line:
            reader = csv_reader([line, ""], source)  # an unclosed quote makes it read the empty line too
            cells = next(reader)
            if reader.line_num > 1:
                rules[row] = QUOTES
                continue
        else:
            cells = line.split(source.separator)
        if not layout.header.fits(cells):
            rules[row] = COLUMNS
            continue
        for column in needed:
            columns[column].append(cells[column])
    return {column: pa.array(texts, pa.string()) for column, texts in columns.items()}, rules


@dataclass(frozen=True)
class _Lines:
    """Whole lines, each ending with LF, and their numbers; `dropped` holds rejected line numbers and their rules."""

    data: bytes
    numbers: Ints
    dropped: Ints
    rules: Rules


def _drop_ignored(block: Block, source: Source) -> _Lines:
    """Return the lines that `ignore_lines` does not match, including empty lines."""
    numbers = np.arange(block.first_line, block.first_line + block.line_count)
    matches = ignore_test(source.ignore_lines)
    everything = _Lines(block.data, numbers, numbers[:0], np.empty(0, np.uint8))
    if matches is None:
        return everything
    contents = block.data.split(b"\n")[:-1]
    ignored = np.fromiter((matches(content) for content in contents), np.bool_, len(contents))
    return _drop(everything, contents, [(ignored, IGNORED)]) if ignored.any() else everything


def _drop_damaged(lines: _Lines, repeated_header: bytes, source: Source) -> _Lines:
    """Return the lines that are valid text, not empty and not a repeated header."""
    sound = _is_text(lines.data, source)
    has_header = bool(repeated_header) and repeated_header in lines.data
    if sound and not has_header and not _has_empty_line(lines.data):
        return lines
    contents = lines.data.split(b"\n")[:-1]
    count = len(contents)
    filled = np.fromiter((bool(content) for content in contents), np.bool_, count)
    damaged = np.zeros(count, np.bool_)
    if not sound:
        damaged = filled & ~np.fromiter((_is_text(content, source) for content in contents), np.bool_, count)
    headers = np.zeros(count, np.bool_)
    if has_header:
        bare = (content.removeprefix(codecs.BOM_UTF8) for content in contents)
        headers = ~damaged & np.fromiter((content == repeated_header for content in bare), np.bool_, count)
    return _drop(lines, contents, [(damaged, ENCODING), (headers, HEADER), (~filled, None)])


def _is_text(data: bytes, source: Source) -> bool:
    """Return whether bytes are valid text in the source's encoding, without NUL."""
    if b"\0" in data or (source.encoding not in UTF8_NAMES and _REPLACEMENT in data):
        return False
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _has_empty_line(data: bytes) -> bool:
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n"))  # 10 times as fast as a search for two
    return data.startswith(b"\n") or bool((np.diff(ends) == 1).any())


def _drop(lines: _Lines, contents: list[bytes], faults: list[tuple[Flags, int | None]]) -> _Lines:
    """Return the lines that no flag marks; flagged lines that have a rule are added to `dropped`, rule by rule."""
    good = ~np.logical_or.reduce([flags for flags, _ in faults])
    dropped, rules = [lines.dropped], [lines.rules]
    for flags, rule in faults:
        if rule is not None:
            dropped.append(lines.numbers[flags])
            rules.append(np.full(int(flags.sum()), rule, np.uint8))
    data = b"".join(contents[row] + b"\n" for row in np.flatnonzero(good))
    return _Lines(data, lines.numbers[good], np.concatenate(dropped), np.concatenate(rules))
