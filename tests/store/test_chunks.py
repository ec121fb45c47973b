"""Chunks are decoded without HDF5 to the numbers that HDF5 reads, damage is an error, and the cache keeps its budget."""

from __future__ import annotations

import zlib
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hindcast.pipeline.store.chunks import (
    PIPELINES,
    ChunkCache,
    decode_chunk,
    fletcher32,
    locate_chunks,
    read_filters,
)
from hindcast.pipeline.store.layout import filter_options
from tests.examples import examples

CODECS = ("none", "gzip", "zstd")


def slow_fletcher32(content: bytes) -> int:
    """The checksum word by word, as its definition says."""
    padded = content + b"\0" * (len(content) % 2)
    first = second = 0
    for index in range(0, len(padded), 2):
        first += int.from_bytes(padded[index : index + 2], "big")
        second += first
    return _folded(second) << 16 | _folded(first)


def _folded(value: int) -> int:
    while value > 0xFFFF:
        value = (value & 0xFFFF) + (value >> 16)
    return value


contents = st.one_of(
    st.binary(max_size=3000),
    st.integers(0, 3000).map(lambda size: b"\xff" * size),
    st.integers(0, 3000).map(bytes),
    st.tuples(st.binary(max_size=40), st.integers(0, 200)).map(lambda pair: pair[0] * pair[1]),
)


@given(contents)
def test_the_checksum_is_the_one_of_its_definition(content: bytes) -> None:
    assert fletcher32(content) == slow_fletcher32(content)


@pytest.mark.parametrize("size", [131_071, 131_072, 131_073, 262_144, 300_001])
@pytest.mark.parametrize("fill", [None, 0, 255])
def test_the_checksum_of_a_large_chunk_is_summed_in_parts(size: int, fill: int | None) -> None:
    random = np.random.default_rng(size).integers(0, 256, size, dtype=np.uint8)
    content = (random if fill is None else np.full(size, fill, np.uint8)).tobytes()
    assert fletcher32(content) == slow_fletcher32(content)


arrays = st.tuples(
    st.sampled_from(["<f4", "<i8", "<f8"]),
    hnp.array_shapes(min_dims=1, max_dims=4, max_side=9),
    st.integers(1, 4),
    st.sampled_from(CODECS),
    st.booleans(),
    st.integers(0, 99),
)


@examples(60)
@given(arrays)
def test_every_chunk_is_what_hdf5_reads(
    tmp_path: Path, case: tuple[str, tuple[int, ...], int, str, bool, int]
) -> None:
    dtype, shape, chunk, codec, dull, seed = case
    random = np.random.default_rng(seed)
    values = np.zeros(shape, dtype) if dull else random.integers(0, 2**60, shape).astype(dtype)
    path = tmp_path / f"{hash(case)}.h5"
    size = min(chunk, shape[0])
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=values, chunks=(size, *shape[1:]), **filter_options(codec))
    with h5py.File(path) as file:
        used = read_filters(file["x"])
        assert used in PIPELINES
        places = locate_chunks(file["x"], path, path.stat().st_size)
        expected = file["x"][()]
    image = path.read_bytes()
    parts = [
        decode_chunk(image[offset : offset + length], used, skipped, (size, *shape[1:]), np.dtype(dtype))
        for offset, length, skipped in places.tolist()
    ]
    assert np.concatenate(parts)[: shape[0]].tobytes() == expected.tobytes()


@pytest.mark.parametrize("skipped", [0b011, 0b010, 0b001, 0b111, 0b110])
def test_filters_that_were_skipped_are_not_undone(skipped: int) -> None:
    values = np.random.default_rng(0).integers(0, 2**63, (3, 4))
    stored = values.tobytes()
    if not skipped & 1:
        stored = np.frombuffer(stored, np.uint8).reshape(-1, 8).T.tobytes()
    if not skipped & 2:
        stored = zlib.compress(stored)
    if not skipped & 4:
        stored += fletcher32(stored).to_bytes(4, "little")
    found = decode_chunk(stored, ("shuffle", "gzip", "fletcher32"), skipped, (3, 4), np.dtype("<i8"))
    np.testing.assert_array_equal(found, values)


def _stored(codec: str, tmp_path: Path) -> tuple[bytes, tuple[str, ...]]:
    path = tmp_path / f"{codec}.h5"
    values = np.arange(600, dtype="<f4").reshape(6, 100)
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset("x", data=values, chunks=(6, 100), **filter_options(codec))
        return dataset.id.read_direct_chunk((0, 0))[1], read_filters(dataset)


@pytest.mark.parametrize("codec", CODECS)
def test_no_wrong_bit_is_read_as_a_number(codec: str, tmp_path: Path) -> None:
    stored, used = _stored(codec, tmp_path)
    how: tuple[Any, ...] = (used, 0, (6, 100), np.dtype("<f4"))
    for place in range(0, len(stored), max(1, len(stored) // 40)):
        changed = bytearray(stored)
        changed[place] ^= 16
        with pytest.raises(ValueError, match="checksum"):
            decode_chunk(bytes(changed), *how)
    for length in (0, 3, len(stored) - 1):
        with pytest.raises(ValueError, match="checksum"):
            decode_chunk(stored[:length], *how)


@pytest.mark.parametrize("codec", CODECS)
def test_a_chunk_of_another_size_is_an_error(codec: str, tmp_path: Path) -> None:
    stored, used = _stored(codec, tmp_path)
    for shape in ((5, 100), (7, 100)):
        with pytest.raises((ValueError, OSError), match=r"must hold|zstd|ZSTD|reshape|gzip"):
            decode_chunk(stored, used, 0, shape, np.dtype("<f4"))


@given(budget=st.integers(0, 40), requested=st.lists(st.tuples(st.integers(0, 6)), max_size=40))
def test_the_budget_holds_and_every_answer_is_right(budget: int, requested: list[tuple[int]]) -> None:
    cache = ChunkCache(budget)
    for (key,) in requested:
        got = cache.get(key, partial(np.full, 3 * key, key, np.uint8))
        assert got.tolist() == [key] * 3 * key
        assert cache.held_bytes <= budget


def test_the_least_recently_used_array_is_dropped_first() -> None:
    cache = ChunkCache(2)
    fetched: list[str] = []

    def fetch(key: str) -> np.ndarray:
        fetched.append(key)
        return np.zeros(1, np.uint8)

    for key in ("a", "b", "a", "c", "a", "b"):
        cache.get(key, partial(fetch, key))
    assert fetched == ["a", "b", "c", "b"]


def test_threads_may_share_a_cache() -> None:
    cache = ChunkCache(20)

    def is_right(key: int) -> bool:
        return bool((cache.get(key, partial(np.full, key, key, np.uint8)) == [key] * key).all())

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(is_right, [key % 9 for key in range(2000)]))
    kept = [key for key in range(9) if cache.find(key) is not None]
    assert cache.held_bytes == sum(kept) <= 20
