"""A Zarr group (format 2) of one-dimensional columns, written chunk by chunk; xarray and zarr open it.

The format is a folder with a JSON file for each array and a file for each chunk, which needs no library to write.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_LEVEL = 3  # of zstd
_DIMENSION = "row"
_GROUP = {"zarr_format": 2}


class ZarrFolder:
    """Writes tables of exactly `chunk` rows, the last one shorter, into a new folder.

    Texts have the fixed length `lengths[name]` (characters), nulls are empty texts; null numbers are NaN; times are int64
    ns since 1970 with the attributes of CF.
    """

    def __init__(
        self, folder: Path, schema: pa.Schema, rows: int, chunk: int, lengths: dict[str, int]
    ) -> None:
        self._folder, self._chunk, self._written = folder, chunk, 0
        self._types = {field.name: _type_of(field, lengths) for field in schema}
        metadata: dict[str, Any] = {".zgroup": _GROUP, ".zattrs": {}}
        for field in schema:
            place = _place(field.name)
            (folder / place).mkdir(parents=True)
            metadata[f"{place}/.zarray"] = _array(self._types[field.name], rows, chunk)
            metadata[f"{place}/.zattrs"] = _attributes(field)
        for path, value in metadata.items():
            _write_json(folder / path, value)
        _write_json(folder / ".zmetadata", {"metadata": metadata, "zarr_consolidated_format": 1})

    def write(self, table: pa.Table) -> None:
        """Write the next chunk of every column."""
        codec = pa.Codec("zstd", _LEVEL)
        for name in table.column_names:
            values = _values(table[name], self._types[name])
            # every chunk is stored whole; what follows the last row has no meaning
            whole = np.zeros(self._chunk, self._types[name])
            whole[: len(values)] = values
            path = self._folder / _place(name) / str(self._written)
            path.write_bytes(codec.compress(whole, asbytes=True))
        self._written += 1


def _place(name: str) -> str:
    """Return the folder of a column: its name, unless that would be a path or a file of Zarr."""
    safe = name.replace("/", "%2F").replace("\\", "%5C")
    return f"%2E{safe[1:]}" if safe.startswith(".") else safe


def _type_of(field: pa.Field, lengths: dict[str, int]) -> np.dtype[Any]:
    if pa.types.is_string(field.type):
        return np.dtype(f"<U{max(1, lengths[field.name])}")
    if pa.types.is_timestamp(field.type):
        return np.dtype("<i8")
    number: np.dtype[Any] = np.dtype(field.type.to_pandas_dtype()).newbyteorder("<")
    return number


def _array(dtype: np.dtype[Any], rows: int, chunk: int) -> dict[str, Any]:
    fill: Any = {"f": "NaN", "i": 0, "U": ""}[dtype.kind]
    return {
        "chunks": [chunk], "compressor": {"id": "zstd", "level": _LEVEL}, "dtype": dtype.str, "fill_value": fill,
        "filters": None, "order": "C", "shape": [rows], "zarr_format": 2,
    }  # fmt: skip


def _attributes(field: pa.Field) -> dict[str, Any]:
    attributes: dict[str, Any] = {"_ARRAY_DIMENSIONS": [_DIMENSION]}
    if pa.types.is_timestamp(field.type):
        attributes |= {"calendar": "proleptic_gregorian", "units": "nanoseconds since 1970-01-01"}
    return attributes


def _values(column: pa.ChunkedArray, dtype: np.dtype[Any]) -> NDArray[Any]:
    if dtype.kind == "U":
        coded = column.combine_chunks().fill_null("").dictionary_encode()
        texts: NDArray[Any] = np.array(coded.dictionary.to_pylist(), dtype)[coded.indices.to_numpy()]
        return texts
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    return np.asarray(column.combine_chunks().to_numpy(zero_copy_only=False), dtype)


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
