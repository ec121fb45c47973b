"""Parts rows that a column calls forecasts or measurements, such as `Demand Forecast Day Ahead` and `Total Actual Load`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hindcast.pipeline.inspect.column_types import (
    Column,
    classify_columns,
    count_codes,
    encode_tuples,
)
from hindcast.pipeline.inspect.file_kinds import FileFormat
from hindcast.pipeline.inspect.vocabulary import parse_heading

_ROLES = {"forecast", "realized"}


def split_roles(fmt: FileFormat) -> list[FileFormat]:
    """Return a format for the forecasts and one for the measurements, if one text of a column names each; else the format."""
    column = next(filter(_names_roles, fmt.columns), None) if fmt.where is None else None
    if column is None:
        return [fmt]
    return [_select(fmt, column, text) for text in sorted(pc.unique(column.texts).to_pylist())]


def _names_roles(column: Column) -> bool:
    if column.kind != "text" or column.missing.any() or column.distinct != len(_ROLES):
        return False
    return {parse_heading(text).role for text in pc.unique(column.texts).to_pylist()} == _ROLES


def _says_the_same(other: Column, column: Column) -> bool:
    """Return whether a column has one text for each text of another one: it names the role too, and no series."""
    if other.distinct != column.distinct:
        return False
    codes = [
        pc.dictionary_encode(each.texts).indices.to_numpy(zero_copy_only=False) for each in (other, column)
    ]
    return count_codes(encode_tuples(codes)) == column.distinct


def _select(fmt: FileFormat, column: Column, text: str) -> FileFormat:
    """Return the rows with a text in a column, without the column and others that say the same."""
    rows = np.flatnonzero(pc.equal(column.texts, text).to_numpy(zero_copy_only=False))
    kept = [each for each in fmt.columns if not _says_the_same(each, column)]
    named = [(each.name, each.texts.take(pa.array(rows))) for each in kept]
    return replace(
        fmt,
        columns=classify_columns(named, fmt.dialect.style),
        file=fmt.file[rows],
        piece=fmt.piece[rows],
        where=(column.name, text),
    )
