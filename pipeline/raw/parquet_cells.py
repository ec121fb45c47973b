"""Converts blocks of a Parquet file to the typed cells that rows are made of, and single rows to texts."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hindcast.pipeline.arrays import Flags
from hindcast.pipeline.raw.csv_cells import Cells, match_any
from hindcast.pipeline.raw.csv_layout import Layout
from hindcast.pipeline.raw.file_layout import name_columns, part_columns, stamp_columns
from hindcast.pipeline.raw.numbers import NumberStyle
from hindcast.pipeline.raw.parquet_blocks import ParquetBlock
from hindcast.pipeline.raw.parquet_columns import (
    broken_texts,
    is_stamp,
    is_text,
    to_names,
    to_numbers,
    to_stamps,
    to_texts,
)
from hindcast.pipeline.raw.reject_rules import ENCODING
from hindcast.pipeline.settings.raw import Source


def read_parquet_cells(block: ParquetBlock, layout: Layout, source: Source) -> Cells:
    """Read the needed cells of a block; rows with texts that are not valid UTF-8 are broken."""
    lines = np.arange(block.first_line, block.first_line + block.line_count)
    columns = block.columns
    broken = lines[:0]
    damaged = _any([broken_texts(column) for column in columns.values()])
    if damaged is not None:
        broken, lines, columns = lines[damaged], lines[~damaged], _filter(columns, ~damaged)
        columns = {place: _without_dictionary(column) for place, column in columns.items()}
    if layout.where:
        kept = np.logical_and.reduce(
            [match_any(to_texts(columns[place]), texts) for place, texts in layout.where]
        )
        lines, columns = lines[kept], _filter(columns, kept)
    names, parts, stamps = name_columns(layout), part_columns(layout, source), stamp_columns(layout, source)
    typed = {place for place in stamps if _holds_stamps(columns[place])}
    texts = {place: _with_sign(columns[place], source) for place in parts | (stamps - typed)}
    texts |= {place: to_names(columns[place]) for place in names - texts.keys()}
    style = NumberStyle.of(source)
    read = {place: to_numbers(columns[place], source.missing, style) for place in layout.number_columns}
    return Cells(
        lines,
        texts,
        {place: numbers for place, (numbers, _) in read.items()},
        {place: bad for place, (_, bad) in read.items() if bad is not None},
        broken,
        np.full(len(broken), ENCODING, np.uint8),
        typed=True,
        stamps={place: to_stamps(columns[place]) for place in typed},
    )


def row_texts(block: ParquetBlock, layout: Layout, lines: Sequence[int]) -> dict[int, str]:
    """Return rows as texts: JSON objects of the needed columns, with null for null."""
    wanted = sorted(set(lines))
    names = layout.header.names
    columns = [_texts_at(block, place, wanted) for place in block.places]
    return {
        line: json.dumps(
            dict(zip([names[place] for place in block.places], cells, strict=True)), ensure_ascii=False
        )
        for line, cells in zip(wanted, zip(*columns, strict=True), strict=True)
    }


def cell_texts(block: ParquetBlock, lines: Sequence[int], columns: Sequence[int]) -> list[str | None]:
    """Return the text of one cell of each row; None where `columns` is -1, and empty for null."""
    texts: list[str | None] = [None] * len(lines)
    for place in {*columns} - {-1}:
        rows = [row for row, column in enumerate(columns) if column == place]
        for row, text in zip(rows, _texts_at(block, place, [lines[row] for row in rows]), strict=True):
            texts[row] = text or ""
    return texts


def _texts_at(block: ParquetBlock, place: int, lines: Sequence[int]) -> list[str | None]:
    rows = pa.array([line - block.first_line for line in lines], pa.int64())
    cells = block.columns[place].take(rows)
    cells = _without_dictionary(cells)
    if is_text(cells.type):
        contents = cells.cast(pa.large_binary()).to_pylist()
        return [
            None if content is None else content.decode(errors="backslashreplace").replace("\0", "\\x00")
            for content in contents
        ]
    valid = cells.is_valid().to_pylist()
    return [
        text if is_valid else None for text, is_valid in zip(to_texts(cells).to_pylist(), valid, strict=True)
    ]


def _with_sign(column: pa.Array, source: Source) -> pa.StringArray:
    """Return texts, numbers among them with the decimal sign of the source: the counts of days in a spreadsheet."""
    texts = to_texts(column)
    is_fraction = pa.types.is_floating(column.type) or pa.types.is_decimal(column.type)
    return (
        pc.replace_substring(texts, ".", source.decimal) if is_fraction and source.decimal != "." else texts
    )


def _without_dictionary(column: pa.Array) -> pa.Array:
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _holds_stamps(column: pa.Array) -> bool:
    kind = column.type
    return is_stamp(kind.value_type if pa.types.is_dictionary(kind) else kind)


def _any(flags: Sequence[Flags | None]) -> Flags | None:
    found = [each for each in flags if each is not None]
    return np.logical_or.reduce(found) if found else None


def _filter(columns: dict[int, pa.Array], flags: Flags) -> dict[int, pa.Array]:
    rows = pa.array(flags)
    return {place: column.filter(rows) for place, column in columns.items()}
