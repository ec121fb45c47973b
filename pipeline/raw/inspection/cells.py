"""Text and dialect -> columns of texts, the same number of cells in each; lines that cannot be cut are counted."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
from numpy.typing import NDArray

from hindcast.pipeline.raw.inspection.sniff import Dialect, cut_line


@dataclass(frozen=True, eq=False)
class Cells:
    """The cells of a file's sample: `columns` hold trimmed texts without nulls.

    `piece` is the number of the piece that each row is from: rows of one piece stand one after another in
    the file.  `ragged` tells of lines with another number of cells: how many, and the first ones' texts.
    """

    columns: tuple[pa.StringArray, ...]
    piece: NDArray[np.int32]
    ragged: int
    ragged_texts: tuple[str, ...]

    @property
    def rows(self) -> int:
        """Number of lines that could be cut."""
        return len(self.piece)


def cut(texts: Sequence[str], dialect: Dialect) -> Cells:
    """Cut all lines below the header."""
    tables: list[pa.Table] = []
    numbers: list[int] = []
    ragged: list[str] = []
    for number, text in enumerate(texts):
        body = _rows_of(_below_header(text, dialect) if number == 0 else text, dialect)
        if body.strip("\n"):
            table, bad = _cut_piece(body, dialect)
            tables.append(table)
            ragged += bad
            numbers += [number]
    counts = [table.num_rows for table in tables]
    piece = np.repeat(np.array(numbers, np.int32), counts) if counts else np.empty(0, np.int32)
    columns = tuple(
        _joined([table.column(place) for table in tables]) for place in range(len(dialect.header))
    )
    return Cells(columns, piece, len(ragged), tuple(ragged[:3]))


def _below_header(text: str, dialect: Dialect) -> str:
    skip = dialect.skip_lines
    lines = text.split("\n", skip)
    if len(lines) <= skip:
        return ""
    return lines[skip] if dialect.given else lines[skip].partition(dialect.header_text)[2].partition("\n")[2]


def _rows_of(text: str, dialect: Dialect) -> str:
    """The text without ignored lines and repeats of the header."""
    again = dialect.header_text
    if not dialect.ignore and (not again or again not in text):
        return text
    patterns = [re.compile(pattern) for pattern in dialect.ignore]
    lines = (line for line in text.split("\n") if line != again and not any(p.search(line) for p in patterns))
    return "\n".join(lines)


def _cut_piece(text: str, dialect: Dialect) -> tuple[pa.Table, list[str]]:
    if dialect.quote in text:
        return _line_by_line(text, dialect)
    ragged: list[str] = []

    def note(row: Any) -> str:
        ragged.append(str(row.text))
        return "skip"

    data = text.encode()
    names = [str(place) for place in range(len(dialect.header))]
    table = pa_csv.read_csv(
        io.BytesIO(data),
        read_options=pa_csv.ReadOptions(column_names=names, use_threads=False, block_size=len(data) + 2),
        parse_options=pa_csv.ParseOptions(
            delimiter=dialect.separator, quote_char=False, newlines_in_values=False, invalid_row_handler=note
        ),
        convert_options=pa_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
        ),
    )
    return table, ragged


def _line_by_line(text: str, dialect: Dialect) -> tuple[pa.Table, list[str]]:
    width = len(dialect.header)
    rows, ragged = [], []
    for line in text.split("\n"):
        if not line:
            continue
        row = cut_line(line, dialect.separator, dialect.quote)
        if len(row) > width and not any(cell.strip() for cell in row[width:]):
            row = row[:width]
        if len(row) == width and line.count(dialect.quote) % 2 == 0:
            rows.append(row)
        else:
            ragged.append(line)
    columns = list(zip(*rows, strict=True)) or [()] * width
    return pa.table(
        {str(place): pa.array(column, pa.string()) for place, column in enumerate(columns)}
    ), ragged


def _joined(chunks: list[pa.ChunkedArray]) -> pa.StringArray:
    parts = [part for chunk in chunks for part in chunk.chunks]
    whole = pa.concat_arrays(parts) if parts else pa.array([], pa.string())
    return pc.utf8_trim_whitespace(whole)
