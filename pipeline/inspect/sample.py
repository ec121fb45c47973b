"""Reads a bounded part of a file as cells: all of a small file, else its head, its tail and pieces between them."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
from numpy.typing import NDArray

from hindcast.pipeline.arrays import Ints
from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.inspect.change_places import change_places
from hindcast.pipeline.inspect.dialect import Dialect, cut_lines
from hindcast.pipeline.inspect.vocabulary import FILE_KINDS
from hindcast.pipeline.raw.csv_blocks import is_compressed, read_blocks, unicode_encoding
from hindcast.pipeline.settings.raw import Source

WHOLE_BYTES = 16 << 20  # a file up to this size is read completely: about 200,000 lines, about a second
_EXAMPLES = 3  # damaged lines that are kept
LONGEST_CELL = 1000  # characters; no number, time or name is longer
_BETWEEN = 6  # pieces between head and tail

PLACEHOLDER_SOURCE = {
    "role": "realized",
    "files": "*",
    "group": {"constant": "-"},
    "valid_time": {"column": "-"},
    "known": {"after_step": "1h"},
    "values": {"-": {"column": "-"}},
}
"""The settings of a source for code that needs one before its contents are known."""


@dataclass(frozen=True)
class Sample:
    """Bytes of one file; each piece is whole lines that end with LF; the first piece begins at the start of the file.

    `share` is the share of the file in the pieces: 1 for the whole file, else an estimate between 0 and 1.
    """

    pieces: tuple[bytes, ...]
    share: float


def take_sample(path: Path, budget: int = WHOLE_BYTES) -> Sample:
    """Read at most about `budget` bytes; raises RawDataError if it cannot be a CSV file, OSError if unreadable."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        start = stream.read(64)
    if is_compressed(path):
        return _decompress(path, size, budget)
    kind = next((kind for first, kind in FILE_KINDS.items() if start.startswith(first)), None)
    if kind:
        raise RawDataError(f"{path}: is {kind}, not CSV; export it as CSV.")
    if size > budget and unicode_encoding(start) is None:
        pieces = _read_pieces(path, size, budget)
        if not any(pieces):
            raise RawDataError(
                f"{path}: its first {budget // 4:,} bytes contain no line end, so this is not a CSV file; remove or exclude it."
            )
        return Sample(pieces, budget / size)
    # line ends cannot be found in the middle of UTF-16, so only the head of a long file is read
    with path.open("rb") as stream:
        data = stream.read(budget)
    return Sample((data,), min(1.0, len(data) / max(size, 1)))


def _decompress(path: Path, size: int, budget: int) -> Sample:
    taken: list[bytes] = []
    length = 0
    source = Source.model_validate(PLACEHOLDER_SOURCE)  # UTF-8, so bytes are decompressed but not recoded
    for block in read_blocks(path, source, min(budget, 1 << 20)):
        taken.append(block.data)
        length += len(block.data)
        if length > budget:
            # the total is unknown without decompressing everything; compressed text has about a fifth of its size
            return Sample((b"".join(taken),), min(0.99, length / (5 * size + length)))
    return Sample((b"".join(taken),), 1.0)


def _read_pieces(path: Path, size: int, budget: int) -> tuple[bytes, ...]:
    """Return the head (a quarter of the budget) and equal pieces after it; the last piece is at the end of the file.

    The pieces between them have the lines of clock changes, where these are found, and else lie at equal distances.
    """
    head = budget // 4
    length = (budget - head) // (_BETWEEN + 1)
    pieces = []
    with path.open("rb") as stream:
        starts = _starts_of_pieces(change_places(stream, size, length), head, size - length, length)
        stream.seek(0)
        pieces.append(_whole_lines(stream.read(head), first=True, last=False))
        for start in starts:
            stream.seek(start)
            pieces.append(_whole_lines(stream.read(length), first=False, last=start == starts[-1]))
    return tuple(pieces)


def _starts_of_pieces(wanted: Sequence[int], head: int, last: int, length: int) -> list[int]:
    """Return starts that do not overlap, ascending: the wanted ones behind the head, others, and the last one.

    A wanted piece that overlaps another one is moved beside it; together they hold all of it.
    """
    even = [head + (last - head) * place // (_BETWEEN + 1) for place in range(1, _BETWEEN + 1)]
    chosen = [last]
    for place in (*wanted, *even):
        near = min(chosen, key=lambda other: abs(place - other))
        overlaps = abs(place - near) < length
        start = max(head, (near - length if place < near else near + length) if overlaps else place)
        free = head <= start <= last and all(abs(start - other) >= length for other in chosen)
        if free and len(chosen) <= _BETWEEN:
            chosen.append(start)
    return sorted(chosen)


def _whole_lines(data: bytes, *, first: bool, last: bool) -> bytes:
    ends = b"\n" if b"\n" in data else b"\r"
    start = 0 if first else data.find(ends) + 1 or len(data)
    stop = len(data) if last else data.rfind(ends) + 1
    return data[start:stop]


@dataclass(frozen=True, eq=False)
class Cells:
    """The cells of a file's sample: `columns` hold trimmed texts without nulls, of at most 1,000 characters.

    `piece` (rows,) is the number of the piece that each row comes from: rows of one piece are consecutive
    in the file. `ragged` counts damaged lines: with another number of cells, a quote that is not closed, or a NUL byte;
    `ragged_texts` are up to three of them.
    """

    columns: tuple[pa.StringArray, ...]
    piece: NDArray[np.int32]
    ragged: int
    ragged_texts: tuple[str, ...]

    @property
    def rows(self) -> int:
        """Number of lines that were split into cells."""
        return len(self.piece)


def cut_cells(texts: Sequence[str], dialect: Dialect) -> Cells:
    """Split all lines below the header into cells; `texts` are the decoded pieces."""
    tables: list[pa.Table] = []
    numbers: list[int] = []
    ragged, examples = 0, list[str]()
    for number, text in enumerate(texts):
        body = _data_lines(_below_header(text, dialect) if number == 0 else text, dialect)
        if body.strip("\n"):
            table, bad, texts_of_bad = _cut_piece(body, dialect)
            tables.append(table)
            ragged, examples = ragged + bad, [*examples, *texts_of_bad][:_EXAMPLES]
            numbers.append(number)
    counts = [table.num_rows for table in tables]
    piece = np.repeat(np.array(numbers, np.int32), counts) if counts else np.empty(0, np.int32)
    columns = tuple(_join([table.column(place) for table in tables]) for place in range(len(dialect.header)))
    return Cells(columns, piece, ragged, tuple(examples))


def _below_header(text: str, dialect: Dialect) -> str:
    skip = dialect.skip_lines
    lines = text.split("\n", skip)
    if len(lines) <= skip:
        return ""
    return lines[skip] if dialect.given else lines[skip].partition(dialect.header_text)[2].partition("\n")[2]


def _data_lines(text: str, dialect: Dialect) -> str:
    """Return the text without ignored lines and repeated headers."""
    again = dialect.header_text
    if not dialect.ignore and (not again or again not in text):
        return text
    patterns = [re.compile(pattern) for pattern in dialect.ignore]
    lines = (line for line in text.split("\n") if line != again and not any(p.search(line) for p in patterns))
    return "\n".join(lines)


def _cut_piece(text: str, dialect: Dialect) -> tuple[pa.Table, int, list[str]]:
    """Return the cells of whole lines, the number of damaged lines, and up to three of these."""
    data, bad, examples = _drop_damaged(text.encode(), dialect)
    names = [str(place) for place in range(len(dialect.header))]
    if dialect.quote.encode() in data:
        lines = data.decode().split("\n")[:-1]
        rows = cut_lines(lines, dialect.separator, dialect.quote)
        good = [row[: len(names)] for row in rows if _fits(row, len(names))]
        columns = zip(*good, strict=True) if good else [()] * len(names)
        arrays = [pa.array(column, pa.string()) for column in columns]
        other = (line for line, row in zip(lines, rows, strict=True) if not _fits(row, len(names)))
        examples = [*examples, *islice(other, _EXAMPLES - len(examples))]
        return pa.table(arrays, names=names), bad + len(rows) - len(good), examples
    table = pa_csv.read_csv(
        io.BytesIO(data + (b"" if data else b"\n")),
        read_options=pa_csv.ReadOptions(column_names=names, use_threads=False, block_size=len(data) + 2),
        parse_options=pa_csv.ParseOptions(
            delimiter=dialect.separator, quote_char=False, newlines_in_values=False
        ),
        convert_options=pa_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string())),
    )
    return table, bad, examples


def _fits(row: Sequence[str], width: int) -> bool:
    return len(row) == width or (len(row) > width and not any(cell.strip() for cell in row[width:]))


def _drop_damaged(data: bytes, dialect: Dialect) -> tuple[bytes, int, list[str]]:
    """Return the lines that may have the right number of cells, the number of others, and the first of these.

    Separators and quotes of all lines are counted at once, so that millions of damaged lines cost little. Empty cells
    after the last column are removed.
    """
    data = data if data.endswith(b"\n") else data + b"\n"
    letters, width = np.frombuffer(data, np.uint8), len(dialect.header)
    ends = np.flatnonzero(letters == ord("\n"))
    starts = np.concatenate([[0], ends[:-1] + 1])
    separators = np.flatnonzero(letters == ord(dialect.separator))
    cells = 1 + _count_by_line(separators, ends)
    quotes = _count_by_line(np.flatnonzero(letters == ord(dialect.quote)), ends)
    filled = ends > starts
    sound = filled & (_count_by_line(np.flatnonzero(letters == 0), ends) == 0)
    good = np.where(quotes > 0, (cells >= width) & (quotes % 2 == 0), cells == width)
    good &= sound
    spare: dict[int, int] = {}  # lines with empty cells after the last column, and where these begin
    open_ended = sound & (quotes == 0) & (cells > width) & (letters[ends - 1] == ord(dialect.separator))
    for row in np.flatnonzero(open_ended).tolist():
        begin = int(separators[np.searchsorted(separators, starts[row]) + width - 1])
        if not data[begin : ends[row]].strip(dialect.separator.encode() + b" \t"):
            spare[row], good[row] = begin, True
    if good.all() and not spare:
        return data, 0, []
    kept = np.repeat(good, ends - starts + 1)
    for row, begin in spare.items():
        kept[begin : ends[row]] = False
    bad = np.flatnonzero(filled & ~good)
    examples = [data[starts[row] : ends[row]].decode() for row in bad[:_EXAMPLES]]
    return letters[kept].tobytes(), len(bad), examples


def _count_by_line(places: Ints, ends: Ints) -> Ints:
    """Return how many of the ascending places are in each line."""
    return np.diff(np.searchsorted(places, ends), prepend=0)


def _join(chunks: list[pa.ChunkedArray]) -> pa.StringArray:
    parts = [part for chunk in chunks for part in chunk.chunks]
    whole = pa.concat_arrays(parts) if parts else pa.array([], pa.string())
    trimmed = pc.utf8_trim_whitespace(whole)
    if (pc.max(pc.binary_length(trimmed)).as_py() or 0) > LONGEST_CELL:
        return pc.utf8_slice_codeunits(trimmed, 0, LONGEST_CELL)
    return trimmed
