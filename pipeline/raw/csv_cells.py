"""Lines -> cells by column: typed where a whole block is clean, else as text and cast by column.

What a cell is, is defined by Python's csv reader over single lines.  pyarrow agrees with it wherever it
returns a row for every line and the last line closes its quotes (tests compare them); where it does not,
the lines are cut one by one.
"""

from __future__ import annotations

import codecs
from codecs import BOM_UTF8
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
from numpy.typing import NDArray

from hindcast.pipeline.raw.csv_blocks import UTF8_NAMES, Block, ignored_by, is_closed, reader
from hindcast.pipeline.raw.csv_layout import Layout
from hindcast.pipeline.raw.numbers import Numbers, Style, numbers_of_columns
from hindcast.pipeline.raw.reject_rules import COLUMNS, ENCODING, GOOD, HEADER, IGNORED, QUOTES, Rules
from hindcast.pipeline.settings.raw import Source

Lines = NDArray[np.int64]


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
    kept = without_ignored(block, source)
    cells = _typed_cells(kept, layout, source) if try_typed and is_text(kept.data, source) else None
    cells = cells or _text_cells(sound_lines(kept, layout.header_again, source), layout, source)
    return _chosen(cells, layout) if layout.where else cells


def _typed_cells(kept: Kept, layout: Layout, source: Source) -> Cells | None:
    if {*layout.text_columns} & {*layout.number_columns}:
        return None  # a column that is read as both
    columns = _read(kept.data, len(kept.lines), layout, source, typed=True)
    numbers = None if columns is None else _finite(columns, layout)
    if columns is None or numbers is None:
        return None
    texts = _texts_of(columns, layout)
    return Cells(kept.lines, texts, numbers, broken=kept.aside, broken_rules=kept.rules, typed=True)


def _text_cells(kept: Kept, layout: Layout, source: Source) -> Cells:
    lines, broken, rules = kept.lines, kept.aside, kept.rules
    if not len(lines):
        return Cells(lines, *_no_cells(layout), broken=broken, broken_rules=rules)
    texts = _read(kept.data, len(lines), layout, source, typed=False)
    if texts is None:
        texts, faulty = _cut_one_by_one(kept.data, len(lines), layout, source)
        cannot = faulty != GOOD
        broken, rules = np.concatenate([broken, lines[cannot]]), np.concatenate([rules, faulty[cannot]])
        lines = lines[~cannot]
    columns = [texts[column] for column in layout.number_columns]
    read = numbers_of_columns(columns, source.missing, Style.of(source))
    numbers = {column: values for column, (values, _) in zip(layout.number_columns, read, strict=True)}
    unreadable = {column: bad for column, (_, bad) in zip(layout.number_columns, read, strict=True)}
    return Cells(lines, _texts_of(texts, layout), numbers, unreadable, broken, rules)


def _chosen(cells: Cells, layout: Layout) -> Cells:
    """The lines that are rows of this source, by what `where` asks of their texts."""
    flags = np.ones(len(cells.lines), np.bool_)
    for column, texts in layout.where:
        wanted = pa.array([text.strip() for text in texts], pa.string())
        there = pc.is_in(pc.utf8_trim_whitespace(cells.texts[column]), value_set=wanted)
        flags &= there.to_numpy(zero_copy_only=False)
    rows = pa.array(flags)
    return replace(
        cells,
        lines=cells.lines[flags],
        texts={column: texts.filter(rows) for column, texts in cells.texts.items()},
        numbers={column: numbers[flags] for column, numbers in cells.numbers.items()},
        unreadable={column: bad[flags] for column, bad in cells.unreadable.items()},
    )


def _read(
    data: bytes, count: int, layout: Layout, source: Source, *, typed: bool
) -> dict[int, pa.Array] | None:
    """The needed columns by pyarrow, or None where it fails or finds another number of rows than lines."""
    if data.startswith(codecs.BOM_UTF8):  # in the midst of a file it is text; pyarrow would drop it
        return None
    last = data[data.rfind(b"\n", 0, -1) + 1 : -1]
    if source.quote.encode() in last and not is_closed(last.decode(), source):
        return None
    at_once = len(data) + 1  # one piece: columns that came in several would be copied once more
    names = [str(column) for column in range(len(layout.names))]
    types = {str(column): pa.string() for column in layout.text_columns}
    types |= {str(column): pa.string() for column in layout.spare_columns}
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
    ):  # a cell that is no number, a line with other cells than the header: read more slowly
        return None
    if table.num_rows != count:  # an open quote swallowed line ends
        return None
    if any(
        pc.any(pc.not_equal(pc.utf8_trim_whitespace(table[str(c)]), "")).as_py() for c in layout.spare_columns
    ):
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
    rules = np.full(count, GOOD, np.uint8)
    needed = {*layout.text_columns, *layout.number_columns}
    columns: dict[int, list[str]] = {column: [] for column in needed}
    for row, line in enumerate(lines):
        if source.quote in line:
            cells = reader([line, ""], source)  # the empty line shows whether this one leaves a quote open
            found = next(cells)
            if cells.line_num > 1:
                rules[row] = QUOTES
                continue
        else:
            found = line.split(source.separator)
        if not layout.fits(found):
            rules[row] = COLUMNS
            continue
        for column in needed:
            columns[column].append(found[column])
    return {column: pa.array(texts, pa.string()) for column, texts in columns.items()}, rules


_REPLACEMENT = "\ufffd".encode()  # what a decoder puts where it cannot read


@dataclass(frozen=True)
class Kept:
    """Whole lines, each ended by LF, with their numbers in the file; and those left out, by the rule that did it."""

    data: bytes
    lines: Lines
    aside: Lines
    rules: Rules


def without_ignored(block: Block, source: Source) -> Kept:
    """The lines that `ignore_lines` does not match, empty ones included."""
    lines = np.arange(block.first_line, block.first_line + block.line_count)
    matches = ignored_by(source.ignore_lines)
    everything = Kept(block.data, lines, lines[:0], np.empty(0, np.uint8))
    if matches is None:
        return everything
    contents = block.data.split(b"\n")[:-1]
    ignored = np.fromiter((matches(content) for content in contents), np.bool_, len(contents))
    return _left(everything, contents, [(ignored, IGNORED)]) if ignored.any() else everything


def sound_lines(kept: Kept, header_again: bytes, source: Source) -> Kept:
    """The lines that are text and not empty, without those that repeat the header."""
    sound = is_text(kept.data, source)
    full = not _has_empty_line(kept.data)
    repeated = bool(header_again) and header_again in kept.data
    if sound and full and not repeated:
        return kept
    contents = kept.data.split(b"\n")[:-1]
    count = len(contents)
    filled = np.fromiter((bool(content) for content in contents), np.bool_, count)
    damaged = np.zeros(count, np.bool_)
    if not sound:
        damaged = filled & ~np.fromiter((is_text(content, source) for content in contents), np.bool_, count)
    again = np.zeros(count, np.bool_)
    if repeated:
        again = ~damaged & np.fromiter(
            (content.removeprefix(BOM_UTF8) == header_again for content in contents), np.bool_, count
        )
    return _left(kept, contents, [(damaged, ENCODING), (again, HEADER), (~filled, None)])


def is_text(data: bytes, source: Source) -> bool:
    """Whether bytes are text in the source's encoding, and hold no NUL."""
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
    ends = np.flatnonzero(
        np.frombuffer(data, np.uint8) == ord("\n")
    )  # a tenth of what the search for two takes
    return data.startswith(b"\n") or bool((np.diff(ends) == 1).any())


def _left(kept: Kept, contents: list[bytes], out: list[tuple[NDArray[np.bool_], int | None]]) -> Kept:
    """The lines that none of the flags hold; those with a rule are remembered, in the order of rules."""
    stays = ~np.logical_or.reduce([flags for flags, _ in out])
    aside, rules = [kept.aside], [kept.rules]
    for flags, rule in out:
        if rule is not None:
            aside.append(kept.lines[flags])
            rules.append(np.full(int(flags.sum()), rule, np.uint8))
    data = b"".join(contents[row] + b"\n" for row in np.flatnonzero(stays))
    return Kept(data, kept.lines[stays], np.concatenate(aside), np.concatenate(rules))
