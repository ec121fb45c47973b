"""The work of `export`: check the certificate, then stream the rows into one file or folder, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from hindcast.pipeline.certify.covered_files import check_certificate
from hindcast.pipeline.digests import FileDigests
from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.export.long_rows import long_rows, row_schema
from hindcast.pipeline.export.zarr_folder import ZarrFolder
from hindcast.pipeline.files import replace_file, replace_folders
from hindcast.pipeline.progress import progress
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.store.recorded_settings import check_recorded_settings

Kind = Literal["parquet", "csv", "zarr"]

ROWS_A_PIECE = 1 << 17  # of a row group, of a chunk: fixed, so that bytes do not depend on how rows are read
_BUDGET_BYTES = 16 << 20  # of decoded chunks: every chunk is needed once, those at the ends of a block twice
_OF_STAGES = ("data", "reports", "models")

Write = Callable[[pa.Table], None]


@dataclass(frozen=True)
class Exported:
    """What was written, and how much."""

    path: Path
    rows: int
    columns: tuple[str, ...]


def export_rows(params: Params, root: Path, kind: Kind, output: Path | None = None) -> Exported:
    """Write all steps of `data/dataset.h5` below `root` in long form to `output`, by default `export/rows.<kind>`.

    `output` is replaced only if everything succeeds; its bytes are a function of the data set. See `row_schema` for the
    columns. Raises LeakError unless the certificate covers these very files, MissingInputError or FormatError if one is
    missing or damaged, SettingsError if `output` is a place of the stages or has another suffix.
    """
    path = root / "export" / f"rows.{kind}" if output is None else output
    _check_output(path, root, kind)
    with Dataset(root / "data" / "dataset.h5", _BUDGET_BYTES, check_shards=False) as dataset:
        check_recorded_settings(dataset, params)
        digests = FileDigests.of_workspace(root)
        check_certificate(root / "reports" / "leaks.json", root / "data", dataset.fingerprint, digests)
        digests.save()
        schema = row_schema(dataset)
        with (
            _WRITERS[kind](path, dataset, schema) as write,
            progress("export", dataset.step_count, "row") as advance,
        ):
            for piece in _in_pieces(long_rows(dataset, params.raw), ROWS_A_PIECE):
                write(piece)
                advance(piece.num_rows)
        return Exported(path, dataset.step_count, tuple(schema.names))


def _in_pieces(tables: Iterable[pa.Table], rows: int) -> Iterator[pa.Table]:
    """Yield the same rows in tables of exactly `rows`, each column in one piece; the last table may be shorter."""
    pending: list[pa.Table] = []
    for table in tables:
        pending.append(table)
        while sum(part.num_rows for part in pending) >= rows:
            whole = pa.concat_tables(pending)
            yield whole.slice(0, rows).combine_chunks()
            pending = [whole.slice(rows)]
    rest = pa.concat_tables(pending).combine_chunks() if pending else None
    if rest is not None and rest.num_rows:
        yield rest


@contextmanager
def _parquet(path: Path, _: Dataset, schema: pa.Schema) -> Iterator[Write]:
    texts = [field.name for field in schema if pa.types.is_string(field.type)]
    numbers = {field.name: "BYTE_STREAM_SPLIT" for field in schema if pa.types.is_floating(field.type)}
    times = {field.name: "DELTA_BINARY_PACKED" for field in schema if pa.types.is_timestamp(field.type)}
    options = {"use_dictionary": texts, "column_encoding": numbers | times, "version": "2.6"}
    with (
        replace_file(path) as temporary,
        pq.ParquetWriter(temporary, schema, compression="zstd", **options) as writer,
    ):
        yield lambda table: writer.write_table(table, row_group_size=ROWS_A_PIECE)


@contextmanager
def _csv(path: Path, _: Dataset, schema: pa.Schema) -> Iterator[Write]:
    texts = pa.schema(
        [(field.name, pa.string() if pa.types.is_timestamp(field.type) else field.type) for field in schema]
    )
    with replace_file(path) as temporary, csv.CSVWriter(temporary, texts) as writer:
        yield lambda table: writer.write_table(_with_text_times(table, texts))


@contextmanager
def _zarr(path: Path, dataset: Dataset, schema: pa.Schema) -> Iterator[Write]:
    table = dataset.sequences
    longest = [
        max(map(len, map(str, names)), default=1) for names in (table.group, table.series, table.track)
    ]
    lengths = {"group": longest[0], "series": longest[1]}
    # each character of a name takes at most three in `unique_id`
    lengths |= {"unique_id": 3 * (longest[0] + longest[1]) + longest[2] + 2}
    lengths |= {"split": max(map(len, dataset.splits), default=1)}
    with replace_folders(path) as (folder,):
        yield ZarrFolder(folder, schema, dataset.step_count, ROWS_A_PIECE, lengths).write


_WRITERS: dict[Kind, Callable[[Path, Dataset, pa.Schema], AbstractContextManager[Write]]] = {
    "parquet": _parquet,
    "csv": _csv,
    "zarr": _zarr,
}


def _with_text_times(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Times as ISO 8601 text, with nanoseconds only if they are not 0."""
    columns = []
    for field, column in zip(table.schema, table.columns, strict=True):
        if not pa.types.is_timestamp(field.type):
            columns.append(column)
            continue
        try:
            stamps = column.cast(pa.timestamp("s", "UTC"))
        except pa.ArrowInvalid:
            stamps = column
        columns.append(stamps.cast(pa.string()))
    return pa.Table.from_arrays(columns, schema=schema)


def _check_output(path: Path, root: Path, kind: Kind) -> None:
    faults = []
    if path.suffix != f".{kind}":
        faults.append(f"the output must end in .{kind}, found {path}")
    inside = [name for name in _OF_STAGES if path.resolve().is_relative_to((root / name).resolve())]
    if inside:
        faults.append(f"{inside[0]}/ holds the outputs of the stages, found {path}: choose another folder")
    if path.exists() and path.is_dir() != (kind == "zarr"):
        what, wanted = ("folder", "file") if path.is_dir() else ("file", "folder")
        faults.append(f"{path} is a {what}, and {kind} is written as a {wanted}: move it elsewhere")
    if kind == "zarr" and path.is_dir() and not (path / ".zgroup").is_file():
        faults.append(f"{path} is a folder without .zgroup, and would be replaced: choose another place")
    if faults:
        raise SettingsError("The rows cannot be exported there.", faults)
