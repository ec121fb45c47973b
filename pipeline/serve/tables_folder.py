"""Typed rows written as a folder of tables, as `ingest` writes them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from hindcast.pipeline.files import digest_of_file, write_json
from hindcast.pipeline.settings.raw import Source
from hindcast.pipeline.tables import FORMAT, MANIFEST, TIMES, TableWriter, table_path, table_schema


def write_tables(
    folder: Path, sources: Mapping[str, Source], rows: Mapping[str, Mapping[str, pd.DataFrame]]
) -> None:
    """Write the rows of each source and group, in the order and the columns of `read_table`, to a folder that is empty or absent."""
    manifest: dict[str, Any] = {}
    for name, source in sources.items():
        groups = {}
        for group, frame in sorted(rows.get(name, {}).items()):
            file = table_path(name, group)
            with closing(TableWriter(folder / file, table_schema(source))) as writer:
                writer.write(_table(frame, table_schema(source)))
            groups[group] = {"file": file, "rows": len(frame), "digest": digest_of_file(folder / file)}
        manifest[name] = {"role": source.role, "values": list(source.values), "groups": groups}
    write_json(folder / MANIFEST, {"format": FORMAT, "sources": manifest})


def _table(frame: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    return pa.Table.from_arrays([column_of(frame, field) for field in schema], schema=schema)


def column_of(frame: pd.DataFrame, field: pa.Field) -> pa.Array:
    """Return a column of rows as a table has it: times from int64 ns UTC, NaN as null."""
    column = frame[field.name]
    if field.name in TIMES:
        return pa.array(column.to_numpy(np.int64)).cast(field.type)
    if pa.types.is_string(field.type):
        return pa.array(column).cast(pa.string())
    return pa.array(column.to_numpy(np.float64), from_pandas=True)
