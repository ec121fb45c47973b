"""A chunk's bytes in a file -> its numbers, without HDF5: its library runs one thread at a time, this code runs in all.

The filters are those of HDF5: shuffle, then deflate (gzip) or zstd, then a Fletcher-32 checksum over the result.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path
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

PLACE_COLUMNS = ("offset", "size", "skipped")
"""The columns of a table of chunks: first byte in the file, number of bytes, filters left out (a bit each)."""

_NAMES_BY_NUMBER = {1: DEFLATE, 2: SHUFFLE, 3: FLETCHER32, 32015: ZSTD}  # as HDF5 numbers them
_CHECKSUM_BYTES = 4
_BLOCK = 512  # words: a block's weighted sum, at most 65535 * 512 * 513 / 2, is exact in a float of 64 bits
_BLOCKS_AT_ONCE = 128
"""512 KiB of floats: they stay in the processor's cache, and OpenBLAS starts threads only for larger products. Its threads
wait for one another by spinning: with other work on the processors they made the checksum 80 times slower.
"""
_WEIGHTS = np.stack([np.ones(_BLOCK), np.arange(_BLOCK, 0, -1)], axis=1)
_MODULUS = 65535
_FLOAT_BYTES = 4


def read_filters(dataset: h5py.Dataset) -> tuple[str, ...]:
    """The filters of a dataset in the order in which they are applied; unknown ones by their number."""
    plist = dataset.id.get_create_plist()
    numbers = [plist.get_filter(place)[0] for place in range(plist.get_nfilters())]
    return tuple(_NAMES_BY_NUMBER.get(number, str(number)) for number in numbers)


def locate_chunks(dataset: h5py.Dataset, path: Path, file_bytes: int) -> Ints:
    """Where each chunk along the samples lies: (chunk, 3), columns as in PLACE_COLUMNS.

    The dataset is chunked along its first axis alone. FormatError where a chunk is absent, which HDF5 would read as
    its fill value, or reaches beyond the file.
    """
    size = dataset.chunks[0]
    places = np.full((-(-dataset.shape[0] // size), len(PLACE_COLUMNS)), -1, np.int64)

    def note(chunk: Any) -> None:
        places[chunk.chunk_offset[0] // size] = chunk.byte_offset, chunk.size, chunk.filter_mask

    with report_damage(path, f"looking for the chunks of {dataset.name}"):
        dataset.id.chunk_iter(note)
    absent = np.flatnonzero((places[:, 0] < 0) | (places[:, 0] + places[:, 1] > file_bytes))
    if len(absent):
        raise FormatError(
            f"{path} is damaged ({len(absent)} of {len(places)} chunks of {dataset.name} are not in the file, "
            f"the first from sample {absent[0] * size}): {REMEDY}."
        )
    return places


def decode_chunk(
    stored: bytes | memoryview,
    filters: Sequence[str],
    skipped: int,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
) -> NDArray[Any]:
    """The array of one chunk from its stored bytes.

    `filters` in the order in which they were applied; bit i of `skipped` is set if filter i was left out, as HDF5
    does where compressing does not pay. ValueError or OSError where the bytes are not what was written.
    """
    size = int(np.prod(shape)) * dtype.itemsize
    content: Any = memoryview(stored)
    for place in reversed(range(len(filters))):
        if not skipped >> place & 1:
            content = _undo(filters[place], content, size, dtype.itemsize)
    if len(content) != size:
        raise ValueError(f"a chunk must hold {size} bytes, found {len(content)}")
    return np.frombuffer(content, dtype).reshape(shape)


def fletcher32(content: Any) -> int:
    """HDF5's checksum: two sums of big-endian words of 16 bits modulo 65535, which are 0 only for zeros."""
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
        behind = np.arange(blocks - 1, -1, -1) * float(_BLOCK) + len(rest)
        plain = sums[:, 0]
        first += int(plain.sum())
        second += int(sums[:, 1].sum()) + int((plain % _MODULUS) @ (behind % _MODULUS))
    return _fold(second * 256, first) << 16 | _fold(first * 256, first)


def _fold(value: int, total: int) -> int:
    """HDF5 folds the upper half of a sum onto its lower one, which leaves 65535 for a remainder of 0 unless all words were 0."""
    return value % _MODULUS or (_MODULUS if total else 0)


def _undo(name: str, content: Any, size: int, itemsize: int) -> Any:
    """The bytes before filter `name` was applied; `size` bytes when decompressed."""
    if name == FLETCHER32:
        body = content[:-_CHECKSUM_BYTES]
        stored = int.from_bytes(content[-_CHECKSUM_BYTES:], "little")
        if len(content) < _CHECKSUM_BYTES or fletcher32(body) != stored:
            raise ValueError("the checksum of a chunk is wrong")
        return body
    if name == SHUFFLE:
        return unshuffle(content, itemsize)
    if name == ZSTD:
        import pyarrow as pa  # here: files packed by gzip never need it

        return pa.Codec("zstd").decompress(content, size)
    try:
        return zlib.decompress(content, bufsize=size)
    except zlib.error as fault:
        raise ValueError(f"gzip: {fault}") from fault


def unshuffle(content: Any, itemsize: int) -> Any:
    """All first bytes of the numbers, then all second bytes, ... -> the numbers' bytes."""
    planes = np.frombuffer(content, np.uint8).reshape(itemsize, -1)
    if (
        itemsize == _FLOAT_BYTES
    ):  # nearly all data; shifting whole planes is a quarter faster than placing bytes
        words = planes[3].astype("<u4")
        for place in (2, 1, 0):
            words <<= 8
            words |= planes[place]
        return words.view(np.uint8).data
    numbers = np.empty(planes.shape[::-1], np.uint8)
    for place in range(itemsize):  # four times as fast as copying the transposed array
        numbers[:, place] = planes[place]
    return numbers.reshape(-1).data
