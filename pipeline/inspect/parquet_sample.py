"""Reads a bounded part of a Parquet file as texts, so that it is inspected as a CSV file of the same data is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.inspect.dialect import Dialect
from hindcast.pipeline.inspect.number_style import detect_number_style
from hindcast.pipeline.inspect.sample import LONGEST_CELL, Cells
from hindcast.pipeline.inspect.vocabulary import MISSING_WORDS
from hindcast.pipeline.raw.opened_file import OpenedFile
from hindcast.pipeline.raw.parquet_blocks import ParquetBlock, ParquetSchema, read_parquet, read_schema
from hindcast.pipeline.raw.parquet_columns import (
    broken_texts,
    is_clock,
    is_number,
    is_stamp,
    is_text,
    to_texts,
)
from hindcast.pipeline.wording import listed

_CELL_BYTES = 8
_STYLED_ROWS = 400  # rows of texts that are examined for the style of their numbers
_PIECES = 8  # as many as of a CSV file: with a year of hours, they show at most one clock change

Range = tuple[int, int]
"""The first row and the row after the last one; rows of a file are counted from 1."""


@dataclass(frozen=True, eq=False)
class ParquetSample:
    """Texts of a part of a Parquet file: the `share` of its rows, and the dialect that a CSV file of them would have.

    `fractions` are the places of columns whose texts may hold a decimal point.
    """

    share: float
    dialect: Dialect
    cells: Cells
    fractions: tuple[int, ...]


def sample_parquet(path: Path, budget: int) -> ParquetSample:
    """Read about `budget` bytes of numbers and texts; raises RawDataError for a file that cannot be a table of series."""
    with OpenedFile(path) as opened, opened.stream() as stream:
        schema = read_schema(stream, path)
        places = [place for place, kind in enumerate(schema.types) if _is_plain(kind)]
        rows = sum(schema.group_rows)
        _check(schema, places, rows, path)
        ranges = _ranges(rows, max(1, budget // (_CELL_BYTES * len(places))))
        blocks = list(
            read_parquet(
                stream, path, schema, places, block_bytes=budget,
                wanted=lambda first, end: any(first < stop and start < end for start, stop in ranges),
            )
        )  # fmt: skip
    parts = [part for block in blocks for part in _cut(block, ranges)]
    piece = np.concatenate([np.full(part.num_rows, number, np.int32) for number, part in parts])
    columns = [pa.chunked_array([part.column(at) for _, part in parts]) for at in range(len(places))]
    whole, kept = _sound_columns(columns)
    texts = [_texts_of(column) for column in whole]
    names = tuple(schema.names[place].strip() for place in places)
    nested = [repr(name) for place, name in enumerate(schema.names) if place not in places]
    notes = (f"columns that hold several values per row are not used: {listed(nested, 5)}",) if nested else ()
    written = [place for place in places if is_text(schema.types[place])]
    numbers = detect_number_style([_styled(texts[places.index(place)]) for place in written], ",")
    about = (*notes, *numbers.notes)
    dialect = Dialect(
        "utf-8", ",", '"', numbers.style, 0, names, about, proven=numbers.proven, doubt=numbers.doubt
    )
    cells = Cells(tuple(texts), piece[kept], int((~kept).sum()), ())
    fractions = tuple(
        at
        for at, place in enumerate(places)
        if pa.types.is_floating(schema.types[place]) or pa.types.is_decimal(schema.types[place])
    )
    return ParquetSample(min(1.0, len(piece) / rows), dialect, cells, fractions)


def _is_plain(kind: pa.DataType) -> bool:
    return any(test(kind) for test in (is_text, is_number, is_stamp, is_clock)) or pa.types.is_null(kind)


def _check(schema: ParquetSchema, places: list[int], rows: int, path: Path) -> None:
    if len(places) < 2:
        raise RawDataError(
            f"{path}: of its columns ({', '.join(schema.names[:5])}), {len(places)} have one value per row, but a "
            "source needs at least two, a timestamp and a value; exclude the file."
        )
    if not rows:
        raise RawDataError(f"{path}: contains columns but no rows; remove it or download it again.")


def _ranges(rows: int, most: int) -> list[Range]:
    """Return all rows, or at most `most`: the first quarter of them at the beginning, equal pieces after it."""
    if rows <= most:
        return [(1, rows + 1)]
    head = max(1, most // 4)
    length = max(1, (most - head) // (_PIECES - 1))
    starts = [head + (rows - length - head) * place // (_PIECES - 1) for place in range(1, _PIECES)]
    return [(1, head + 1), *((start + 1, start + 1 + length) for start in starts)]


def _cut(block: ParquetBlock, ranges: list[Range]) -> list[tuple[int, pa.RecordBatch]]:
    """Return the rows of a block that lie in ranges, each part with the number of its range."""
    end = block.first_line + block.line_count
    parts = []
    for number, (start, stop) in enumerate(ranges):
        low, high = max(start, block.first_line), min(stop, end)
        if low < high:
            parts.append((number, block.table.slice(low - block.first_line, high - low)))
    return parts


def _sound_columns(columns: list[pa.ChunkedArray]) -> tuple[list[pa.Array], np.ndarray]:
    """Return the columns without the rows that are not valid UTF-8, and whether each row is kept."""
    whole = [column.unify_dictionaries().combine_chunks() for column in columns]
    flags = [bad for column in whole if (bad := broken_texts(column)) is not None]
    kept = ~np.logical_or.reduce(flags) if flags else np.ones(len(whole[0]), np.bool_)
    if flags:
        plain = [col.dictionary_decode() if pa.types.is_dictionary(col.type) else col for col in whole]
        whole = [column.filter(pa.array(kept)) for column in plain]
    return whole, kept


def _texts_of(column: pa.Array) -> pa.StringArray:
    """Return trimmed texts; timestamps have a time of day if one of them is not at midnight, as in a CSV file."""
    texts = pc.utf8_slice_codeunits(pc.utf8_trim_whitespace(to_texts(column)), 0, LONGEST_CELL)
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if not (is_stamp(kind) and pc.any(pc.match_substring(texts, ":")).as_py()):
        return texts
    is_date = pc.and_(pc.invert(pc.match_substring(texts, ":")), pc.not_equal(texts, ""))
    return pc.if_else(is_date, pc.binary_join_element_wise(texts, "00:00:00", " "), texts)


def _styled(texts: pa.StringArray) -> list[str]:
    return [cell for cell in texts.slice(0, _STYLED_ROWS).to_pylist() if cell.lower() not in MISSING_WORDS]
