"""Files -> kinds of files: those with one header and one dialect are looked at as one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from hindcast.pipeline.errors import HindcastError
from hindcast.pipeline.inspect.column_types import Column, look_at
from hindcast.pipeline.inspect.dialect import Dialect, decode, dialect_of
from hindcast.pipeline.inspect.heading_patterns import escaped
from hindcast.pipeline.inspect.sample import WHOLE_BYTES, Cells, cut, take_sample
from hindcast.pipeline.inspect.vocabulary import role_of_path
from hindcast.pipeline.raw.source_files import natural_key

_ALL_BYTES = 96 << 20  # of text in memory at once, whatever the number of files
_LONGEST_PATTERN = 60  # letters of a header by which it is found
_LEAST_BYTES = 64 << 10  # of each file


@dataclass(frozen=True)
class Spread:
    """What headings carry of the time (`time`, `period` or `lead`), the expression that finds them, and the place of the
    column that holds it once the values stand below each other; `second` are headings of a doubled hour, as `Hour 3B`.
    """

    carries: str
    pattern: str
    place: int
    second: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class LookedAt:
    """One file: `path` below the common folder, how much was read, what was cut from it."""

    path: str
    size: int
    share: float
    dialect: Dialect
    cells: Cells


@dataclass(frozen=True, eq=False)
class Kind:
    """All files of one header and dialect, row under row.

    `file` is each row's place in `files`, `piece` rises wherever rows are not neighbours in a file.
    """

    files: tuple[LookedAt, ...]
    dialect: Dialect
    columns: tuple[Column, ...]
    file: NDArray[np.int32]
    piece: NDArray[np.int32]
    spread: Spread | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of its files, in natural order."""
        return tuple(file.path for file in self.files)


def look_at_files(paths: Iterable[Path], root: Path) -> tuple[list[Kind], list[str]]:
    """The kinds of files there are, and a sentence on each file that cannot be read."""
    ordered = sorted(paths, key=lambda path: natural_key(path.relative_to(root).as_posix()))
    budget = max(_LEAST_BYTES, min(WHOLE_BYTES, _ALL_BYTES // max(len(ordered), 1)))
    found: list[LookedAt] = []
    faults: list[str] = []
    for path in ordered:
        try:
            found.append(_look(path, root, budget))
        except HindcastError as fault:
            faults += fault.faults or [fault.summary]
        except OSError as fault:
            faults.append(f"{path}: cannot be read: {fault.strerror or fault}.")
    return _by_header(found), faults


def _look(path: Path, root: Path, budget: int) -> LookedAt:
    name = path.relative_to(root).as_posix()
    sample = take_sample(path, budget)
    texts, encoding = decode(sample.pieces, str(path))
    dialect = dialect_of(texts, encoding, str(path))
    return LookedAt(name, sample.size, sample.share, dialect, cut(texts, dialect))


def _by_header(files: list[LookedAt]) -> list[Kind]:
    """Files of one header and dialect together; plain ASCII has every encoding, whole numbers every decimal sign.

    Forecasts and measurements of one header stay apart where their names tell them.
    """
    kinds: dict[tuple[object, ...], list[LookedAt]] = {}
    for file in files:
        dialect = file.dialect
        above = dialect.skip_lines if dialect.given else 0  # a header is found by its text too
        key = (
            dialect.header,
            dialect.separator,
            dialect.quote,
            dialect.given,
            above,
            role_of_path(file.path),
        )
        kinds.setdefault(key, []).append(file)
    return [_kind_of(group) for group in kinds.values()]


def _kind_of(files: list[LookedAt]) -> Kind:
    first = files[0].dialect
    encodings = sorted({file.dialect.encoding for file in files} - {"utf-8"})
    decimals = sorted({file.dialect.decimal for file in files} - {"."})
    notes = list(dict.fromkeys(note for file in files for note in file.dialect.notes))
    if len(encodings) > 1 or (encodings and any(_has_utf8(file) for file in files)):
        found = ", ".join(sorted({file.dialect.encoding for file in files}))
        notes.append(
            f"files of one header have different encodings ({found}); give them sources of their own"
        )
    above = {file.dialect.skip_lines for file in files}
    thousands = sorted({file.dialect.thousands for file in files if file.dialect.thousands})
    dialect = replace(
        first,
        encoding=encodings[0] if encodings else "utf-8",
        decimal=decimals[0] if decimals else ".",
        notes=tuple(notes),
        thousands=next((sign for sign in thousands if sign not in decimals), None),
        around=tuple(sorted({text for file in files for text in file.dialect.around})),
        negatives=next((file.dialect.negatives for file in files if file.dialect.negatives), None),
        ignore=tuple(dict.fromkeys(pattern for file in files for pattern in file.dialect.ignore)),
        skip_until=f"^{escaped(first.header_text[:_LONGEST_PATTERN])}" if len(above) > 1 else None,
    )
    counts = [file.cells.rows for file in files]
    file_numbers = np.repeat(np.arange(len(files), dtype=np.int32), counts)
    offsets = np.cumsum([0, *(int(file.cells.piece.max(initial=0)) + 1 for file in files)])
    piece = np.concatenate([file.cells.piece + offset for file, offset in zip(files, offsets, strict=False)])
    columns = tuple(
        look_at(place, name, pa.concat_arrays([file.cells.columns[place] for file in files]), dialect.style)
        for place, name in enumerate(first.header)
    )
    return Kind(tuple(files), dialect, columns, file_numbers, piece.astype(np.int32))


def _has_utf8(file: LookedAt) -> bool:
    """Whether a file of encoding UTF-8 holds letters beyond ASCII."""
    cells = (text for column in file.cells.columns for text in column.unique().to_pylist())
    return file.dialect.encoding == "utf-8" and any(
        not text.isascii() for text in (*file.dialect.header, *cells)
    )
