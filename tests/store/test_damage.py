"""What is damaged, foreign or tampered with is an error that names the file; it never reads as data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hindcast.pipeline.errors import FormatError, MissingInputError
from hindcast.pipeline.store.layout import BY_NAME, filter_options
from hindcast.pipeline.store.open_files import add_seal
from hindcast.pipeline.store.reader import Dataset
from tests.mock_data import mock_dataset, mock_group, mock_params, mock_shards

PARAMS = mock_params(pack={"segment_length": 8, "chunk_bytes": 200, "codec": "gzip"})


def _groups() -> list[Any]:
    return [
        mock_group("north", steps=(20,), series=("ann",)),
        mock_group("south", steps=(30,), series=("bob",)),
    ]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return mock_dataset(tmp_path, _groups(), PARAMS)


def _shard(path: Path) -> Path:
    return path.parent / "packed" / "south.h5"


def _read_all(path: Path) -> list[Any]:
    with Dataset(path) as dataset:
        every = range(dataset.sample_count)
        arrays: list[Any] = [dataset.read(name, every).tobytes() for name in BY_NAME]
        table = [getattr(dataset.sequences, field.name).tolist() for field in fields(dataset.sequences)]
        splits = [
            (dataset.split(name).indices.tolist(), dataset.split(name).until_time) for name in dataset.splits
        ]
        return [*arrays, dataset.header, table, splits]


def _edit(path: Path, change: Callable[[h5py.File], None]) -> None:
    with h5py.File(path, "r+") as file:
        change(file)
    if path.read_bytes().startswith(b"hindcast/"):
        path.write_bytes(add_seal(path.read_bytes()))


def _remove_shard(path: Path) -> None:
    _shard(path).unlink()


def _cut_shard(path: Path) -> None:
    _shard(path).write_bytes(_shard(path).read_bytes()[:-1000])


def _empty_shard(path: Path) -> None:
    _shard(path).write_bytes(b"")


def _other_fingerprint(path: Path) -> None:
    mock_shards(path.parent / "packed", _groups()[1:], PARAMS, fingerprint="another")


def _other_version(path: Path) -> None:
    _edit(_shard(path), lambda file: file.attrs.__setitem__("format", "hindcast/2"))


def _other_features(path: Path) -> None:
    group = mock_group("south", steps=(30,), series=("bob",), features=4)
    mock_shards(path.parent / "packed", [group], PARAMS)


def _another_tools_file(path: Path) -> None:
    with h5py.File(_shard(path), "w") as file:
        file["X"] = np.zeros((3, 8, 3))


def _array_is_absent(path: Path) -> None:
    _edit(_shard(path), lambda file: file.__delitem__("W"))


def _array_of_another_type(path: Path) -> None:
    def change(file: h5py.File) -> None:
        values = file["W"][()].astype(np.float64)
        del file["W"]
        file["W"] = values

    _edit(_shard(path), change)


def _external_link(path: Path) -> None:
    def change(file: h5py.File) -> None:
        del file["X"]
        file["X"] = h5py.ExternalLink("north.h5", "/X")

    _edit(_shard(path), change)


def _soft_link(path: Path) -> None:
    def change(file: h5py.File) -> None:
        del file["X"]
        file["X"] = h5py.SoftLink("/Y")

    _edit(_shard(path), change)


def _raw_file(path: Path) -> None:
    (path.parent / "packed" / "secret").write_bytes(bytes(4 * 8 * 3 * 4))

    def change(file: h5py.File) -> None:
        del file["X"]
        file.create_dataset("X", (4, 8, 3), "<f4", external=[("secret", 0, h5py.h5f.UNLIMITED)])

    _edit(_shard(path), change)


def _virtual_shard(path: Path) -> None:
    def change(file: h5py.File) -> None:
        del file["X"]
        layout = h5py.VirtualLayout((4, 8, 3), "<f4")
        layout[:] = h5py.VirtualSource("/etc/elsewhere.h5", "X", (4, 8, 3), "<f4")
        file.create_virtual_dataset("X", layout)

    _edit(_shard(path), change)


def _number_that_is_none(value: float) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        def change(file: h5py.File) -> None:
            file["X"][1, 2, 0] = value

        _edit(_shard(path), change)

    damage.__name__ = f"x_{value}"
    return damage


def _without_checksum(path: Path) -> None:
    def change(file: h5py.File) -> None:
        values, chunks = file["X"][()], file["X"].chunks
        del file["X"]
        file.create_dataset("X", data=values, chunks=chunks, compression="lzf")

    _edit(_shard(path), change)


def _chunk_never_written(path: Path) -> None:
    def change(file: h5py.File) -> None:
        shape, chunks = file["X"].shape, file["X"].chunks
        del file["X"]
        file.create_dataset("X", shape, "<f4", chunks=chunks, **filter_options("gzip"))

    _edit(_shard(path), change)


SHARD_FAULTS = [
    (_cut_shard, "is damaged"),
    (_empty_shard, "is damaged"),
    (_other_fingerprint, "its fingerprint must be 'made-up south', found 'another south'"),
    (_other_version, "must be of format hindcast/1, found format 'hindcast/2'"),
    (_other_features, "its features must be"),
    (_another_tools_file, "no `format` attribute"),
    (_array_is_absent, "holds no dataset W"),
    (_array_of_another_type, "W must be float32 of shape"),
    (_external_link, "X must not be a link that leads out of the file"),
    (_soft_link, "X must not be a link that leads out of the file"),
    (_raw_file, "X must not keep its bytes in another file"),
    (_virtual_shard, "found a virtual dataset"),
    (_number_that_is_none(np.nan), "X must be finite, found nan in 'f0', sample 1, step 2"),
    (_number_that_is_none(-np.inf), "X must be finite, found -inf in 'f0', sample 1, step 2"),
    (_without_checksum, "found 32000"),
    (_chunk_never_written, "chunks of /X are not in the file"),
]


@pytest.mark.parametrize(
    ("damage", "words"), SHARD_FAULTS, ids=[damage.__name__.strip("_") for damage, _ in SHARD_FAULTS]
)
def test_a_spoilt_shard_is_named_with_a_remedy(
    path: Path, damage: Callable[[Path], None], words: str
) -> None:
    damage(path)
    with pytest.raises(FormatError) as caught:
        _read_all(path)
    told = str(caught.value)
    assert "south.h5" in told
    assert words in told
    assert "`pack`" in told


def test_a_missing_shard_is_named_and_the_others_are_still_read(path: Path) -> None:
    _remove_shard(path)
    with Dataset(path) as dataset:
        assert dataset.read("X", [0]).shape == (1, 8, 3)
        with pytest.raises(MissingInputError, match=r"south\.h5 is absent"):
            dataset.read("X", [dataset.sample_count - 1])


def test_a_plain_reader_sees_nan_where_a_shard_is_missing(path: Path) -> None:
    _remove_shard(path)
    with h5py.File(path) as file:
        assert np.isfinite(file["X"][:3]).all()
        assert np.isnan(file["X"][3:]).all()
        assert (file["origin"][3:] == np.iinfo(np.int64).min).all()


def _source_elsewhere(name: str) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        shape = file["X"].shape
        del file["X"]
        layout = h5py.VirtualLayout(shape, "<f4")
        layout[:] = h5py.VirtualSource(name, "X", shape, "<f4")
        file.create_virtual_dataset("X", layout)

    return change


def _table_elsewhere(name: str) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del file["shards/file"]
        file["shards/file"] = np.array([name.encode()] * 2)

    return change


@pytest.mark.parametrize("name", ["/etc/elsewhere.h5", "../elsewhere.h5", "packed/../../elsewhere.h5"])
@pytest.mark.parametrize("change", [_source_elsewhere, _table_elsewhere])
def test_a_source_outside_the_folder_is_refused(
    path: Path, name: str, change: Callable[[str], Callable[[h5py.File], None]]
) -> None:
    _edit(path, change(name))
    with pytest.raises(FormatError, match=r"shards lie in its folder|joined from the shards of its table"):
        Dataset(path)


def test_a_data_set_that_was_edited_is_refused(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file["splits/train"][0] += 1
    with pytest.raises(FormatError, match=r"dataset\.h5 is damaged"):
        Dataset(path)


def test_counts_that_do_not_add_up_are_refused(path: Path) -> None:
    def change(file: h5py.File) -> None:
        file.attrs["step_count"] = 7

    _edit(path, change)
    with pytest.raises(FormatError, match=r"must add up.*'attribute step_count': 7"):
        Dataset(path)


@pytest.mark.parametrize("codec", ["none", "gzip", "zstd"])
def test_a_wrong_bit_in_a_shard_is_told_or_changes_nothing(tmp_path: Path, codec: str) -> None:
    params = mock_params(pack={"segment_length": 8, "chunk_bytes": 200, "codec": codec})
    shard = mock_shards(tmp_path, _groups()[:1], params)[0]
    good, image = _read_all(shard), shard.read_bytes()
    assert _told_of_wrong_bits(shard, image, good, range(7, len(image), 113)) > 50


def test_a_wrong_bit_in_a_data_set_is_always_told(path: Path) -> None:
    good, image = _read_all(path), path.read_bytes()
    places = [*range(80), *range(512, len(image), 151)]  # between them the seal's line is filled up
    assert _told_of_wrong_bits(path, image, good, places) == len(places)


def _told_of_wrong_bits(path: Path, image: bytes, good: list[Any], places: Any) -> int:
    told = 0
    for place in places:
        spoilt = bytearray(image)
        spoilt[place] ^= 1 << place % 8
        path.write_bytes(spoilt)
        told += _tells(path, good)
    return told


def _tells(path: Path, good: list[Any]) -> bool:
    """Whether reading ends in an error that names the file; if it does not, nothing may have changed."""
    try:
        found = _read_all(path)
    except FormatError as fault:
        return path.name in str(fault)
    assert found == good
    return False


def test_a_file_cut_anywhere_is_told(tmp_path: Path) -> None:
    shard = mock_shards(tmp_path, _groups()[:1], PARAMS)[0]
    image = shard.read_bytes()
    for length in range(0, len(image), 997):
        shard.write_bytes(image[:length])
        with pytest.raises(FormatError, match=r"north\.h5"):
            _read_all(shard)
