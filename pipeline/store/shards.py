"""Files of a data set: each looked at by HDF5 once, then read past it, chunk by chunk, by any number of threads."""

from __future__ import annotations

import os
import resource
import weakref
from collections import OrderedDict
from dataclasses import fields
from pathlib import Path
from threading import Lock, local
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.errors import FormatError, MissingInputError
from hindcast.pipeline.store.chunk_cache import ChunkCache
from hindcast.pipeline.store.chunk_codec import ALLOWED, PLACE, decode, locate_chunks, read_filters
from hindcast.pipeline.store.file_header import Header, read_header
from hindcast.pipeline.store.index_tables import Shards
from hindcast.pipeline.store.index_types import Ints
from hindcast.pipeline.store.layout import ARRAYS, BY_NAME, ArrayLayout
from hindcast.pipeline.store.open_files import REMEDY, dataset_in, open_to_read, report_damage

MOST_OPEN = 64
"""Open files at a time, at most: far below the common limit of 1024, and a file is opened in some microseconds."""

_PLACES_BYTES = 64 << 20  # of remembered chunk places: those of about 300 GB of X
_NAMES = tuple(array.name for array in ARRAYS)


class OpenShards:
    """The shards of one data set, opened when they are needed; safe to be used by several threads.

    A shard's fingerprint, number of samples, axes, chunks and filters are held against the data set's table when it
    is first read, and again if the file was replaced since.
    """

    def __init__(self, folder: Path, shards: Shards, expected: Header) -> None:
        self._shards, self._expected = shards, expected
        self._paths = [folder / str(file) for file in shards.file]  # once: it takes as long as a small read
        # a quarter of what this process may open: others of its files, and threads with a shard each, want some too
        self._most_open = min(MOST_OPEN, max(1, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 4))
        self._lock, self._scratch = Lock(), local()
        self._open: OrderedDict[int, _File] = OrderedDict()
        self._places = ChunkCache(_PLACES_BYTES)
        self._filters: dict[tuple[int, str], tuple[str, ...]] = {}

    def read(self, name: str, shard: int, start: int, stop: int) -> NDArray[Any]:
        """Samples [start, stop) of an array of one shard, which are one chunk, decoded and with their checksum verified.

        FormatError where the bytes are damaged, or hold a number that is none where the format allows no such.
        """
        array, path = BY_NAME[name], self.path(shard)
        shape = tuple(self._expected.length_of(axis) for axis in array.axes[1:])
        if 0 in shape:
            return np.empty((stop - start, *shape), array.dtype)
        with self._lock:
            file = self._file(shard)
            places = self._places.get((shard, file.stamp), lambda: self._looked_at(shard, file))
            filters = self._filters[shard, name]
        chunk = self._chunk(shard)
        offset, size, skipped = (int(value) for value in places[start // chunk, _NAMES.index(name)])
        with report_damage(path, f"reading {name}, samples {start} to {stop}"):
            stored = self._stored(file, offset, size)
            values = decode(stored, filters, skipped, (chunk, *shape), array.dtype)[: stop - start]
            if np.may_share_memory(values, np.frombuffer(stored, np.uint8)):  # nothing was compressed
                values = values.copy()
        if array.finite and not np.isfinite(values.sum()):  # a sum is cheap; it may also just be too large
            self._check_finite(array, path, start, values)
        return values

    def _stored(self, file: _File, offset: int, size: int) -> memoryview:
        """The bytes of a chunk, in memory that this thread uses again."""
        if len(getattr(self._scratch, "bytes", b"")) < size:
            self._scratch.bytes = bytearray(size)
        room = memoryview(self._scratch.bytes)[:size]
        return room[: os.preadv(file.descriptor, [room], offset)]

    def path(self, shard: int) -> Path:
        """Where a shard lies."""
        return self._paths[shard]

    def close(self) -> None:
        """Close all files; reading opens them anew."""
        with self._lock:
            self._open.clear()

    def _file(self, shard: int) -> _File:
        if shard not in self._open:
            self._open[shard] = _File(self.path(shard))
            if len(self._open) > self._most_open:
                self._open.popitem(last=False)  # closed as soon as no thread reads from it
        self._open.move_to_end(shard)
        return self._open[shard]

    def _looked_at(self, shard: int, opened: _File) -> Ints:
        """Where the chunks of all arrays of a shard lie: (chunk, array, 3)."""
        path = self.path(shard)
        with open_to_read(path) as file:
            self._check(shard, file)
            chunks = -(-int(self._shards.sample_count[shard]) // self._chunk(shard))
            found = np.zeros((chunks, len(_NAMES), len(PLACE)), np.int64)
            for column, name in enumerate(_NAMES):
                dataset = file[name]
                self._filters[shard, name] = read_filters(dataset)
                if dataset.size:
                    found[:, column] = locate_chunks(dataset, path, opened.stamp[1])
        if _stamp(path.stat()) != opened.stamp:
            raise FormatError(f"{path} was replaced while it was being opened: start this stage again.")
        return found

    def _check(self, shard: int, file: h5py.File) -> None:
        path = self.path(shard)
        header = read_header(file, path)
        faults = [
            f"its {what} must be {expected!r}, found {found!r}"
            for what, expected, found in (
                ("fingerprint", str(self._shards.fingerprint[shard]), header.fingerprint),
                ("number of samples", int(self._shards.sample_count[shard]), header.sample_count),
                ("user block", 0, file.userblock_size),
            )
            if expected != found
        ]
        faults += _faults_of_kind(self._expected.kind(), header.kind())
        for array in BY_NAME.values():
            faults += _faults_of_array(dataset_in(file, array.name, path), header, self._chunk(shard))
        if faults:
            raise FormatError(f"{path} does not belong to this data set: {REMEDY}.", faults)

    def _chunk(self, shard: int) -> int:
        return int(self._shards.chunk_samples[shard])

    def _check_finite(self, array: ArrayLayout, path: Path, start: int, values: NDArray[Any]) -> None:
        bad = np.argwhere(~np.isfinite(values))
        if len(bad):
            names = {"feature": self._expected.features, "target": self._expected.targets}[array.axes[-1]]
            sample, step, column = (int(place) for place in bad[0])
            raise FormatError(
                f"{path}: {array.name} must be finite, found {values[sample, step, column]} in {names[column]!r}, "
                f"sample {start + sample}, step {step} ({len(bad)} such values in one chunk): {REMEDY}."
            )


class _File:
    """A descriptor that is closed when nobody holds the object any more, so that no thread loses it while it reads."""

    def __init__(self, path: Path) -> None:
        try:
            self.descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except (FileNotFoundError, IsADirectoryError):
            raise MissingInputError(f"{path} is absent: {REMEDY}.") from None
        self._end = weakref.finalize(self, os.close, self.descriptor)
        self.stamp = _stamp(os.fstat(self.descriptor))


def _stamp(found: os.stat_result) -> tuple[int, int, int]:
    """While it stays, the file is the same."""
    return found.st_ino, found.st_size, found.st_mtime_ns


def _faults_of_kind(expected: Header, found: Header) -> list[str]:
    pairs = ((one.name, getattr(expected, one.name), getattr(found, one.name)) for one in fields(Header))
    return [f"its {name} must be {mine!r}, found {its!r}" for name, mine, its in pairs if mine != its]


def _faults_of_array(dataset: h5py.Dataset, header: Header, chunk_samples: int) -> list[str]:
    array = BY_NAME[dataset.name.lstrip("/")]
    shape = tuple(header.length_of(axis) for axis in array.axes)
    faults = []
    if (dataset.shape, dataset.dtype) != (shape, array.dtype):
        faults.append(
            f"{array.name} must be {array.dtype} of shape {shape}, found {dataset.dtype} {dataset.shape}"
        )
    elif dataset.is_virtual:
        faults.append(f"{array.name} must be stored in the file, found a virtual dataset")
    elif 0 not in shape and dataset.chunks != (chunk_samples, *shape[1:]):
        faults.append(f"{array.name} must have chunks of {chunk_samples} samples, found {dataset.chunks}")
    elif 0 not in shape and read_filters(dataset) not in ALLOWED:
        faults.append(
            f"{array.name} must be stored by one of {[' '.join(kind) for kind in ALLOWED]}, "
            f"found {' '.join(read_filters(dataset)) or 'no filter'}"
        )
    return faults
