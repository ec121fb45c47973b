"""Where the chunks of an array lie in its file: HDF5 is asked once, and the bytes are read past it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.store.access import REMEDY, blaming
from hindcast.pipeline.store.decoding import DEFLATE, FILTER_NUMBERS, FLETCHER32, SHUFFLE, ZSTD
from hindcast.pipeline.store.types import Ints

ALLOWED = ((FLETCHER32,), (SHUFFLE, DEFLATE, FLETCHER32), (SHUFFLE, ZSTD, FLETCHER32))
"""The filters of the codecs none, gzip and zstd, in the order in which they are applied."""

PLACE = ("offset", "size", "skipped")
"""The columns of a table of chunks: first byte in the file, number of bytes, filters left out (a bit each)."""


def filters_of(dataset: h5py.Dataset) -> tuple[str, ...]:
    """The filters of a dataset in the order in which they are applied; unknown ones by their number."""
    plist = dataset.id.get_create_plist()
    numbers = [plist.get_filter(place)[0] for place in range(plist.get_nfilters())]
    return tuple(FILTER_NUMBERS.get(number, str(number)) for number in numbers)


def chunk_places(dataset: h5py.Dataset, path: Path, file_bytes: int) -> Ints:
    """Where each chunk along the samples lies: (chunk, 3), columns as in PLACE.

    The dataset is chunked along its first axis alone. FormatError where a chunk is absent, which HDF5 would read as
    its fill value, or reaches beyond the file.
    """
    size = dataset.chunks[0]
    places = np.full((-(-dataset.shape[0] // size), len(PLACE)), -1, np.int64)

    def note(chunk: Any) -> None:
        places[chunk.chunk_offset[0] // size] = chunk.byte_offset, chunk.size, chunk.filter_mask

    with blaming(path, f"looking for the chunks of {dataset.name}"):
        dataset.id.chunk_iter(note)
    absent = np.flatnonzero((places[:, 0] < 0) | (places[:, 0] + places[:, 1] > file_bytes))
    if len(absent):
        raise FormatError(
            f"{path} is damaged ({len(absent)} of {len(places)} chunks of {dataset.name} are not in the file, "
            f"the first of samples {absent[0] * size} on): {REMEDY}."
        )
    return places
