"""The layout of a raw file, CSV or Parquet; the columns of a Parquet file by how their types are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from hindcast.pipeline.digests import stamp_of
from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.raw.csv_header import Header, read_header
from hindcast.pipeline.raw.csv_layout import Layout, StampColumns, make_layout
from hindcast.pipeline.raw.opened_file import OpenedFile
from hindcast.pipeline.raw.parquet_blocks import ParquetSchema, is_parquet, read_schema
from hindcast.pipeline.raw.parquet_columns import is_clock, is_number, is_stamp, is_text
from hindcast.pipeline.raw.source_files import RawFile
from hindcast.pipeline.settings.raw import Source

_Test = Callable[[pa.DataType], bool]


def read_layout(file: RawFile, name: str, source: Source) -> Layout:
    """Return the layout of one file of the source `name`; raises RawDataError with all faults of its header or schema."""
    if not is_parquet(file.path):
        return make_layout(file, read_header(file.path, source, file.label), name, source)
    with OpenedFile(file.path) as opened, opened.stream() as stream:
        schema = read_schema(stream, file.label)
    names = tuple(column.strip() for column in schema.names)
    header = Header(0, names, len(names), b"", stamp=opened.stamp, schema=schema)
    layout = make_layout(file, header, name, source)
    faults = list(_type_faults(layout, source, schema, f"raw.sources.{name}"))
    if faults:
        raise RawDataError(f"{file.name} does not fit its settings.", faults)
    return layout


def row_place(path: Path, line: int) -> dict[str, int]:
    """Return where a row is in a file: its line, or in a Parquet file its row group and its row, each from 1.

    Raises RawDataError if the footer of a Parquet file cannot be read.
    """
    if not is_parquet(path):
        return {"line": line}
    return {"row_group": _schema_at(path, tuple(stamp_of(path))).group_of(line), "row": line}


@lru_cache(maxsize=64)  # thousands of groups may have an example each in one file
def _schema_at(path: Path, _stamp: tuple[int, ...]) -> ParquetSchema:
    with OpenedFile(path) as opened, opened.stream() as stream:
        return read_schema(stream, path)


def place_words(place: Mapping[str, Any]) -> str:
    """Return a place of a report in words: `a.csv, line 7`, or `a.parquet, row group 2, row 1500`; the file may be left out."""
    numbers = [
        f"{name.replace('_', ' ')} {place[name]}" for name in ("line", "row_group", "row") if name in place
    ]
    return ", ".join([place["file"], *numbers] if "file" in place else numbers)


def stamp_columns(layout: Layout, source: Source) -> frozenset[int]:
    """Return the columns that hold a whole timestamp each; dates and timestamps in them are used as they are."""
    return frozenset(columns.texts[0] for columns, is_whole in _stamps(layout, source) if is_whole)


def name_columns(layout: Layout) -> frozenset[int]:
    """Return the columns of names of groups, series and members."""
    return frozenset({layout.group_column, layout.series_column, layout.member_column} - {-1})


def part_columns(layout: Layout, source: Source) -> frozenset[int]:
    """Return the columns that are used as texts: parts of timestamps, numbers of steps, marks of the later hour, codes."""
    stamps = _stamps(layout, source)
    parts = {column for columns, is_whole in stamps if not is_whole for column in columns.texts}
    marks = {column for columns, _ in stamps for column in (columns.later, columns.period)}
    values = {slot.values[at] for slot in layout.slots for at in layout.of_texts}
    return frozenset((parts | marks | values) - {-1})


def _stamps(layout: Layout, source: Source) -> list[tuple[StampColumns, bool]]:
    """Return the columns of each timestamp, and whether it is one column without parts elsewhere."""
    of_fields = {"issue_time": layout.issue, "valid_time": layout.valid, "known": layout.published}
    joined = "valid_time" if layout.header_time == "time" else ""
    return [
        (of_fields[name], len(of_fields[name].texts) == 1 and field.path is None and name != joined)
        for name, field in source.stamp_texts.items()
    ]


def _type_faults(layout: Layout, source: Source, schema: ParquetSchema, place: str) -> Iterator[str]:
    """Yield a fault for each column whose type cannot be what the settings say."""
    numbers, stamps = frozenset(layout.number_columns), stamp_columns(layout, source)
    texts = frozenset(layout.text_columns) - stamps
    of_uses: tuple[tuple[frozenset[int], str, tuple[_Test, ...]], ...] = (
        (numbers, "numbers: integers, floats, decimals, booleans, or texts", (is_number, is_text)),
        (stamps, "timestamps: dates, timestamps, texts, or numbers", (is_stamp, is_number, is_text)),
        (texts, "texts, numbers, dates or times", (is_text, is_number, is_stamp, is_clock)),
    )
    for columns, needed, tests in of_uses:
        for column in sorted(columns):
            kind = schema.types[column]
            if not (pa.types.is_null(kind) or any(test(kind) for test in tests)):
                nested = (
                    "; write each of its parts as a column of its own" if pa.types.is_nested(kind) else ""
                )
                yield (
                    f"{layout.file.name}: column {schema.names[column]!r} ({place}) has the type {kind}, but is used for "
                    f"{needed}{nested or '; convert it, or name another column'}"
                )
