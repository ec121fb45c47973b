"""Open files of a data set: few at a time, each checked when it is first opened, none shared with a child process."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import FormatError
from pipeline.store.access import REMEDY, blaming, dataset_in, open_to_read
from pipeline.store.header import Header, read_header
from pipeline.store.layout import BY_NAME
from pipeline.store.tables import Shards

MOST_OPEN = 64
"""Open files at a time: far below the common limit of 1024, and a shard is opened in less than a millisecond."""


class OpenShards:
    """The shards of one data set, opened when they are needed.

    A shard's fingerprint, number of samples, axes and chunks are held against the data set's table once.
    """

    def __init__(self, folder: Path, shards: Shards, expected: Header) -> None:
        self._folder, self._shards, self._expected = folder, shards, expected
        self._open: OrderedDict[int, h5py.File] = OrderedDict()
        self._checked: set[int] = set()

    def read(self, name: str, shard: int, start: int, stop: int) -> NDArray[Any]:
        """Samples [start, stop) of an array of one shard, decoded and with their checksum verified."""
        path, file = self.path(shard), self._file(shard)
        dataset = dataset_in(file, name, path)
        with blaming(path, f"reading {name}, samples {start} to {stop}"):
            values = np.empty((stop - start, *dataset.shape[1:]), BY_NAME[name].dtype)
            if values.size:
                dataset.read_direct(values, np.s_[start:stop])
            return values

    def path(self, shard: int) -> Path:
        """Where a shard lies."""
        return self._folder / str(self._shards.file[shard])

    def close(self) -> None:
        """Close all files; reading opens them anew."""
        while self._open:
            self._open.popitem()[1].close()

    def _file(self, shard: int) -> h5py.File:
        if shard in self._open:
            self._open.move_to_end(shard)
            return self._open[shard]
        file = open_to_read(self.path(shard))
        if shard not in self._checked:
            try:
                self._check(shard, file)
            except BaseException:
                file.close()
                raise
            self._checked.add(shard)
        self._open[shard] = file
        if len(self._open) > MOST_OPEN:
            self._open.popitem(last=False)[1].close()
        return file

    def _check(self, shard: int, file: h5py.File) -> None:
        path = self.path(shard)
        header = read_header(file, path)
        faults = [
            f"its {what} must be {expected!r}, found {found!r}"
            for what, expected, found in (
                ("fingerprint", str(self._shards.fingerprint[shard]), header.fingerprint),
                ("number of samples", int(self._shards.sample_count[shard]), header.sample_count),
                ("axes", self._expected.kind(), header.kind()),
            )
            if expected != found
        ]
        for array in BY_NAME.values():
            faults += _faults_of_array(dataset_in(file, array.name, path), header, self._chunk(shard))
        if faults:
            raise FormatError(f"{path} does not belong to this data set: {REMEDY}.", faults)

    def _chunk(self, shard: int) -> int:
        return int(self._shards.chunk_samples[shard])


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
    elif 0 not in shape and (dataset.chunks or (0,))[0] != chunk_samples:
        faults.append(f"{array.name} must have chunks of {chunk_samples} samples, found {dataset.chunks}")
    return faults
