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
from numpy.typing import NDArray

from hindcast.pipeline.arrays import Flags
from hindcast.pipeline.errors import HindcastError
from hindcast.pipeline.inspect.column_types import Column, classify_columns
from hindcast.pipeline.inspect.dialect import Dialect, detect_dialect
from hindcast.pipeline.inspect.heading_patterns import escape_pattern
from hindcast.pipeline.inspect.known_dialects import KnownDialects
from hindcast.pipeline.inspect.sample import WHOLE_BYTES, Cells, cut_cells, take_sample
from hindcast.pipeline.inspect.text_encoding import decode_text
from hindcast.pipeline.inspect.vocabulary import role_from_path
from hindcast.pipeline.progress import progress
from hindcast.pipeline.raw.numbers import NumberStyle
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
    """A file: its `path` below the common folder, the share that was read, its dialect, and its cells."""

    path: str
    share: float
    dialect: Dialect
    cells: Cells


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
    with progress("Reading files", len(ordered), "files") as advance:
        for path in ordered:
            try:
                files.append(_read_file(path, root, budget, known))
            except HindcastError as fault:
                faults += fault.faults or [fault.summary]
            except OSError as fault:
                faults.append(f"{path}: cannot be read: {fault.strerror or fault}.")
            advance(1)
    return _group_by_header(files), faults


def _read_file(path: Path, root: Path, budget: int, known: KnownDialects) -> SampledFile:
    sample = take_sample(path, budget)
    texts, encoding = decode_text(sample.pieces, str(path))
    name = path.relative_to(root).as_posix()
    dialect = known.find(texts, encoding)
    if dialect is not None:
        cells = cut_cells(texts, dialect)
        if cells.rows and not cells.ragged:
            return SampledFile(name, sample.share, dialect, cells)
    dialect = detect_dialect(texts, encoding, str(path))
    known.add(texts, dialect)
    return SampledFile(name, sample.share, dialect, cut_cells(texts, dialect))


def _group_by_header(files: list[SampledFile]) -> list[FileFormat]:
    """Group files by header and dialect.

    Encoding and decimal sign are not compared: plain ASCII fits every encoding, and whole numbers fit every decimal
    sign. Forecasts and measurements with the same header are separated if their file names distinguish them.
    """
    groups: dict[tuple[object, ...], list[SampledFile]] = {}
    for file in files:
        dialect = file.dialect
        above = dialect.skip_lines if dialect.given else 0  # other headers are found by their text
        cut = (_without_dates(dialect.header), dialect.separator, dialect.quote, dialect.given, above)
        groups.setdefault((*cut, role_from_path(file.path)), []).append(file)
    return [_join_files(group) for group in groups.values()]


def _join_files(files: list[SampledFile]) -> FileFormat:
    dialect = _join_dialects(files)
    counts = [file.cells.rows for file in files]
    file_numbers = np.repeat(np.arange(len(files), dtype=np.int32), counts)
    offsets = np.cumsum([0, *(int(file.cells.piece.max(initial=0)) + 1 for file in files)])
    piece = np.concatenate([file.cells.piece + offset for file, offset in zip(files, offsets, strict=False)])
    texts = (pa.concat_arrays(parts) for parts in zip(*(file.cells.columns for file in files), strict=True))
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


def _join_dialects(files: list[SampledFile]) -> Dialect:
    """Return the dialect that reads all files with the same header, with a note if none reads them all."""
    dialects = [_with_shared_header(file.dialect, files) for file in files]
    encodings = sorted({dialect.encoding for dialect in dialects} - {"utf-8"})
    notes = list(dict.fromkeys(note for dialect in dialects for note in dialect.notes))
    if len(encodings) > 1 or (encodings and any(_needs_utf8(file) for file in files)):
        found = ", ".join(sorted({dialect.encoding for dialect in dialects}))
        notes.append(
            f"files with the same header have different encodings ({found}); use one source per encoding"
        )
    header_line = escape_pattern(dialects[0].header_text[:_LONGEST_PATTERN])
    return replace(
        dialects[0],
        encoding=encodings[0] if encodings else "utf-8",
        style=_join_styles([dialect.style for dialect in dialects]),
        notes=tuple(notes),
        ignore=tuple(dict.fromkeys(pattern for dialect in dialects for pattern in dialect.ignore)),
        skip_until=f"^{header_line}"
        if len({dialect.skip_lines for dialect in dialects}) > 1 and header_line
        else None,
    )


def _join_styles(styles: list[NumberStyle]) -> NumberStyle:
    decimals = sorted({style.decimal for style in styles} - {"."})
    thousands = sorted({style.thousands for style in styles if style.thousands})
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
