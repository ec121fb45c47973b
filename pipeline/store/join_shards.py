"""Shards joined into one data set: virtual arrays over them, one table of sequences, and the splits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from hindcast.pipeline.errors import FormatError, MissingInputError
from hindcast.pipeline.files import digest_of_value, name_of_file, replace_file
from hindcast.pipeline.store.file_header import (
    Header,
    label_array,
    tabulate_shards,
    virtual_name,
    write_header,
)
from hindcast.pipeline.store.index_tables import write_column, write_splits, write_table
from hindcast.pipeline.store.index_types import Sequences, Shards, Split
from hindcast.pipeline.store.layout import FORMAT, TIME, ArrayLayout
from hindcast.pipeline.store.open_files import (
    REMEDY,
    SEAL_BYTES,
    add_seal,
    create_file,
)
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.store.shard_index import ShardIndex

SUFFIX = ".h5"
_BUDGET_BYTES = 64 << 20  # of decoded chunks: splits are planned group by group


def list_shards(folder: Path) -> list[Path]:
    """List the shards of a folder in the order of their groups' names; raise MissingInputError if there are none."""
    paths = sorted(folder.glob(f"*{SUFFIX}"), key=lambda path: name_of_file(path.stem))
    if not paths:
        raise MissingInputError(f"{folder} has no shards: run the stage `pack` first.")
    return paths


def write_dataset(
    path: Path,
    shard_paths: Sequence[Path],
    splits: Callable[[Dataset], Sequence[Split]],
    identity: Mapping[str, Any],
    indexes: Sequence[ShardIndex] = (),
) -> Header:
    """Join shards into `path` and return its header; `indexes` are the shards' indexes, if the caller has them.

    Shards must be in the folder of `path` or below: they are named relative to it, so that the folder can be moved.
    `splits` is called with the joined data set, still without splits, and returns the splits to store. The fingerprint
    is computed from the fingerprints of the shards and from `identity` (seed and split settings). `path` is replaced
    only when the file is complete.

    Raises FormatError if shards disagree in format, frequency, segment length, axes or units.
    """
    indexes = indexes or [ShardIndex.read(shard) for shard in shard_paths]
    headers = [index.header for index in indexes]
    _check_consistent(shard_paths, headers)
    header = _joined_header(headers, identity)
    shards = _joined_shards(path, shard_paths, headers, [index.chunk_samples for index in indexes])
    joined = _Joined(
        header, headers, shards, _joined_sequences([index.sequences for index in indexes], shards)
    )
    with replace_file(path) as temporary:
        joined.write(temporary, ())
        with Dataset(temporary, _BUDGET_BYTES, indexes=indexes) as dataset:
            stored = splits(dataset)
        joined.write(temporary, stored)
    return header


@dataclass(frozen=True)
class _Joined:
    header: Header
    headers: Sequence[Header]  # of the shards
    shards: Shards
    sequences: Sequences

    def write(self, path: Path, splits: Sequence[Split]) -> None:
        with create_file(path, add_seal, SEAL_BYTES) as file:
            scales = write_header(file, self.header)
            write_table(file, "sequences", self.sequences)
            write_table(file, "shards", self.shards)
            rows = np.repeat(np.arange(len(self.sequences), dtype="<i4"), self.sequences.sample_count)
            write_column(file, "sequence", rows).dims[0].attach_scale(scales["sample"])
            for array in (*self.header.arrays, TIME):
                _write_virtual(file, array, self)
                label_array(file[array.name], array, scales)
            write_splits(file, splits)


def _check_consistent(paths: Sequence[Path], headers: Sequence[Header]) -> None:
    kinds = [header.kind() for header in headers]
    faults = [
        f"{path}: {field.name} is {getattr(kind, field.name)!r}, but {getattr(kinds[0], field.name)!r} in {paths[0]}"
        for path, kind in zip(paths, kinds, strict=True)
        for field in fields(Header)
        if getattr(kind, field.name) != getattr(kinds[0], field.name)
    ]
    groups = [header.group for header in headers]
    if groups != sorted(set(groups)):
        faults.append(f"shards must be in the order of their groups, one per group, found {groups}")
    if faults:
        raise FormatError(f"These shards do not belong together: {REMEDY}.", faults)


def _joined_header(headers: Sequence[Header], identity: Mapping[str, Any]) -> Header:
    shards = [[header.group, header.fingerprint] for header in headers]
    return replace(
        headers[0],
        fingerprint=digest_of_value({"format": FORMAT, "shards": shards, **identity}),
        group="",
        sample_count=sum(header.sample_count for header in headers),
        step_count=sum(header.step_count for header in headers),
        first_target_time=min(header.first_target_time for header in headers),
        last_target_time=max(header.last_target_time for header in headers),
    )


def _joined_shards(
    path: Path, paths: Sequence[Path], headers: Sequence[Header], chunks: Sequence[int]
) -> Shards:
    folder = path.parent.resolve()
    try:
        files = [shard.resolve().relative_to(folder).as_posix() for shard in paths]
    except ValueError:
        raise FormatError(f"Shards must be in the folder of {path} or below, found {paths[0]}.") from None
    return tabulate_shards(files, headers, chunks)


def _joined_sequences(tables: Sequence[Sequences], shards: Shards) -> Sequences:
    names = [column.name for column in fields(Sequences)]
    columns = {name: np.concatenate([getattr(table, name) for table in tables]) for name in names}
    columns["first_sample"] += np.repeat(shards.first_sample, [len(table) for table in tables])
    return Sequences(**columns)


def _write_virtual(file: h5py.File, array: ArrayLayout, joined: _Joined) -> None:
    shape = joined.header.shape_of(array)
    if 0 in shape:
        file.create_dataset(array.name, shape, array.dtype)
        return
    layout = h5py.VirtualLayout(shape, array.dtype)
    # by default a virtual dataset stores the time of its creation, and the file would differ every second
    layout.dcpl.set_obj_track_times(False)
    for row, shard in enumerate(joined.headers):
        first = int(joined.shards.first_sample[row])
        source = h5py.VirtualSource(
            virtual_name(str(joined.shards.file[row])),
            array.name,
            shape=shard.shape_of(array),
            dtype=array.dtype,
        )
        layout[first : first + shard.sample_count] = source
    file.create_virtual_dataset(array.name, layout, fillvalue=array.fill)
