"""A file that is damaged, of another data set or changed is an error that names it, never data; few files are open."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hindcast.pipeline.errors import FormatError, MissingInputError
from hindcast.pipeline.store import shards
from hindcast.pipeline.store.join_shards import list_shards, write_dataset
from hindcast.pipeline.store.layout import ARRAYS, filter_options
from hindcast.pipeline.store.open_files import add_seal, write_text
from hindcast.pipeline.store.reader import Dataset
from tests.mock_data import mock_dataset, mock_group, mock_params, mock_shards

SMALL = {"segment_length": 7, "chunk_bytes": 200}
FILES = Path("/proc/self/fd")
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
        arrays: list[Any] = [dataset.read(name, every).tobytes() for name in (array.name for array in ARRAYS)]
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


def _not_finite(value: float) -> Callable[[Path], None]:
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
    (_other_fingerprint, "its fingerprint must be 'synthetic south', found 'another south'"),
    (_other_version, "must be of format hindcast/1, found format 'hindcast/2'"),
    (_other_features, "its features must be"),
    (_another_tools_file, "no `format` attribute"),
    (_array_is_absent, "has no dataset W"),
    (_array_of_another_type, "W must be float32 of shape"),
    (_external_link, "X must not be a link that leads out of the file"),
    (_soft_link, "X must not be a link that leads out of the file"),
    (_raw_file, "X must not keep its bytes in another file"),
    (_virtual_shard, "found a virtual dataset"),
    (_not_finite(np.nan), "X must be finite, found nan in 'f0', sample 1, step 2"),
    (_not_finite(-np.inf), "X must be finite, found -inf in 'f0', sample 1, step 2"),
    (_without_checksum, "found 32000"),
    (_chunk_never_written, "chunks of /X are not in the file"),
]


@pytest.mark.parametrize(
    ("damage", "words"), SHARD_FAULTS, ids=[damage.__name__.strip("_") for damage, _ in SHARD_FAULTS]
)
def test_a_damaged_shard_is_named_with_a_remedy(
    path: Path, damage: Callable[[Path], None], words: str
) -> None:
    damage(path)
    with pytest.raises(FormatError) as caught:
        _read_all(path)
    message = str(caught.value)
    assert "south.h5" in message
    assert words in message
    assert "`pack`" in message


def test_a_missing_shard_is_named_and_the_others_are_still_read(path: Path) -> None:
    _remove_shard(path)
    with Dataset(path) as dataset:
        assert dataset.read("X", [0]).shape == (1, 8, 3)
        with pytest.raises(MissingInputError, match=r"south\.h5 is missing"):
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
def test_a_source_outside_the_folder_is_an_error(
    path: Path, name: str, change: Callable[[str], Callable[[h5py.File], None]]
) -> None:
    _edit(path, change(name))
    with pytest.raises(
        FormatError, match=r"shards must lie in its folder|joined from the shards of its table"
    ):
        Dataset(path)


def test_a_data_set_that_was_edited_is_an_error(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file["splits/train"][0] += 1
    with pytest.raises(FormatError, match=r"dataset\.h5 is damaged"):
        Dataset(path)


def test_counts_that_do_not_add_up_are_an_error(path: Path) -> None:
    def change(file: h5py.File) -> None:
        file.attrs["step_count"] = 7

    _edit(path, change)
    with pytest.raises(FormatError, match=r"must add up.*'attribute step_count': 7"):
        Dataset(path)


@pytest.mark.parametrize("codec", ["none", "gzip", "zstd"])
def test_a_wrong_bit_in_a_shard_is_an_error_or_changes_nothing(tmp_path: Path, codec: str) -> None:
    params = mock_params(pack={"segment_length": 8, "chunk_bytes": 200, "codec": codec})
    shard = mock_shards(tmp_path, _groups()[:1], params)[0]
    good, image = _read_all(shard), shard.read_bytes()
    assert _count_errors(shard, image, good, range(7, len(image), 113)) > 50


def test_a_wrong_bit_in_a_data_set_is_always_an_error(path: Path) -> None:
    good, image = _read_all(path), path.read_bytes()
    places = [*range(80), *range(512, len(image), 151)]  # between them the seal's line is filled up
    assert _count_errors(path, image, good, places) == len(places)


def _count_errors(path: Path, image: bytes, good: list[Any], places: Any) -> int:
    errors = 0
    for place in places:
        changed = bytearray(image)
        changed[place] ^= 1 << place % 8
        path.write_bytes(changed)
        errors += _is_error(path, good)
    return errors


def _is_error(path: Path, good: list[Any]) -> bool:
    """Whether reading ends in an error that names the file; if it does not, nothing may have changed."""
    try:
        found = _read_all(path)
    except FormatError as fault:
        return path.name in str(fault)
    assert found == good
    return False


def test_a_file_cut_anywhere_is_an_error(tmp_path: Path) -> None:
    shard = mock_shards(tmp_path, _groups()[:1], PARAMS)[0]
    image = shard.read_bytes()
    for length in range(0, len(image), 997):
        shard.write_bytes(image[:length])
        with pytest.raises(FormatError, match=r"north\.h5"):
            _read_all(shard)


@pytest.mark.skipif(not FILES.exists(), reason="only Linux lists a process's open files there")
def test_few_files_are_open_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "MOST_OPEN", 3)
    groups = [mock_group(f"g{number:02d}", series=("a",), steps=(9,), seed=number) for number in range(12)]
    path = mock_dataset(tmp_path, groups)
    with Dataset(path, budget_bytes=0) as dataset:
        before = _open_files()
        for _ in range(2):
            values = dataset.read("X", range(dataset.sample_count))
            assert _open_files() - before <= 3
    expected = np.concatenate([group.sequences[0].X for group in groups])
    np.testing.assert_array_equal(values[:, :9].reshape(-1, 3), expected)
    assert _open_files() == before


@pytest.mark.skipif(not FILES.exists(), reason="only Linux lists a process's open files there")
def test_fewer_files_are_open_where_fewer_are_allowed(tmp_path: Path) -> None:
    groups = [mock_group(f"g{number:02d}", series=("a",), steps=(9,), seed=number) for number in range(30)]
    path = mock_dataset(tmp_path, groups)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    before = _open_files()
    resource.setrlimit(resource.RLIMIT_NOFILE, (before + 20, hard[1]))
    try:
        with Dataset(path, budget_bytes=0) as dataset:
            values = dataset.read("X", range(dataset.sample_count))
            assert _open_files() - before <= (before + 20) // 4
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, hard)
    expected = np.concatenate([group.sequences[0].X for group in groups])
    np.testing.assert_array_equal(values[:, :9].reshape(-1, 3), expected)


def _open_files() -> int:
    return len(list(FILES.iterdir()))


def test_two_thousand_shards_are_read_right_where_few_files_may_be_open(tmp_path: Path, root: Path) -> None:
    """2,000 shards of 10 samples under `ulimit -n 256`: HDF5 would show fill values beyond the limit."""
    shard = mock_shards(
        tmp_path / "made", [mock_group("g", series=("a",), steps=(70,))], mock_params(pack=SMALL)
    )[0]
    values = _copies(shard, tmp_path / "packed", 2000)
    script = (
        "import resource, sys, pathlib, numpy as np\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))\n"
        "from hindcast.pipeline.store.reader import Dataset\n"
        "with Dataset(pathlib.Path(sys.argv[1]), budget_bytes=1 << 20) as dataset:\n"
        "    order = np.random.default_rng(0).permutation(dataset.sample_count)\n"
        "    found = np.empty((len(order), 7, 3), np.float32)\n"
        "    found[order] = dataset.read('X', order)\n"
        "np.save(sys.argv[2], found)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "dataset.h5"), str(tmp_path / "found.npy")]
    subprocess.run(command, check=True, cwd=root)
    np.testing.assert_array_equal(np.load(tmp_path / "found.npy"), values)


def _copies(shard: Path, folder: Path, count: int) -> np.ndarray:
    """Shards that differ in group, fingerprint and one value of X, joined; returns all of X."""
    folder.mkdir()
    for number in range(count):
        path = folder / f"g{number:04d}.h5"
        shutil.copyfile(shard, path)
        with h5py.File(path, "r+") as file:
            write_text(file, "group", path.stem)
            write_text(file, "fingerprint", path.stem)
            file["X"][0, 0, 0] = number
    with h5py.File(shard) as file:
        values = np.tile(file["X"][()], (count, 1, 1))
        values[:: file.attrs["sample_count"], 0, 0] = np.arange(count)
    write_dataset(folder.parent / "dataset.h5", list_shards(folder), lambda _: (), {})
    return values


@pytest.mark.parametrize("attribute", ["preadv", "sched_getaffinity"])
@pytest.mark.parametrize("codec", ["none", "zstd"])
def test_systems_without_an_optional_call_read_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codec: str, attribute: str
) -> None:
    path = mock_dataset(tmp_path, _groups(), mock_params(pack=SMALL | {"codec": codec}))
    expected = _read_all(path)
    monkeypatch.delattr(os, attribute, raising=False)
    assert _read_all(path) == expected


def test_systems_without_limits_of_open_files_use_the_default(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert shards._open_file_limit() == shards.MOST_OPEN
    monkeypatch.setitem(sys.modules, "resource", None)
    assert shards._open_file_limit() == shards.MOST_OPEN
    assert _read_all(path)
