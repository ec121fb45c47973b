"""Groups files by format: files with the same header and dialect are read as one table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from hindcast.pipeline.arrays import Flags
from hindcast.pipeline.errors import HindcastError
from hindcast.pipeline.inspect.column_types import Column, classify_columns
from hindcast.pipeline.inspect.dialect import Dialect, detect_dialect
from hindcast.pipeline.inspect.heading_patterns import escape_pattern
from hindcast.pipeline.inspect.known_dialects import KnownDialects
from hindcast.pipeline.inspect.parquet_sample import sample_parquet
from hindcast.pipeline.inspect.sample import WHOLE_BYTES, Cells, cut_cells, take_sample
from hindcast.pipeline.inspect.table_starts import TableStart, find_tables
from hindcast.pipeline.inspect.text_encoding import ask_about_encoding, decode_text
from hindcast.pipeline.inspect.vocabulary import role_from_path
from hindcast.pipeline.progress import progress
from hindcast.pipeline.raw.numbers import NumberStyle
from hindcast.pipeline.raw.parquet_blocks import is_parquet
from hindcast.pipeline.raw.source_files import natural_key

_ALL_BYTES = 96 << 20  # bytes of text in memory at once, regardless of the number of files
_LEAST_BYTES = 64 << 10  # bytes read of each file
_DATE_IN_HEADING = re.compile(r"(?<!\d)(?:\d{8}|\d{1,4}([-/.])\d{1,2}\1\d{1,4})(?!\d)")
_LONGEST_PATTERN = 60  # letters of a header that are used to find it


@dataclass(frozen=True)
class HourColumns:
    """The part of the time in headings (`time`, `period` or `lead`) and the expression that matches them.

    `place` is the index of the column that holds this part after reshaping to one row per value; `second` are
    headings of a repeated hour, such as `Hour 3B`.
    """

    carries: str
    pattern: str
    place: int
    second: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class SampledFile:
    """A file: its `path` below the common folder, the share that was read, its dialect, and its cells.

    A Parquet file has the dialect that a CSV file of its texts would have; `fractions` are the places of its typed columns
    that may hold fractions, which are written with a point. `tables` are the beginnings of its tables, if there are several.
    """

    path: str
    share: float
    dialect: Dialect
    cells: Cells
    fractions: tuple[int, ...] = ()
    tables: tuple[TableStart, ...] = ()

    @property
    def is_typed(self) -> bool:
        """Whether it is a Parquet file."""
        return is_parquet(Path(self.path))


@dataclass(frozen=True, eq=False)
class FileFormat:
    """All files with the same header and dialect; their rows are concatenated.

    `file` (rows,) is each row's index into `files`; `piece` (rows,) increases where rows are not adjacent in a file.
    """

    files: tuple[SampledFile, ...]
    dialect: Dialect
    columns: tuple[Column, ...]
    file: NDArray[np.int32]
    piece: NDArray[np.int32]
    hour_columns: HourColumns | None = None
    refused: tuple[str, ...] = ()  # beginnings of formats that files with the same columns contradict
    where: tuple[str, str] | None = (
        None  # the column and the text of its rows, if others are in other formats
    )

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of its files, in natural order."""
        return tuple(file.path for file in self.files)

    @cached_property
    def _starts(self) -> list[int]:
        numbers = np.arange(len(self.files) + 1, dtype=np.int32)
        return [int(start) for start in np.searchsorted(self.file, numbers)]

    def rows_of(self, file: int) -> slice:
        """Return the rows of a file, which are consecutive."""
        return slice(self._starts[file], self._starts[file + 1])

    def neighbours(self, ok: Flags) -> Flags:
        """Return (rows - 1,): whether a row and the next one are adjacent in a file, and both `ok`."""
        near: Flags = np.diff(self.piece) == 0
        return near & ok[1:] & ok[:-1]


def read_file_formats(paths: Iterable[Path], root: Path) -> tuple[list[FileFormat], list[str]]:
    """Return the formats of the files, and a sentence about each file that cannot be read."""
    ordered = sorted(paths, key=lambda path: natural_key(path.relative_to(root).as_posix()))
    budget = max(_LEAST_BYTES, min(WHOLE_BYTES, _ALL_BYTES // max(len(ordered), 1)))
    files: list[SampledFile] = []
    faults: list[str] = []
    known = KnownDialects()
    with progress("Reading files", len(ordered), "file") as advance:
        for path in ordered:
            try:
                files.append(_read_file(path, root, budget, known))
            except HindcastError as fault:
                faults += fault.faults or [fault.summary]
            except OSError as fault:
                faults.append(f"{path}: cannot be read: {fault.strerror or fault}.")
            advance(1)
    return _ask_about_encodings(_group_by_header(files)), faults


def _ask_about_encodings(formats: list[FileFormat]) -> list[FileFormat]:
    """Ask about files whose letters are guessed to be in different encodings, since one program writes one encoding."""
    guessed = [fmt.dialect.encoding for fmt in formats if not fmt.dialect.encoding.startswith("utf")]
    if len(set(guessed)) < 2:
        return formats
    note = (
        f"the files are guessed to be in different encodings ({', '.join(sorted(set(guessed)))}): are they? If one program wrote "
        "them, set the right one as `encoding` of all sources"
    )
    return [
        replace(fmt, dialect=replace(fmt.dialect, notes=(note, *fmt.dialect.notes)))
        if not fmt.dialect.encoding.startswith("utf")
        else fmt
        for fmt in formats
    ]


def _read_file(path: Path, root: Path, budget: int, known: KnownDialects) -> SampledFile:
    name = path.relative_to(root).as_posix()
    if is_parquet(path):
        found = sample_parquet(path, budget)
        return SampledFile(name, found.share, found.dialect, found.cells, found.fractions)
    sample = take_sample(path, budget)
    texts, encoding = decode_text(sample.pieces, str(path))
    dialect = known.find(texts, encoding)
    if dialect is not None:
        cells = cut_cells(texts, dialect)
        if cells.rows and not cells.ragged:
            return SampledFile(name, sample.share, dialect, cells, tables=find_tables(texts[0], dialect))
    dialect = detect_dialect(texts, encoding, str(path))
    doubt = ask_about_encoding(sample.pieces, encoding)
    dialect = replace(dialect, notes=(doubt, *dialect.notes)) if doubt else dialect
    known.add(texts, dialect)
    tables = find_tables(texts[0], dialect)
    return SampledFile(name, sample.share, dialect, cut_cells(texts, dialect), tables=tables)


def _group_by_header(files: list[SampledFile]) -> list[FileFormat]:
    """Group files by header and dialect.

    Encoding and decimal sign are not compared: plain ASCII fits every encoding, and whole numbers fit every decimal
    sign. Forecasts and measurements with the same header are separated if their file names distinguish them. A Parquet
    file joins CSV files with its header however they are written.
    """
    groups: dict[tuple[object, ...], list[SampledFile]] = {}
    alike: dict[tuple[object, ...], tuple[object, ...]] = {}  # header and role: the first group of CSV files
    for file in files:
        if not file.is_typed:
            groups.setdefault(key := _cut_of(file), []).append(file)
            if _without_dates(file.dialect.header) == file.dialect.header:
                alike.setdefault((file.dialect.header, role_from_path(file.path)), key)
    for file in files:
        if file.is_typed:
            key = alike.get((file.dialect.header, role_from_path(file.path)), _cut_of(file))
            groups.setdefault(key, []).append(file)
    places = {file.path: place for place, file in enumerate(files)}
    joined = [sorted(group, key=lambda file: places[file.path]) for group in groups.values()]
    return [_join_files(group) for group in sorted(joined, key=lambda group: places[group[0].path])]


def _cut_of(file: SampledFile) -> tuple[object, ...]:
    dialect = file.dialect
    above = dialect.skip_lines if dialect.given else 0  # other headers are found by their text
    header = dialect.header if file.is_typed else _without_dates(dialect.header)
    cut = (header, dialect.separator, dialect.quote, dialect.given, above, dialect.since)
    return (*cut, role_from_path(file.path))


def _join_files(files: list[SampledFile]) -> FileFormat:
    dialect = _join_dialects(files)
    counts = [file.cells.rows for file in files]
    file_numbers = np.repeat(np.arange(len(files), dtype=np.int32), counts)
    offsets = np.cumsum([0, *(int(file.cells.piece.max(initial=0)) + 1 for file in files)])
    piece = np.concatenate([file.cells.piece + offset for file, offset in zip(files, offsets, strict=False)])
    cells = [_with_sign(file, dialect.style.decimal) for file in files]
    texts = (pa.concat_arrays(parts) for parts in zip(*cells, strict=True))
    columns = classify_columns(zip(dialect.header, texts, strict=True), dialect.style)
    return FileFormat(tuple(files), dialect, columns, file_numbers, piece.astype(np.int32))


def _without_dates(header: tuple[str, ...]) -> tuple[str, ...]:
    """Return headings without the dates in them, `Load of 2025-11-12 (MW)`, if they stay different."""
    shorter = tuple(_without_date(name) for name in header)
    return shorter if len(set(shorter)) == len(set(header)) else header


def _without_date(name: str) -> str:
    left = " ".join(_DATE_IN_HEADING.sub(" ", name).split())
    return left if any(map(str.isalpha, left)) else name


def _with_shared_header(dialect: Dialect, files: Sequence[SampledFile]) -> Dialect:
    """Return the dialect with names that hold for all files, if dates in their headings differ."""
    if dialect.given or len({file.dialect.header for file in files}) == 1:
        return dialect
    names = _without_dates(dialect.header)
    note = f"the headings hold dates that differ between files, so the columns are called {', '.join(map(repr, names[:5]))}"
    return replace(
        dialect, header=names, given=True, header_text="", skip_lines=dialect.skip_lines + 1,
        notes=(*dialect.notes, note),
    )  # fmt: skip


def _with_sign(file: SampledFile, decimal: str) -> Sequence[pa.StringArray]:
    """Return the columns of a file, with the given decimal sign in those that are typed."""
    columns = list(file.cells.columns)
    if decimal != ".":
        for place in file.fractions:
            columns[place] = pc.replace_substring(columns[place], ".", decimal)
    return columns


def _join_dialects(files: list[SampledFile]) -> Dialect:
    """Return the dialect that reads all files with the same header, with a note if none reads them all."""
    files = [file for file in files if not file.is_typed] or files  # others are read whatever the dialect
    dialects = [_with_shared_header(file.dialect, files) for file in files]
    encodings = sorted({dialect.encoding for dialect in dialects} - {"utf-8"})
    notes = list(dict.fromkeys(note for dialect in dialects for note in dialect.notes))
    if len(encodings) > 1 or (encodings and any(_needs_utf8(file) for file in files)):
        found = ", ".join(sorted({dialect.encoding for dialect in dialects}))
        notes.append(
            f"files with the same header have different encodings ({found}); use one source per encoding"
        )
    proven = any(dialect.proven for dialect in dialects)
    header_line = escape_pattern(dialects[0].header_text[:_LONGEST_PATTERN])
    return replace(
        dialects[0],
        encoding=encodings[0] if encodings else "utf-8",
        style=_join_styles(dialects, proven=proven),
        proven=proven,
        doubt="" if proven else next((dialect.doubt for dialect in dialects if dialect.doubt), ""),
        notes=tuple(notes),
        ignore=tuple(dict.fromkeys(pattern for dialect in dialects for pattern in dialect.ignore)),
        skip_until=f"^{header_line}"
        if len({dialect.skip_lines for dialect in dialects}) > 1 and header_line
        else None,
    )


def _join_styles(dialects: Sequence[Dialect], *, proven: bool) -> NumberStyle:
    """Return the style of files with one header; if the signs of some are proven, only these decide about signs."""
    styles = [dialect.style for dialect in dialects]
    deciding = [dialect.style for dialect in dialects if dialect.proven or not proven]
    decimals = sorted({style.decimal for style in deciding} - {"."})
    thousands = sorted({style.thousands for style in deciding if style.thousands})
    return NumberStyle(
        decimals[0] if decimals else ".",
        next((sign for sign in thousands if sign not in decimals), None),
        tuple(sorted({text for style in styles for text in style.around})),
        next((style.negatives for style in styles if style.negatives), None),
    )


def _needs_utf8(file: SampledFile) -> bool:
    """Return whether a file in UTF-8 contains letters beyond ASCII."""
    cells = (text for column in file.cells.columns for text in column.unique().to_pylist())
    texts = chain(file.dialect.header, cells)
    return file.dialect.encoding == "utf-8" and not all(text.isascii() for text in texts)
