"""A decoded copy of chunks in an unnamed file, for readers that need a few samples of each chunk, many times."""

from __future__ import annotations

import math
import os
import shutil
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.digests import warn_of_cache
from hindcast.pipeline.store.file_header import Header
from hindcast.pipeline.store.layout import BY_NAME
from hindcast.pipeline.store.read_plan import ChunkRead

_SHARE = 4  # the copy takes at most one part in so many of the free space


class DecodedCopy:
    """Samples as they are decoded, at fixed places of a sparse file without a name, which ends with the process.

    Threads may share it. A chunk is either in the file as a whole or not at all. If the disk is full, the file takes no
    more chunks.
    """

    def __init__(self, folder: Path, header: Header) -> None:
        self._sizes = {
            array.name: math.prod(header.shape_of(array)[1:]) * array.dtype.itemsize
            for array in header.arrays
        }
        places = np.cumsum([0, *self._sizes.values()]) * header.sample_count
        self._places = dict(zip(self._sizes, places.tolist(), strict=False))
        folder.mkdir(parents=True, exist_ok=True)
        self._file = TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 (closed by `close`)
        self._kept: set[tuple[str, int]] = set()
        self._full = False

    def keep(self, name: str, first: int, chunk: NDArray[Any]) -> None:
        """Keep a chunk, whose first sample has this number in the data set."""
        if self._full:
            return
        content = np.ascontiguousarray(chunk).data
        place = self._places[name] + first * self._sizes[name]
        try:
            written = os.pwrite(self._file.fileno(), content, place)
        except OSError:
            written = -1
        if written == content.nbytes:
            self._kept.add((name, first))
        else:
            self._full = True

    def holds(self, name: str, first: int) -> bool:
        """Whether the chunk that begins with this sample was kept."""
        return (name, first) in self._kept

    def copy(self, name: str, first: int, read: ChunkRead, answer: NDArray[Any]) -> None:
        """Copy the requested samples of a kept chunk into the answer. OSError if the file cannot be read."""
        size, shape = self._sizes[name], answer.shape[1:]
        place = self._places[name] + first * size
        ends = np.flatnonzero(np.diff(read.offsets, append=-1) != 1) + 1  # of consecutive samples
        start = 0
        for end in ends.tolist():
            offset = int(read.offsets[start])
            content = os.pread(self._file.fileno(), (end - start) * size, place + offset * size)
            samples = np.frombuffer(content, BY_NAME[name].dtype).reshape(end - start, *shape)
            ChunkRead(0, 0, end - start, np.arange(end - start), read.rows[start:end]).copy(samples, answer)
            start = end

    def close(self) -> None:
        """Free the file."""
        self._kept.clear()
        self._full = True
        self._file.close()


def room_for_copy(folder: Path, size: int) -> bool:
    """Whether a copy of this many bytes takes at most a quarter of the free space, in a folder and on a system that can hold one."""
    if not hasattr(os, "pwrite"):  # Windows
        return False
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            return size * _SHARE <= shutil.disk_usage(folder).free
    except OSError as fault:
        warn_of_cache(folder, fault)
        return False
