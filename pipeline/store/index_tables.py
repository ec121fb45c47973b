"""Small tables in HDF5: columns of numbers or names, all of one length; `/sequences`, `/shards` and `/splits`.

They are compressed with gzip and have checksums, so that h5py alone reads them, regardless of the big arrays' codec.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import h5py
import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.arrays import Names
from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.store.index_types import Sequences, Shards, Split
from hindcast.pipeline.store.layout import filter_options
from hindcast.pipeline.store.open_files import (
    REMEDY,
    SHORTEST_TEXT,
    dataset_in,
    decode_text,
    new_group,
    report_damage,
    write_text,
)

Table = TypeVar("Table", Sequences, Shards)

# attributes of dimension scales
_OF_SCALES = frozenset({"CLASS", "NAME", "REFERENCE_LIST", "DIMENSION_LIST"})


def write_column(parent: h5py.Group, name: str, values: NDArray[Any]) -> h5py.Dataset:
    """Write a one-dimensional dataset; names become UTF-8 of a fixed length, marked as texts for xarray."""
    stored = encode_names(values) if values.dtype == object else np.ascontiguousarray(values)
    options = filter_options("gzip") if len(stored) else {}  # an empty dataset has no chunks to filter
    dataset = parent.create_dataset(name, data=stored, **options)
    if stored.dtype.kind == "S":
        write_text(dataset, "_Encoding", "utf-8")
    return dataset


def describe_times(dataset: h5py.Dataset, none: float | None = None) -> None:
    """Mark a dataset of ns since 1970 as times, as CF does, so that xarray decodes them; `none` stands for no time."""
    write_text(dataset, "units", "nanoseconds since 1970-01-01")
    write_text(dataset, "calendar", "proleptic_gregorian")
    if none is not None:
        dataset.attrs["_FillValue"] = np.int64(none)


def write_table(file: h5py.File, name: str, table: Sequences | Shards) -> None:
    """Write a group with one dataset per column, and `row`, which numbers the rows and is their dimension scale."""
    group = new_group(file, name)
    scale = write_column(group, "row", np.arange(len(table), dtype="<i8"))
    scale.make_scale("row")
    for column in fields(table):
        dataset = write_column(group, column.name, getattr(table, column.name))
        dataset.dims[0].attach_scale(scale)
        if column.name == "start_time":
            describe_times(dataset)


def read_table(file: h5py.File, name: str, table: type[Table], path: Path) -> Table:
    """Read a table that `write_table` wrote; raise FormatError if a column is missing, damaged or of another length."""
    columns: dict[str, Any] = {}
    for column in (field.name for field in fields(table)):
        dataset = dataset_in(file, f"{name}/{column}", path)
        with report_damage(path, f"reading /{name}/{column}"):
            values = dataset[()]
            columns[column] = decode_names(values) if values.dtype.kind == "S" else values.astype(np.int64)
    lengths = {column: len(values) for column, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise FormatError(f"{path}: the columns of /{name} must have one length, found {lengths}: {REMEDY}.")
    return table(**columns)


def write_splits(file: h5py.File, splits: Sequence[Split]) -> None:
    """Write `/splits/<name>`: sorted int64 indices, each its own dimension scale; `/` in a name makes a subgroup."""
    for split in splits:
        parent, _, name = f"splits/{split.name}".rpartition("/")
        indices = write_column(new_group(file, parent), name, np.asarray(split.indices, dtype="<i8"))
        indices.make_scale(name)
        attributes: Mapping[str, Any] = {
            "from_time": np.int64(split.from_time),
            "until_time": np.int64(split.until_time),
            **({"intervals": np.array(split.intervals, np.int64)} if split.intervals else {}),
            **split.attributes,
        }
        for key, value in attributes.items():
            if isinstance(value, str):
                write_text(indices, key, value)
            else:
                indices.attrs[key] = np.int64(value) if isinstance(value, int) else value


def read_splits(file: h5py.File, path: Path) -> dict[str, Split]:
    """Read all splits: by name, in the order train, validation, test, then the others sorted by name."""
    with report_damage(path, "reading the splits"):
        names: list[str] = []
        if "splits" in file:
            file["splits"].visititems(
                lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None
            )
        first = {"train": 0, "validation": 1, "test": 2}
        names.sort(key=lambda name: (first.get(name, 3), name))
        return {name: _read_split(file, name, path) for name in names}


def encode_names(names: NDArray[Any] | Sequence[str]) -> NDArray[Any]:
    """Encode texts as UTF-8 bytes of the length of the longest, at least SHORTEST_TEXT."""
    texts = [str(name).encode() for name in names]
    length = max([SHORTEST_TEXT, *map(len, texts)])
    return np.array(texts, dtype=h5py.string_dtype("utf-8", length))


def decode_names(values: NDArray[Any]) -> Names:
    """Decode UTF-8 bytes of a fixed length into an object array of texts."""
    texts = np.empty(len(values), dtype=object)
    texts[:] = [value.decode() if isinstance(value, bytes) else str(value) for value in values.tolist()]
    return texts


def _read_split(file: h5py.File, name: str, path: Path) -> Split:
    dataset = dataset_in(file, f"splits/{name}", path)
    attributes = {key: dataset.attrs[key] for key in dataset.attrs if key not in _OF_SCALES}
    times = [int(attributes.pop(key)) for key in ("from_time", "until_time")]
    intervals = tuple((int(start), int(stop)) for start, stop in attributes.pop("intervals", ()))
    plain = {
        key: value.item() if hasattr(value, "item") and not isinstance(value, bytes) else decode_text(value)
        for key, value in attributes.items()
    }
    return Split(name, dataset[()].astype(np.int64), times[0], times[1], plain, intervals)
