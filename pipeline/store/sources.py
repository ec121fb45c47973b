"""Where the virtual arrays of a data set lead: to the shards of its table, inside its folder, and nowhere else."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import h5py

from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.store.access import REMEDY, blaming, dataset_in
from hindcast.pipeline.store.header import Header
from hindcast.pipeline.store.layout import ARRAYS, TIME
from hindcast.pipeline.store.tables import Shards


def virtual_name(file: str) -> str:
    """A relative file name as HDF5 wants it in a virtual source, where `%` begins a pattern."""
    return file.replace("%", "%%")


def check_sources(file: h5py.File, path: Path, shards: Shards, header: Header) -> None:
    """Refuse a data set whose table or virtual arrays name a file outside its folder, or disagree.

    Our reader opens shards by the table; other tools follow the virtual sources: both must say the same.
    """
    outside = [name for name in shards.file if _leads_out(str(name))]
    if outside:
        raise FormatError(f"{path}: shards lie in its folder or below, found {outside[0]!r}: {REMEDY}.")
    expected = [
        (virtual_name(str(name)), int(first))
        for name, first in zip(shards.file, shards.first_sample, strict=True)
    ]
    for array in (*ARRAYS, TIME):
        dataset = dataset_in(file, array.name, path)
        if 0 in (header.length_of(axis) for axis in array.axes):
            continue
        with blaming(path, f"reading the sources of {array.name}"):
            found = _sources(dataset) if dataset.is_virtual else []
        if sorted(found) != sorted((name, array.name, first) for name, first in expected):
            raise FormatError(
                f"{path}: {array.name} must be joined from the shards of its table /shards, found other sources: {REMEDY}."
            )


def _sources(dataset: h5py.Dataset) -> list[tuple[str, str, int]]:
    """(file, dataset, first sample) of each mapping."""
    return [
        (source.file_name, source.dset_name.lstrip("/"), source.vspace.get_select_bounds()[0][0])
        for source in dataset.virtual_sources()
    ]


def _leads_out(name: str) -> bool:
    place = PurePosixPath(name)
    return place.is_absolute() or ".." in place.parts or not place.parts
