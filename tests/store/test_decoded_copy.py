"""A decoded copy of chunks: the same numbers as from the shards, however they are asked for, and nothing left behind."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.store.decoded_copy import DecodedCopy, room_for_copy
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.store.shards import OpenShards
from tests.mock_data import mock_dataset, mock_group, mock_params

SAMPLES = 2 * 3 * 5  # groups, series, samples of each
_SMALL = 1_000  # bytes: nothing fits, so a copy is made


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    params = mock_params(pack={"segment_length": 4, "codec": "zstd", "chunk_bytes": 300})
    groups = [
        mock_group(name, series=("a", "b", "c"), steps=(20,), seed=number) for number, name in enumerate("gh")
    ]
    return mock_dataset(tmp_path_factory.mktemp("copied"), groups, params)


@pytest.fixture(scope="module")
def both(path: Path) -> Iterator[tuple[Dataset, Dataset]]:
    with Dataset(path) as plain, Dataset(path, _SMALL, copy_to=path.parent) as copied:
        assert plain.sample_count == SAMPLES
        assert plain.chunk_samples > 1
        yield plain, copied


@given(samples=st.lists(st.integers(0, SAMPLES - 1), max_size=40), name=st.sampled_from(["X", "Y", "W"]))
def test_any_samples_in_any_order_are_those_of_the_shards(
    both: tuple[Dataset, Dataset], samples: list[int], name: str
) -> None:
    plain, copied = both
    for _ in range(2):  # decoded, then copied
        assert copied.read(name, samples).tobytes() == plain.read(name, samples).tobytes()


def test_a_chunk_is_decoded_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[tuple[str, int, int]] = []
    read = OpenShards.read

    def counted(self: OpenShards, name: str, shard: int, start: int, stop: int) -> np.ndarray:
        decoded.append((name, shard, start))
        return read(self, name, shard, start, stop)

    monkeypatch.setattr(OpenShards, "read", counted)
    with Dataset(path, _SMALL, copy_to=path.parent) as copied:
        for sample in [*range(SAMPLES), *reversed(range(SAMPLES))]:
            copied.read("X", [sample])
    assert len(decoded) == len(set(decoded)) > 2


def test_nothing_is_left_in_the_folder_and_none_is_made_where_all_fits(path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "made"
    with Dataset(path, _SMALL, copy_to=folder) as copied:
        copied.read("X", range(SAMPLES))
        assert list(folder.iterdir()) == []
        assert copied.read("X", [0]).size
    assert copied.read("X", [0]).size, "a closed data set opens its files again"
    with Dataset(path, copy_to=tmp_path / "unused"):
        assert not (tmp_path / "unused").exists()


def test_a_full_disk_ends_the_copy_and_not_the_reading(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Dataset(path) as plain:
        wanted = plain.read("X", range(SAMPLES))
    real, calls = os.pwrite, 0

    def pwrite(descriptor: int, content: bytes, place: int) -> int:
        nonlocal calls
        calls += 1
        if calls == 2:
            return real(
                descriptor, memoryview(content).cast("B")[:10], place
            )  # as on a disk that has just filled up
        if calls > 2:
            raise OSError(errno.ENOSPC, "full")
        return real(descriptor, content, place)

    monkeypatch.setattr(os, "pwrite", pwrite)
    with Dataset(path, _SMALL, threads=1, copy_to=path.parent) as copied:
        for _ in range(2):
            assert copied.read("X", range(SAMPLES)).tobytes() == wanted.tobytes()
    assert calls == 2, "a full disk is not tried again"


def test_a_damaged_chunk_is_reported_as_without_a_copy(path: Path, tmp_path: Path) -> None:
    shutil.copytree(path.parent, tmp_path / "damaged")
    shard = min((tmp_path / "damaged/packed").iterdir())
    with Dataset(shard) as whole:
        located = whole._open
        whole.read("X", [0])
        offset = int(located._locations.get((0, located._file(0).version), lambda: np.zeros(0))[0, 0, 0])
    content = bytearray(shard.read_bytes())
    content[offset + 5] ^= 1
    shard.write_bytes(bytes(content))
    with (
        Dataset(tmp_path / "damaged/dataset.h5", _SMALL, check_shards=False, copy_to=tmp_path) as copied,
        pytest.raises(FormatError, match="damaged"),
    ):
        copied.read("X", [0])


def test_a_copy_takes_a_quarter_of_the_free_space_at_most(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    assert room_for_copy(tmp_path, free // 8)
    assert not room_for_copy(tmp_path, free // 2)


def test_chunks_that_were_not_kept_are_not_held(path: Path, tmp_path: Path) -> None:
    with Dataset(path) as plain:
        copy = DecodedCopy(tmp_path, plain.header)
        copy.keep("Y", 8, plain.read("Y", range(8, 12)))
        assert copy.holds("Y", 8)
        assert not copy.holds("Y", 4)
        assert not copy.holds("X", 8)
        copy.close()
        assert not copy.holds("Y", 8)
