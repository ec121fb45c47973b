"""Joins files whose headings number the steps of days of 23, 24 and 25 hours, and parts rows that name several quantities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hindcast.pipeline.inspect.column_types import Column, classify_columns
from hindcast.pipeline.inspect.file_kinds import FileFormat, SampledFile
from hindcast.pipeline.inspect.hour_columns import count_steps, melt_hour_columns, melt_steps
from hindcast.pipeline.inspect.path_dates import find_days_in_paths, find_stamps
from hindcast.pipeline.inspect.vocabulary import parse_heading, role_from_path
from hindcast.pipeline.raw.source_files import natural_key

_MOST_QUANTITIES = 8  # that the rows of a file name


def join_widths(formats: Sequence[FileFormat]) -> list[FileFormat]:
    """Return the formats; those that differ only in the number of steps of their days become one, with a row per value.

    Where some days have 23 or 25 hours, headings from 1 on number the steps of a day, and no hours of the clock.
    """
    alike: dict[object, list[int]] = {}
    for place, fmt in enumerate(formats):
        found = count_steps(fmt)
        if found is not None:
            dialect = fmt.dialect
            cut = dialect.separator, dialect.quote, dialect.given, dialect.style, dialect.encoding
            alike.setdefault((found, cut, role_from_path(fmt.paths[0])), []).append(place)
    joined: dict[int, FileFormat] = {}
    for places in alike.values():
        if len(places) > 1 and all(_are_days(formats[place]) for place in places):
            joined |= dict.fromkeys(places, _join([melt_steps(formats[place]) for place in places]))
    kept = [joined.get(place, fmt) for place, fmt in enumerate(formats)]
    return list({id(fmt): fmt for fmt in kept}.values())


def split_quantities(fmt: FileFormat) -> list[FileFormat]:
    """Return a format for each quantity that a column names, if headings hold the hours of each row; else the format."""
    column = next(filter(_names_quantities, fmt.columns), None)
    melted = fmt if column is None else melt_hour_columns(fmt)
    if column is None or melted.hour_columns is None:
        return [fmt]
    column = next(filter(_names_quantities, melted.columns))
    return [_select(melted, column, text) for text in sorted(_texts_of(column))]


def _are_days(fmt: FileFormat) -> bool:
    times = find_stamps(fmt) or find_days_in_paths(fmt)
    return bool(times) and all(found.daily for found in times)


def _join(formats: Sequence[FileFormat]) -> FileFormat:
    """Return one format with the files of several that have the same columns, in natural order."""
    files = [file for fmt in formats for file in fmt.files]
    order = sorted(range(len(files)), key=lambda place: natural_key(files[place].path))
    ranks = np.empty(len(files), np.int32)
    ranks[order] = np.arange(len(files), dtype=np.int32)
    offsets = np.cumsum([0, *(len(fmt.files) for fmt in formats)])
    file = np.concatenate([ranks[fmt.file + first] for fmt, first in zip(formats, offsets, strict=False)])
    pieces = np.cumsum([0, *(int(fmt.piece.max(initial=0)) + 1 for fmt in formats)])
    piece = np.concatenate([fmt.piece + first for fmt, first in zip(formats, pieces, strict=False)])
    rows = np.argsort(file, kind="stable")
    widest = max(formats, key=lambda fmt: len(fmt.dialect.header))
    texts = [
        (column.name, pa.concat_arrays([fmt.columns[place].texts for fmt in formats]).take(pa.array(rows)))
        for place, column in enumerate(widest.columns)
    ]
    dialects = [fmt.dialect for fmt in formats]
    notes = tuple(dict.fromkeys(note for dialect in dialects for note in dialect.notes))
    ignore = tuple(dict.fromkeys(pattern for dialect in dialects for pattern in dialect.ignore))
    return replace(
        widest,
        files=tuple[SampledFile, ...](files[place] for place in order),
        dialect=replace(widest.dialect, notes=notes, ignore=ignore),
        columns=classify_columns(texts, widest.dialect.style),
        file=file[rows],
        piece=piece[rows].astype(np.int32),
    )


def _names_quantities(column: Column) -> bool:
    """Return whether the texts of a column name different quantities, such as price and energy."""
    if column.kind != "text" or not 1 < column.distinct <= _MOST_QUANTITIES:
        return False
    quantities = [parse_heading(text).quantity for text in _texts_of(column)]
    return None not in quantities and 1 < len(set(quantities)) == len(quantities)


def _texts_of(column: Column) -> list[str]:
    texts: list[str] = pc.unique(column.texts.filter(pa.array(~column.missing))).to_pylist()
    return texts


def _select(fmt: FileFormat, column: Column, text: str) -> FileFormat:
    """Return the rows with a text in a column, without the column; their values are named after the text."""
    hours = fmt.hour_columns
    assert hours is not None
    rows = np.flatnonzero(pc.equal(column.texts, text).to_numpy(zero_copy_only=False))
    value = fmt.columns[-1]
    texts = [
        (text if each is value else each.name, each.texts.take(pa.array(rows)))
        for each in fmt.columns
        if each is not column
    ]
    return replace(
        fmt,
        columns=classify_columns(texts, fmt.dialect.style),
        file=fmt.file[rows],
        piece=fmt.piece[rows],
        hour_columns=replace(hours, place=hours.place - (column.place < hours.place)),
        where=(column.name, text),
    )
