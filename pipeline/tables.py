"""The tables that ingest writes and later stages read: one Parquet file per source and group, and one of flagged values.

Columns of a table: `series` ("" means every series of the group), `member` (ensembles only), `issue_time` (forecasts only),
`valid_time`, `known_time` as timestamp[ns, UTC], then each value as float64 with null for missing; sorted by (series,
member, valid_time, issue_time, known_time). Their bytes depend only on their rows.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hindcast.pipeline.digests import stamp_of
from hindcast.pipeline.errors import FormatError, MissingInputError
from hindcast.pipeline.files import digest_of_file, file_name, read_json, replace_file
from hindcast.pipeline.settings.raw import Source

FORMAT = "hindcast-tables/1"
MANIFEST = "tables.json"
STAMP = pa.timestamp("ns", "UTC")
_ENCODINGS = {
    "double": "BYTE_STREAM_SPLIT",
    str(STAMP): "DELTA_BINARY_PACKED",
    "int64": "DELTA_BINARY_PACKED",
}
TIMES = ("issue_time", "valid_time", "known_time")
KEYS = ("series", "member", *TIMES)
"""The columns of tables that are not values."""

QUALITY = "reports/quality.json"
FLAGS = "reports/flags.parquet"
FLAG_TEXTS = ("source", "group", "series", "value", "reason")
FLAG_TIMES = ("from_time", "until_time")
_FLAG_SCHEMA = pa.schema(
    [pa.field(name, pa.string(), nullable=False) for name in FLAG_TEXTS]
    + [pa.field(name, STAMP, nullable=False) for name in FLAG_TIMES]
)

ROWS_A_PIECE = 1 << 16  # rows of a Parquet row group: fixed, so that bytes do not depend on how rows arrived


def table_schema(source: Source) -> pa.Schema:
    """Build the schema of a source's tables."""
    times = TIMES if source.role == "forecast" else TIMES[1:]
    texts = ("series", "member") if source.has_members else ("series",)
    fields = [pa.field(name, pa.string(), nullable=False) for name in texts]
    fields += [pa.field(name, STAMP, nullable=False) for name in times]
    return pa.schema(fields + [pa.field(name, pa.float64()) for name in source.values])  # noqa: PD011 (no DataFrame)


class TableWriter:
    """Writes a Parquet file from pieces; their sizes do not change the bytes. Use it in `contextlib.closing`."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.rows = 0
        self._schema = schema
        self._pending: list[pa.Table] = []
        self._pending_rows = 0
        self._failed = False
        self._writer = pq.ParquetWriter(path, schema, **_writer_options(schema))

    def write(self, table: pa.Table) -> None:
        """Add rows."""
        self.rows += table.num_rows
        self._pending.append(table)
        self._pending_rows += table.num_rows
        while self._pending_rows >= ROWS_A_PIECE:
            self._flush(ROWS_A_PIECE)

    def close(self) -> None:
        """Write the remaining rows and complete the file; after a failed write, only release it: that error counts."""
        if self._failed:
            with suppress(pa.ArrowException, OSError):
                self._writer.close()
            return
        if self._pending_rows:
            self._flush(self._pending_rows)
        self._writer.close()

    def _flush(self, count: int) -> None:
        whole = pa.concat_tables(self._pending)
        self._failed = True
        # pages end where chunks end, so a row group must be one chunk; usually it is one already and is not copied
        self._writer.write_table(whole.slice(0, count).combine_chunks(), row_group_size=ROWS_A_PIECE)
        self._failed = False
        self._pending_rows -= count
        self._pending = [whole.slice(count)] if self._pending_rows else []


def _writer_options(schema: pa.Schema) -> dict[str, Any]:
    """Choose the options of the Parquet writer; docs/format.md has the measurements.

    Numbers are split into streams of bytes, which LZ4 compresses twice as fast as whole numbers; times are written as
    differences; only texts have a dictionary.
    """
    encodings = {field.name: _ENCODINGS[str(field.type)] for field in schema if str(field.type) in _ENCODINGS}
    texts = [name for name in schema.names if name not in encodings]
    keys = [name for name in schema.names if encodings.get(name) != "BYTE_STREAM_SPLIT"]
    return {
        "compression": "lz4",
        "version": "2.6",
        "use_dictionary": texts,
        "column_encoding": encodings,
        "write_statistics": keys,
    }


_BEFORE_MEMBER = "\x1f"  # sorts before every printable character, so names sort by series, then by member


def name_with_member(series: str, member: str) -> str:
    """Return the name under which the rows of one member of a series are sorted and compared until their table is written."""
    return f"{series}{_BEFORE_MEMBER}{member}"


def split_member(name: str) -> tuple[str, str]:
    """Return series and member of such a name."""
    series, _, member = name.partition(_BEFORE_MEMBER)
    return series, member


def readable_name(name: str) -> str:
    """Return the name of a series, perhaps with a member, for messages."""
    series, member = split_member(name)
    return f"{series}, member {member}".removeprefix(", ") if member else series


def table_path(source: str, group: str) -> str:
    """Return the path of a table below the folder of tables."""
    return f"{source}/{file_name(group)}.parquet"


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest of a folder of tables; raises MissingInputError or FormatError."""
    path = folder / MANIFEST
    try:
        stamp = stamp_of(path)
    except FileNotFoundError:
        return _parse_manifest(path, ())
    return _parse_manifest(path, tuple(stamp))


@lru_cache(maxsize=2)
def _parse_manifest(path: Path, state: tuple[int, ...]) -> dict[str, Any]:  # noqa: ARG001 (a changed file is another key)
    """Cached: with thousands of groups, parsing it for each group and source would be most of the work of pack."""
    manifest = read_json(path)
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        found = manifest.get("format") if isinstance(manifest, dict) else type(manifest).__name__
        raise FormatError(
            f"{path}: the format must be {FORMAT}, found {found!r}: run the stage `ingest` again."
        )
    return manifest


def read_table(folder: Path, source: str, group: str, since: int | None = None) -> pd.DataFrame | None:
    """Read the rows of one source and group; None if the group has no rows of the source.

    `series` is a categorical of str; `issue_time` (forecasts), `valid_time` and `known_time` are int64
    nanoseconds UTC, values float64 with NaN for missing. With `since` (ns UTC), only rows that are valid or known then or later are
    returned. Raises MissingInputError or FormatError if a table that the manifest names is missing, or if its bytes do not have the
    manifest's digest.
    """
    entry = read_manifest(folder)["sources"].get(source, {"groups": {}})["groups"].get(group)
    if entry is None:
        return None
    path = folder / entry["file"]
    try:
        content = path.read_bytes()  # what is hashed is what is parsed
    except FileNotFoundError:
        raise MissingInputError(
            f"{path} is missing, but {MANIFEST} names it: run the stage `ingest` again."
        ) from None
    if hashlib.sha256(content).hexdigest() != entry["digest"]:
        raise FormatError(damage_text(path))
    reader = TableReader(content)
    return reader.read() if since is None else reader.read_since(since)


def newest_known(folder: Path, sources: Sequence[str]) -> int | None:
    """Return the newest known time (ns UTC) of the rows of some sources that have a value; None without such rows.

    Rows without any value do not count: files of a whole year hold such rows for the days to come. The footers say which parts of files to read.
    """
    parts = []
    for source in sources:
        for entry in read_manifest(folder)["sources"].get(source, {"groups": {}})["groups"].values():
            metadata = pq.read_metadata(folder / entry["file"])
            place = metadata.schema.names.index("known_time")
            pieces = (metadata.row_group(piece).column(place) for piece in range(metadata.num_row_groups))
            parts += [
                (piece.statistics.max_raw, entry["file"], number)
                for number, piece in enumerate(pieces)
                if piece.statistics is not None
            ]
    newest: int | None = None
    for latest, name, number in sorted(parts, reverse=True):
        if newest is not None and latest <= newest:
            break
        with pq.ParquetFile(folder / name) as file:
            known = known_with_values(_frame(file.read_row_group(number)))
        if len(known):
            newest = int(known.max()) if newest is None else max(int(known.max()), newest)
    return newest


def known_with_values(rows: pd.DataFrame) -> NDArray[np.int64]:
    """Return the known times (ns UTC) of the rows, as `read_table` returns them, that have at least one value."""
    values = [rows[name].to_numpy() for name in rows if name not in KEYS]
    has_value = np.zeros(len(rows), np.bool_)
    for column in values:
        has_value |= ~np.isnan(column)
    known: NDArray[np.int64] = rows["known_time"].to_numpy()[has_value]
    return known


class TableReader:
    """The rows of a table from the bytes of its file, whole or some series at a time."""

    def __init__(self, content: bytes) -> None:
        metadata = pq.read_metadata(pa.BufferReader(content))
        texts = [name for name in ("series", "member") if name in metadata.schema.names]
        self._file = pq.ParquetFile(pa.BufferReader(content), metadata=metadata, read_dictionary=texts)
        pieces = [self._file.metadata.row_group(piece) for piece in range(self._file.num_row_groups)]
        place = self._file.schema_arrow.get_field_index("series")
        self._ranges = [_range_of_names(piece.column(place).statistics) for piece in pieces]
        self.rows: int = self._file.metadata.num_rows

    def read(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Return all rows, or some of their columns, as `read_table` describes them."""
        return _frame(self._file.read(columns))

    def read_since(self, since: int) -> pd.DataFrame:
        """Return the rows that are valid or known at `since` (ns UTC) or later, in the order of the file; the others take no memory."""
        first = pa.scalar(since, pa.int64()).cast(STAMP)
        parts = []
        for number in range(self._file.num_row_groups):
            part = self._file.read_row_group(number)
            is_recent = (pc.greater_equal(part[name], first) for name in ("valid_time", "known_time"))
            parts.append(part.filter(pc.or_(*is_recent)))
        return _frame(pa.concat_tables(parts) if parts else self._file.read())

    def read_series(self, names: Sequence[str], *, shared: bool) -> pd.DataFrame:
        """Return the rows of some series, and if `shared` those of the series "", in the order of the file.

        Only the parts of the file that may have names between the first and the last one are read.
        """
        low, high = min(names), max(names)
        parts = [
            at
            for at, (first, last) in enumerate(self._ranges)
            if (first <= high and last >= low) or (shared and not first)
        ]
        frame = _frame(self._file.read_row_groups(parts))
        series = frame["series"].cat
        wanted = series.categories.isin([*names, ""] if shared else names)[series.codes.to_numpy()]
        return frame if wanted.all() else frame[wanted]


def _range_of_names(statistics: Any) -> tuple[str, str]:
    """Return the first and last name in a part of a file; without a record, all names."""
    if statistics is None or not statistics.has_min_max:
        return "", chr(sys.maxunicode)
    return str(statistics.min), str(statistics.max)


def _frame(table: pa.Table) -> pd.DataFrame:
    return pd.DataFrame({name: _column(table, name) for name in table.column_names}, copy=False)


def damage_text(path: Path) -> str:
    """Say that a table does not have the digest that the manifest records, with the remedy."""
    return (
        f"{path} is damaged or was edited (its digest differs from {MANIFEST}): run the stage `ingest` again."
    )


FlagRow = tuple[str, str, str, str, str, int, int]
"""Source, group, series, value, reason, from, until: see `write_flags`."""


def write_flags(path: Path, rows: Iterable[FlagRow]) -> None:
    """Write the intervals of values that look wrong, in any order; replaces the file as a whole.

    Columns: `source`, `group`, `series` ("" means every series of the group), `value` and `reason` (str), `from_time`
    and `until_time` (int64 nanoseconds UTC, half-open). The file is sorted by source, group, series, value, from_time,
    until_time and reason; its bytes depend only on the rows.
    """
    ordered = sorted(rows, key=lambda row: (*row[:4], *row[5:], row[4]))
    assert all(start < until for *_, start, until in ordered), "an interval is half-open and not empty"
    columns = list(zip(*ordered, strict=True)) or [()] * len(_FLAG_SCHEMA)
    texts = [pa.array(column, pa.string()) for column in columns[: len(FLAG_TEXTS)]]
    times = [pa.array(column, pa.int64()).cast(STAMP) for column in columns[len(FLAG_TEXTS) :]]
    table = pa.Table.from_arrays([*texts, *times], schema=_FLAG_SCHEMA)
    with replace_file(path) as temporary:
        options = {"row_group_size": ROWS_A_PIECE, "write_page_checksum": True}
        pq.write_table(table, temporary, **_writer_options(_FLAG_SCHEMA), **options)


def read_flags(path: Path) -> pd.DataFrame:
    """Read the intervals of values that look wrong, in the columns and the order that `write_flags` describes.

    Raises MissingInputError if the file is missing, FormatError if it is damaged or has other columns.
    """
    try:
        table = pq.read_table(path, partitioning=None, page_checksum_verification=True)
    except FileNotFoundError:
        raise MissingInputError(f"{path} is missing: run the stage `ingest` again.") from None
    except (pa.ArrowException, OSError) as fault:
        raise FormatError(f"{path} is damaged ({fault}): run the stage `ingest` again.") from None
    if not table.schema.equals(_FLAG_SCHEMA):
        found = ", ".join(f"{field.name} {field.type}" for field in table.schema)
        raise FormatError(
            f"{path}: the columns must be {', '.join(_FLAG_SCHEMA.names)} (five texts, two times), found {found}: "
            "run the stage `ingest` again."
        )
    columns = {name: table[name].to_pandas() for name in FLAG_TEXTS}
    return pd.DataFrame(columns | {name: table[name].cast(pa.int64()).to_numpy() for name in FLAG_TIMES})


def find_quality_fault(root: Path) -> str:
    """Say why the quality check in `reports/` is not one of the tables in `data/tables`, with the remedy; empty if it is.

    `ingest` writes the reports just before it replaces the tables: one that is killed in between leaves older tables. Raises
    MissingInputError or FormatError if a file is missing or damaged.
    """
    report, manifest = read_json(root / QUALITY), root / "data/tables" / MANIFEST
    if "flags_digest" not in report:  # of an earlier version
        return ""
    if not (root / FLAGS).is_file() or report["flags_digest"] != digest_of_file(root / FLAGS):
        return f"{root / FLAGS} is missing, or is not the file that {root / QUALITY} describes: run the stage `ingest` again"
    if manifest.is_file() and report["tables_digest"] != digest_of_file(manifest):
        return f"{root / QUALITY} describes other tables than {manifest} lists: run the stage `ingest` again"
    return ""


def quality_summary(root: Path) -> str:
    """Return the line in which `ingest` summarized its warnings about values; empty if there are none or was no check."""
    if not (root / QUALITY).is_file():
        return ""
    return find_quality_fault(root) or str(read_json(root / QUALITY).get("summary", ""))


def _column(table: pa.Table, name: str) -> Any:
    column = table[name].combine_chunks()
    if name in ("series", "member"):
        return column.to_pandas()
    if name in TIMES:
        return column.cast(pa.int64()).to_numpy()
    return np.asarray(column.to_numpy(zero_copy_only=False), np.float64)
