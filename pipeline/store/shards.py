"""The shards of a data set: HDF5 checks each once; then any number of threads read its chunks without HDF5."""

from __future__ import annotations

import os
import weakref
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from threading import Lock, local
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.arrays import Ints
from hindcast.pipeline.errors import FormatError, MissingInputError
from hindcast.pipeline.store.chunks import (
    LOCATION_COLUMNS,
    PIPELINES,
    ChunkCache,
    decode_chunk,
    locate_chunks,
    read_filters,
)
from hindcast.pipeline.store.file_header import Header, read_header
from hindcast.pipeline.store.index_types import Shards
from hindcast.pipeline.store.layout import BY_NAME, ArrayLayout
from hindcast.pipeline.store.open_files import REMEDY, dataset_in, open_to_read, report_damage, version_of
from hindcast.pipeline.store.shard_index import ShardIndex
from hindcast.pipeline.wording import counted

MOST_OPEN = 64
"""The most files open at a time: far below the common limit of 1024, and opening a file takes some microseconds."""

_LOCATIONS_BYTES = 64 << 20  # of remembered chunk locations, enough for about 300 GB of X


class OpenShards:
    """The shards of one data set, opened when they are needed. Threads may share it.

    A shard's fingerprint, number of samples, axes, chunks and filters are compared with the data set's table when it
    is first read, and again if the file has been replaced since.
    """

    def __init__(
        self, folder: Path, shards: Shards, expected: Header, indexes: Sequence[ShardIndex] = ()
    ) -> None:
        """Without `indexes` of all shards, the header of each is read when it is inspected."""
        self._shards, self._expected, self._indexes = shards, expected, indexes
        self._names = tuple(array.name for array in expected.arrays)
        self._paths = [
            folder / str(file) for file in shards.file
        ]  # built once: it takes as long as a small read
        self._most_open = _open_file_limit()
        self._lock, self._scratch = Lock(), local()
        self._open: OrderedDict[int, _File] = OrderedDict()
        self._locations = ChunkCache(_LOCATIONS_BYTES)
        self._filters: dict[tuple[int, str], tuple[str, ...]] = {}

    def read(self, name: str, shard: int, start: int, stop: int) -> NDArray[Any]:
        """Read one chunk, samples [start, stop) of an array of one shard: (stop - start, step, ...), checksum verified.

        Raises FormatError if the bytes are damaged, or if a number is not finite in an array whose numbers must be.
        """
        array, path = BY_NAME[name], self._paths[shard]
        shape = self._expected.shape_of(array)[1:]
        if 0 in shape:
            return np.empty((stop - start, *shape), array.dtype)
        with self._lock:
            file = self._file(shard)
            locations = self._locations.get((shard, file.version), lambda: self._inspect(shard, file))
            filters = self._filters[shard, name]
        chunk = self._chunk_samples(shard)
        offset, size, skipped = (int(value) for value in locations[start // chunk, self._names.index(name)])
        with report_damage(path, f"reading {name}, samples {start} to {stop}"):
            stored = self._read_bytes(file, offset, size)
            values = decode_chunk(stored, filters, skipped, (chunk, *shape), array.dtype)[: stop - start]
            if np.may_share_memory(values, np.frombuffer(stored, np.uint8)):  # the chunk was not compressed
                values = values.copy()
        if array.finite and not np.isfinite(values.sum()):  # a sum is cheap, but may also overflow
            self._check_finite(array, path, start, values)
        return values

    def close(self) -> None:
        """Close all files; reading opens them again."""
        with self._lock:
            self._open.clear()

    def _read_bytes(self, file: _File, offset: int, size: int) -> memoryview:
        """Return the bytes of a chunk, in memory that this thread uses again for the next one."""
        if len(getattr(self._scratch, "bytes", b"")) < size:
            self._scratch.bytes = bytearray(size)
        target = memoryview(self._scratch.bytes)[:size]
        return target[: _read_at(file.descriptor, target, offset)]

    def _file(self, shard: int) -> _File:
        if shard not in self._open:
            self._open[shard] = _File(self._paths[shard])
            if len(self._open) > self._most_open:
                self._open.popitem(last=False)  # closed as soon as no thread reads from it
        self._open.move_to_end(shard)
        return self._open[shard]

    def _inspect(self, shard: int, opened: _File) -> Ints:
        """Check a shard and locate the chunks of all its arrays: (chunk, array, 3)."""
        path = self._paths[shard]
        with open_to_read(path) as file:
            arrays = self._check(shard, file, opened)
            chunks = -(-int(self._shards.sample_count[shard]) // self._chunk_samples(shard))
            locations = np.zeros((chunks, len(self._names), len(LOCATION_COLUMNS)), np.int64)
            for column, (name, (dataset, filters)) in enumerate(arrays.items()):
                self._filters[shard, name] = filters
                if dataset.size:
                    locations[:, column] = locate_chunks(dataset, path, opened.version[1])
        if version_of(path.stat()) != opened.version:
            raise FormatError(f"{path} was replaced while it was being opened: run the stage again.")
        return locations

    def _check(
        self, shard: int, file: h5py.File, opened: _File
    ) -> dict[str, tuple[h5py.Dataset, tuple[str, ...]]]:
        """Raise FormatError unless a shard belongs to the data set; return each of its arrays with the filters."""
        path = self._paths[shard]
        known = self._indexes[shard] if self._indexes else None
        header = (
            known.header if known is not None and known.version == opened.version else read_header(file, path)
        )
        expected, found = self._expected.kind(), header.kind()
        pairs = [
            ("fingerprint", str(self._shards.fingerprint[shard]), header.fingerprint),
            ("number of samples", int(self._shards.sample_count[shard]), header.sample_count),
            ("user block", 0, file.userblock_size),
            *(
                (part.name, getattr(expected, part.name), getattr(found, part.name))
                for part in fields(Header)
            ),
        ]
        faults = [
            f"its {what} must be {wanted!r}, found {value!r}"
            for what, wanted, value in pairs
            if wanted != value
        ]
        arrays = {}
        for array in self._expected.arrays if header.arrays == self._expected.arrays else ():
            dataset = dataset_in(file, array.name, path)
            arrays[array.name] = dataset, read_filters(dataset)
            faults += _array_faults(*arrays[array.name], header, self._chunk_samples(shard))
        if faults:
            raise FormatError(f"{path} does not belong to this data set: {REMEDY}.", faults)
        return arrays

    def _chunk_samples(self, shard: int) -> int:
        return int(self._shards.chunk_samples[shard])

    def _check_finite(self, array: ArrayLayout, path: Path, start: int, values: NDArray[Any]) -> None:
        bad = np.argwhere(~np.isfinite(values))
        if len(bad):
            names = {"feature": self._expected.features, "target": self._expected.targets}[array.axes[-1]]
            sample, step, column = (int(index) for index in bad[0])
            raise FormatError(
                f"{path}: {array.name} must be finite, found {values[sample, step, column]} in {names[column]!r}, "
                f"sample {start + sample}, step {step} ({len(bad)} such values in one chunk): {REMEDY}."
            )


class _File:
    """A file descriptor that is closed when the object is no longer referenced, so never while a thread reads from it."""

    def __init__(self, path: Path) -> None:
        try:
            self.descriptor = os.open(path, os.O_RDONLY)
        except (FileNotFoundError, IsADirectoryError):
            raise MissingInputError(f"{path} is missing: {REMEDY}.") from None
        self._end = weakref.finalize(self, os.close, self.descriptor)
        self.version = version_of(os.fstat(self.descriptor))


def _open_file_limit() -> int:
    """Return MOST_OPEN, or a quarter of what this process may open: other code and other threads need files too."""
    try:
        import resource
    except ImportError:  # Windows
        return MOST_OPEN
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return MOST_OPEN if allowed == resource.RLIM_INFINITY else min(MOST_OPEN, max(1, allowed // 4))


def _read_at(descriptor: int, target: memoryview, offset: int) -> int:
    """Fill `target` with the bytes of a file from `offset`, without moving its position; return how many there are."""
    if hasattr(os, "preadv"):
        return os.preadv(descriptor, [target], offset)
    # macOS before 11 has only this, which copies once more
    content = os.pread(descriptor, len(target), offset)
    target[: len(content)] = content
    return len(content)


def _array_faults(
    dataset: h5py.Dataset, filters: tuple[str, ...], header: Header, chunk_samples: int
) -> list[str]:
    array = BY_NAME[dataset.name.lstrip("/")]
    shape = header.shape_of(array)
    faults = []
    if (dataset.shape, dataset.dtype) != (shape, array.dtype):
        faults.append(
            f"{array.name} must be {array.dtype} of shape {shape}, found {dataset.dtype} {dataset.shape}"
        )
    elif dataset.is_virtual:
        faults.append(f"{array.name} must be stored in the file, found a virtual dataset")
    elif 0 not in shape and dataset.chunks != (chunk_samples, *shape[1:]):
        faults.append(
            f"{array.name} must have chunks of {counted(chunk_samples, 'sample')}, found {dataset.chunks}"
        )
    elif 0 not in shape and filters not in PIPELINES:
        faults.append(
            f"{array.name} must be stored with one of {[' '.join(filters) for filters in PIPELINES]}, "
            f"found {' '.join(filters) or 'no filter'}"
        )
    return faults
