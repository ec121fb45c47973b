"""The typed tables as they were at a moment: the rows known by then, revisions included."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from hindcast.pipeline.errors import FormatError, MissingInputError
from hindcast.pipeline.files import digest_of_file, replace_folders, write_json
from hindcast.pipeline.tables import FORMAT, MANIFEST, TableWriter, damage_text, read_manifest


def cut_tables(tables: Path, moment: int, into: Path) -> None:
    """Write the rows of all tables with a known time of at most `moment` (ns UTC) to the folder `into`, in the same format.

    A group without such rows has no table of the source; `into` is replaced as a whole. Raises MissingInputError or FormatError
    as `tables.read_table` does.
    """
    listing = read_manifest(tables)["sources"]
    with replace_folders(into) as (fresh,):
        sources: dict[str, Any] = {}
        for source, entry in listing.items():
            (fresh / source).mkdir()
            groups = {
                group: _cut_table(tables, of_group, moment, fresh)
                for group, of_group in entry["groups"].items()
            }
            sources[source] = {
                **entry,
                "groups": {group: cut for group, cut in groups.items() if cut is not None},
            }
        write_json(fresh / MANIFEST, {"format": FORMAT, "sources": sources})


def _cut_table(tables: Path, entry: dict[str, Any], moment: int, into: Path) -> dict[str, Any] | None:
    """Write the rows of one table; return its entry of the manifest, None if no row was known."""
    path = tables / entry["file"]
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise MissingInputError(
            f"{path} is missing, but {MANIFEST} names it: run the stage `ingest` again."
        ) from None
    if hashlib.sha256(content).hexdigest() != entry["digest"]:
        raise FormatError(damage_text(path))
    file = pq.ParquetFile(pa.BufferReader(content))
    is_known = file.read(["known_time"])["known_time"].cast(pa.int64()).to_numpy() <= moment
    if is_known.all():
        (into / entry["file"]).write_bytes(content)
        return entry
    if not is_known.any():
        return None
    schema = pa.schema([field.remove_metadata() for field in file.schema_arrow])
    rows = file.read().filter(pa.array(is_known))
    with closing(TableWriter(into / entry["file"], schema)) as writer:
        writer.write(pa.Table.from_arrays(rows.columns, schema=schema))
    return {**entry, "rows": writer.rows, "digest": digest_of_file(into / entry["file"])}


def take_series(tables: Path, series: Mapping[str, Sequence[str] | None], into: Path) -> None:
    """Write the tables of some groups to the folder `into`, of each group those series (None: all) and the rows for every series."""
    listing = read_manifest(tables)["sources"]
    with replace_folders(into) as (fresh,):
        sources: dict[str, Any] = {}
        for source, entry in listing.items():
            (fresh / source).mkdir()
            taken = {
                group: _take(tables / of_group["file"], of_group, series[group], fresh)
                for group, of_group in entry["groups"].items()
                if group in series
            }
            sources[source] = {**entry, "groups": {group: cut for group, cut in taken.items() if cut["rows"]}}
        write_json(fresh / MANIFEST, {"format": FORMAT, "sources": sources})


def _take(path: Path, entry: dict[str, Any], names: Sequence[str] | None, into: Path) -> dict[str, Any]:
    if names is None:
        shutil.copyfile(path, into / entry["file"])
        return entry
    wanted = pa.array(["", *names], pa.string())
    file = pq.ParquetFile(path)
    place = file.schema_arrow.get_field_index("series")
    schema = pa.schema([field.remove_metadata() for field in file.schema_arrow])
    with closing(TableWriter(into / entry["file"], schema)) as writer:
        for number in range(file.num_row_groups):
            found = file.metadata.row_group(number).column(place).statistics
            if (
                found is not None
                and found.has_min_max
                and found.min
                and (found.min > max(names) or found.max < min(names))
            ):
                continue
            rows = file.read_row_group(number)
            rows = rows.filter(pc.is_in(rows["series"], value_set=wanted))
            writer.write(pa.Table.from_arrays(rows.columns, schema=schema))
    return {**entry, "rows": writer.rows, "digest": digest_of_file(into / entry["file"])}
