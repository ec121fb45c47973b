"""Chunks: located in a file, decoded without HDF5, whose library runs one thread at a time, and cached within a budget.

The filters are HDF5's: shuffle, then deflate (gzip) or zstd, then a Fletcher-32 checksum over the result.
"""

from __future__ import annotations

import zlib
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.arrays import Ints
from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.store.open_files import REMEDY, report_damage

SHUFFLE, DEFLATE, ZSTD, FLETCHER32 = "shuffle", "gzip", "zstd", "fletcher32"

PIPELINES = ((FLETCHER32,), (SHUFFLE, DEFLATE, FLETCHER32), (SHUFFLE, ZSTD, FLETCHER32))
"""The filters of the codecs none, gzip and zstd, in the order in which they are applied."""

LOCATION_COLUMNS = ("offset", "size", "skipped")
"""The columns of a table of chunks: first byte in the file, number of bytes, filters left out (a bit each)."""

_NAMES_BY_NUMBER = {1: DEFLATE, 2: SHUFFLE, 3: FLETCHER32, 32015: ZSTD}  # as HDF5 numbers them
_CHECKSUM_BYTES = 4
_BLOCK = 512  # words: a block's weighted sum, at most 65535 * 512 * 513 / 2, is exact in a float of 64 bits
_BLOCKS_AT_ONCE = 128
"""512 KiB of floats: they stay in the processor's cache, and OpenBLAS starts threads only for larger products. Its threads
wait for each other by spinning: with other work on the processors they made the checksum 80 times slower.
"""
_WEIGHTS = np.stack([np.ones(_BLOCK), np.arange(_BLOCK, 0, -1)], axis=1)
_MODULUS = 65535
_FLOAT_BYTES = 4


class ChunkCache:
    """At most `budget_bytes` of arrays by key; the least recently used is dropped first. Threads may share it.

    Callers must not change the arrays. An array larger than the budget is returned, but not kept.
    """

    def __init__(self, budget_bytes: int) -> None:
        self._budget = budget_bytes
        self._lock = Lock()
        self._kept: OrderedDict[Hashable, NDArray[Any]] = OrderedDict()
        self.held_bytes = 0

    def get(self, key: Hashable, fetch: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """Return the array of `key`; if it is not kept, the array that `fetch()` returns."""
        kept = self.find(key)
        return self.keep(key, fetch()) if kept is None else kept

    def find(self, key: Hashable) -> NDArray[Any] | None:
        """Return the array of `key` if it is kept."""
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key]

    def keep(self, key: Hashable, values: NDArray[Any]) -> NDArray[Any]:
        """Keep an array unless another thread has already done so; return it."""
        with self._lock:
            if values.nbytes <= self._budget and key not in self._kept:
                self._kept[key] = values
                self.held_bytes += values.nbytes
                while self.held_bytes > self._budget:
                    self.held_bytes -= self._kept.popitem(last=False)[1].nbytes
        return values


def read_filters(dataset: h5py.Dataset) -> tuple[str, ...]:
    """Return the filters of a dataset in the order in which they are applied; unknown ones as their number."""
    plist = dataset.id.get_create_plist()
    numbers = [plist.get_filter(index)[0] for index in range(plist.get_nfilters())]
    return tuple(_NAMES_BY_NUMBER.get(number, str(number)) for number in numbers)


def locate_chunks(dataset: h5py.Dataset, path: Path, file_bytes: int) -> Ints:
    """Locate the chunks along the samples in the file: (chunk, 3), columns as in LOCATION_COLUMNS.

    The dataset is chunked along its first axis only. Raises FormatError if a chunk is missing, which HDF5 would read
    as its fill value, or reaches beyond the file.
    """
    size = dataset.chunks[0]
    locations = np.full((-(-dataset.shape[0] // size), len(LOCATION_COLUMNS)), -1, np.int64)

    def note(chunk: Any) -> None:
        locations[chunk.chunk_offset[0] // size] = chunk.byte_offset, chunk.size, chunk.filter_mask

    with report_damage(path, f"looking for the chunks of {dataset.name}"):
        dataset.id.chunk_iter(note)
    missing = np.flatnonzero((locations[:, 0] < 0) | (locations[:, 0] + locations[:, 1] > file_bytes))
    if len(missing):
        raise FormatError(
            f"{path} is damaged ({len(missing)} of {len(locations)} chunks of {dataset.name} are not in the file; "
            f"the first begins with sample {missing[0] * size}): {REMEDY}."
        )
    return locations


def decode_chunk(
    stored: bytes | memoryview,
    filters: Sequence[str],
    skipped: int,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
) -> NDArray[Any]:
    """Decode the stored bytes of one chunk into an array.

    `filters` are in the order in which they were applied; bit i of `skipped` is set if filter i was left out, as HDF5
    does if compressing does not pay. Raises ValueError or OSError if the bytes are not what was written.
    """
    size = int(np.prod(shape)) * dtype.itemsize
    content: Any = memoryview(stored)
    for index in reversed(range(len(filters))):
        if not skipped >> index & 1:
            content = _undo(filters[index], content, size, dtype.itemsize)
    if len(content) != size:
        raise ValueError(f"a chunk must hold {size} bytes, found {len(content)}")
    return np.frombuffer(content, dtype).reshape(shape)


def fletcher32(content: Any) -> int:
    """Compute HDF5's checksum: two sums of big-endian words of 16 bits modulo 65535, which are 0 only for zeros."""
    # Words are read in the machine's order: swapping a word's bytes multiplies it by 256, modulo 65535.
    words = np.frombuffer(content, "<u2", len(content) // 2)
    odd = bytes(content[-1:]) + b"\0" if len(content) % 2 else b""
    blocks = len(words) // _BLOCK
    whole, sums = words[: blocks * _BLOCK].reshape(blocks, _BLOCK), np.empty((blocks, 2))
    for start in range(0, blocks, _BLOCKS_AT_ONCE):
        stop = start + _BLOCKS_AT_ONCE
        np.matmul(whole[start:stop].astype(np.float64), _WEIGHTS, out=sums[start:stop])
    rest = np.concatenate([words[blocks * _BLOCK :], np.frombuffer(odd, "<u2")])
    first, second = (int(total) for total in rest.astype(np.float64) @ _WEIGHTS[_BLOCK - len(rest) :])
    if blocks:
        # each word that follows a block counts the block's sum once more; all stays below 2**53
        words_after = np.arange(blocks - 1, -1, -1) * float(_BLOCK) + len(rest)
        plain = sums[:, 0]
        first += int(plain.sum())
        second += int(sums[:, 1].sum()) + int((plain % _MODULUS) @ (words_after % _MODULUS))
    return _fold(second * 256, first) << 16 | _fold(first * 256, first)


def _fold(value: int, total: int) -> int:
    """Reduce a sum as HDF5 does: folding its upper half onto the lower leaves 65535 instead of 0 unless all words were 0."""
    return value % _MODULUS or (_MODULUS if total else 0)


def _undo(name: str, content: Any, size: int, itemsize: int) -> Any:
    """Return the bytes before filter `name` was applied; `size` is their number once decompressed."""
    if name == FLETCHER32:
        body = content[:-_CHECKSUM_BYTES]
        stored = int.from_bytes(content[-_CHECKSUM_BYTES:], "little")
        if len(content) < _CHECKSUM_BYTES or fletcher32(body) != stored:
            raise ValueError("the checksum of a chunk is wrong")
        return body
    if name == SHUFFLE:
        return unshuffle(content, itemsize)
    if name == ZSTD:
        import pyarrow as pa  # imported here: files packed with gzip never need it

        return pa.Codec("zstd").decompress(content, size)
    try:
        return zlib.decompress(content, bufsize=size)
    except zlib.error as fault:
        raise ValueError(f"gzip: {fault}") from fault


def unshuffle(content: Any, itemsize: int) -> Any:
    """Convert all first bytes of the numbers, then all second bytes, ... to the bytes of one number after another."""
    planes = np.frombuffer(content, np.uint8).reshape(itemsize, -1)
    # nearly all data; shifting whole planes is a quarter faster than assigning bytes
    if itemsize == _FLOAT_BYTES:
        words = planes[3].astype("<u4")
        for plane in planes[2::-1]:
            words <<= 8
            words |= plane
        return words.view(np.uint8).data
    numbers = np.empty(planes.shape[::-1], np.uint8)
    for byte in range(itemsize):  # four times as fast as copying the transposed array
        numbers[:, byte] = planes[byte]
    return numbers.reshape(-1).data
