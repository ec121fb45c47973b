"""Settles the decimal and thousands signs of files with all their cells, and with those of other files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from hindcast.pipeline.inspect.column_types import classify_columns
from hindcast.pipeline.inspect.file_kinds import FileFormat
from hindcast.pipeline.inspect.number_style import (
    ask_about_doubt,
    detect_number_style,
    is_fraction,
    sign_between_thousands,
)
from hindcast.pipeline.raw.numbers import NumberStyle

_MOST_CELLS = 100_000  # different cells of a column that are examined if its first lines leave the signs open
_MOST_BAD = 1000  # different texts that are no numbers


def settle_signs(formats: Sequence[FileFormat]) -> list[FileFormat]:
    """Return the formats with the number style that fits all their cells; what no cell decides becomes a question.

    The first lines of a file may hold no number above 999, or no fraction. Files with the same columns, some of which have more,
    share a style; a cell such as 1.234 in other files is read as the cells of the rest of the data set suggest.
    """
    own = [_by_own_cells(fmt) for fmt in formats]
    shared = [_by_like_files(fmt, own) for fmt in own]
    return [_asked(fmt, shared) for fmt in shared]


def _by_own_cells(fmt: FileFormat) -> FileFormat:
    """Settle the signs of a format by the cells below its first lines; typed numbers have none."""
    if any(file.is_typed for file in fmt.files):
        return fmt
    style, proven, texts = fmt.dialect.style, fmt.dialect.proven, list(_texts_of_bad(fmt))
    sign = sign_between_thousands(texts, style.decimal) if style.thousands is None else None
    if sign is not None and (proven or sign in " '"):
        return _restyle(fmt, replace(style, thousands=sign))
    if proven:
        return fmt
    if style.thousands in (",", ".") and any(is_fraction(text, style.thousands) for text in texts):
        return _restyle(fmt, replace(style, decimal=style.thousands, thousands=None))
    columns = [_examined(column.texts) for column in fmt.columns if column.kind == "number"]
    signed = [cells for cells in columns if cells]
    guess = detect_number_style(signed, fmt.dialect.separator)
    if not signed or (guess.doubt and fmt.dialect.doubt):
        return fmt
    found = replace(style, decimal=guess.style.decimal, thousands=guess.style.thousands)
    return _restyle(fmt, found, proven=guess.proven, doubt=guess.doubt)


def _texts_of_bad(fmt: FileFormat) -> Iterable[str]:
    """Yield texts that are no numbers, from columns of numbers."""
    for column in fmt.columns:
        yield from list(column.bad)[:_MOST_BAD] if column.kind == "number" else ()


def _examined(texts: pa.StringArray) -> list[str]:
    """Return different cells of a column with a point or a comma, and others beside them; nothing if there are none."""
    signed = pc.or_(pc.match_substring(texts, "."), pc.match_substring(texts, ","))
    if not pc.any(signed).as_py():
        return []
    cells: list[str] = pc.unique(texts.filter(signed)).to_pylist()[:_MOST_CELLS]
    return [*cells, *filter(None, pc.unique(texts.filter(pc.invert(signed))).to_pylist()[:_MOST_CELLS])]


def _restyle(fmt: FileFormat, style: NumberStyle, *, proven: bool = True, doubt: str = "") -> FileFormat:
    """Return the format with its columns read in another style."""
    dialect = replace(fmt.dialect, style=style, proven=proven, doubt="" if proven else doubt)
    if style == fmt.dialect.style:
        return replace(fmt, dialect=dialect)
    named = ((column.name, column.texts) for column in fmt.columns)
    return replace(fmt, dialect=dialect, columns=classify_columns(named, style))


def _by_like_files(fmt: FileFormat, formats: Sequence[FileFormat]) -> FileFormat:
    """Read a format like the others with the same columns, some of which may have more: they are written alike."""
    own, names = fmt.dialect, set(fmt.dialect.header)
    for other in formats:
        found, theirs = other.dialect, set(other.dialect.header)
        if other is fmt or not found.proven or not (names <= theirs or theirs <= names):
            continue
        if found.separator != own.separator or any(file.is_typed for file in (*fmt.files, *other.files)):
            continue
        same = not own.proven or (own.style.decimal == found.style.decimal and own.style.thousands is None)
        signs = found.style.decimal, found.style.thousands
        if same and signs != (own.style.decimal, own.style.thousands):
            return _restyle(fmt, replace(own.style, decimal=signs[0], thousands=signs[1]))
    return fmt


def _asked(fmt: FileFormat, formats: Sequence[FileFormat]) -> FileFormat:
    """Add the question about a cell that may be a fraction or a whole number, read as other files suggest."""
    dialect = fmt.dialect
    if not dialect.doubt:
        return fmt
    others = {other.dialect.style.decimal for other in formats if other.dialect.proven}
    sign = next(letter for letter in dialect.doubt if letter in ".,")
    if len(others) == 1 and dialect.separator not in others and not any(file.is_typed for file in fmt.files):
        (decimal,) = others
        thousands = None if sign == decimal else sign
        fmt = _restyle(
            fmt,
            replace(dialect.style, decimal=decimal, thousands=thousands),
            proven=False,
            doubt=dialect.doubt,
        )
    question = ask_about_doubt(dialect.doubt, fmt.dialect.style, dialect.separator)
    return replace(fmt, dialect=replace(fmt.dialect, notes=(*fmt.dialect.notes, question)))
