"""A whole data set passes; whatever is damaged is named, all of it at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from hindcast.pipeline.errors import FormatError, MissingInputError
from hindcast.pipeline.files import write_json
from hindcast.pipeline.store.layout import ARRAYS
from hindcast.pipeline.store.open_files import add_seal
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.store.verify import verify
from tests.mock_data import mock_dataset, mock_group, mock_params, mock_shards

PARAMS = mock_params(pack={"segment_length": 8, "chunk_bytes": 200, "codec": "zstd"})
GROUPS = [
    mock_group("north", steps=(20,), series=("ann",)),
    mock_group("south", steps=(90,), series=("bob",)),
]


SCALER = {
    "format": "hindcast-scaler/2", "by": "feature", "target": "feature", "min_rows": 1, "fingerprint": "",
    "features": [], "targets": [], "groups": [], "series": [],
}  # fmt: skip


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return mock_dataset(tmp_path, GROUPS, PARAMS).parent


def faults_of(data: Path) -> list[str]:
    with pytest.raises(FormatError, match=r"is damaged: .* faults?"):
        verify(data)
    try:
        verify(data)
    except FormatError as fault:
        return list(fault.faults)
    return []


def test_a_whole_data_set_is_counted(data: Path) -> None:
    found = verify(data)
    sizes = [path.stat().st_size for path in (data / "dataset.h5", *(data / "packed").iterdir())]
    assert (found.shards, found.samples, found.bytes) == (2, 3 + 12, sum(sizes))
    assert found.chunks == len(ARRAYS) * (2 + 6)


def test_shards_alone_are_verified_before_there_is_a_data_set(data: Path) -> None:
    (data / "dataset.h5").unlink()
    assert verify(data).shards == 2


@pytest.mark.parametrize("folder", ["nothing", "."])
def test_a_folder_without_data_set_and_shards_is_an_error(tmp_path: Path, folder: str) -> None:
    with pytest.raises(MissingInputError, match=r"no dataset\.h5 and no packed"):
        verify(tmp_path / folder)


@pytest.mark.parametrize("name", [array.name for array in ARRAYS])
def test_a_wrong_bit_in_any_chunk_is_named(data: Path, name: str) -> None:
    path = data / "packed/south.h5"
    with h5py.File(path) as file:
        place = file[name].id.get_chunk_info(1).byte_offset
    changed = bytearray(path.read_bytes())
    changed[place + 3] ^= 4
    path.write_bytes(changed)
    (fault,) = faults_of(data)
    assert f"south.h5 is damaged (reading {name}, samples 2 to 4" in fault


def test_all_damage_is_reported_at_once(data: Path) -> None:
    north, south = data / "packed/north.h5", data / "packed/south.h5"
    image = bytearray(south.read_bytes())
    with h5py.File(south) as file:
        for chunk in (0, 2, 3):
            image[file["X"].id.get_chunk_info(chunk).byte_offset] ^= 1
        image[file["Y"].id.get_chunk_info(5).byte_offset] ^= 1
    south.write_bytes(image)
    north.write_bytes(north.read_bytes()[:-500])
    write_json(data / "scaler.json", {**SCALER, "fingerprint": "of another"})
    mock_shards(data / "packed", [mock_group("stray")], PARAMS)
    faults = faults_of(data)
    assert len(faults) == 7
    for words in (
        "south.h5 is damaged (reading X, samples 0 to 2",
        "south.h5 is damaged (reading X, samples 4 to 6",
        "south.h5 is damaged (reading X, samples 6 to 8",
        "south.h5 is damaged (reading Y, samples 10 to 12",
        "north.h5 is damaged",
        "stray.h5 is not listed in dataset.h5",
        "scaler.json was fitted on a data set with fingerprint 'of another'",
    ):
        assert sum(words in fault for fault in faults) == 1, words


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            {"format": "hindcast-scaler/1"},
            "another version of hindcast wrote it in format hindcast-scaler/1; this version reads hindcast-scaler/2",
        ),
        ({"mean": 1}, "it must be of format hindcast-scaler/2, found nothing"),
    ],
)
def test_a_scaler_of_another_format_is_reported_with_its_stage(
    data: Path, content: dict[str, object], words: str
) -> None:
    write_json(data / "scaler.json", content)
    (fault,) = faults_of(data)
    assert f"scaler.json cannot be used: {words}" in fault
    assert fault.endswith("run the stage `scale` again")


def test_many_faults_of_a_kind_are_reported_in_few_lines(data: Path) -> None:
    path = data / "packed/south.h5"
    image = bytearray(path.read_bytes())
    with h5py.File(path) as file:
        for name in ("X", "Y"):
            for chunk in range(6):
                image[file[name].id.get_chunk_info(chunk).byte_offset] ^= 1
    path.write_bytes(image)
    faults = faults_of(data)
    assert len(faults) == 6
    assert "and 7 more such chunks" in faults[-1]


def _edit(path: Path, change: Callable[[h5py.File], None]) -> None:
    with h5py.File(path, "r+") as file:
        change(file)
    if path.name == "dataset.h5":
        path.write_bytes(add_seal(path.read_bytes()))


def _set(place: str, at: int, value: float) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        file[place][at] = value

    return change


def _attribute(place: str, name: str, value: object) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        file[place].attrs[name] = value

    return change


@pytest.mark.parametrize(
    ("file", "change", "words"),
    [
        ("packed/south.h5", _set("time", 2, 7), "south.h5: time differs from /sequences"),
        ("packed/south.h5", _set("sequence", 2, 1), "south.h5: sequence differs from /sequences"),
        ("packed/south.h5", _set("sample", 2, 9), "south.h5: the coordinate sample must count from 0"),
        ("packed/south.h5", _set("X", 2, np.nan), "X must be finite, found nan in 'f0'"),
        ("packed/south.h5", _attribute("/", "fingerprint", "other"), "its fingerprint must be 'synthetic south', found 'other'"),
        ("packed/south.h5", _attribute("feature", "mask", np.array([1, -1, -1], "<i4")), "its feature_masks must be (-1, -1, -1), found (1, -1, -1)"),
        ("packed/south.h5", _set("sequences/start_time", 0, 7), "/sequences/start_time differs from the copy in dataset.h5"),
        ("packed/south.h5", _attribute("/", "segment_length", 4), "as its steps need with segment_length 4"),
        ("dataset.h5", _set("splits/train", 1, 0), "the indices of splits/train must be ascending and unique"),
        ("dataset.h5", _set("splits/train", 0, -4), "indices of splits/train must be in [0, 15)"),
        ("dataset.h5", _set("splits/test", 0, 0), "splits/train and splits/test share 1 sample, for example 0"),
        ("dataset.h5", _attribute("splits/test", "sample_count", 99), "its sample_count is 99"),
        ("dataset.h5", _set("sequence", 1, 1), "dataset.h5: sequence differs"),
        ("dataset.h5", _set("step", 1, 3), "dataset.h5: the coordinate step must count from 0"),
    ],
)  # fmt: skip
def test_what_disagrees_is_named(
    data: Path, file: str, change: Callable[[h5py.File], None], words: str
) -> None:
    _edit(data / file, change)
    faults = faults_of(data)
    assert any(words in fault for fault in faults), faults


def test_shards_are_checked_even_if_the_seal_is_broken(data: Path) -> None:
    image = bytearray((data / "dataset.h5").read_bytes())
    image[-1] ^= 1
    (data / "dataset.h5").write_bytes(image)
    (data / "packed/north.h5").write_bytes(b"")
    faults = faults_of(data)
    assert len(faults) == 2
    assert "dataset.h5 is damaged (the checksum in its first line does not match" in faults[0]
    assert "north.h5 is damaged" in faults[1]


@pytest.mark.parametrize("place", range(0, 80, 7))
def test_a_wrong_bit_in_the_seal_is_reported_before_anything_else_is_read(data: Path, place: int) -> None:
    image = bytearray((data / "dataset.h5").read_bytes())
    image[place] ^= 1
    (data / "dataset.h5").write_bytes(image)
    assert "dataset.h5 is damaged (the checksum in its first line does not match" in faults_of(data)[0]


def test_a_missing_shard_is_named_and_the_others_are_checked(data: Path) -> None:
    (data / "packed/north.h5").unlink()
    path = data / "packed/south.h5"
    path.write_bytes(path.read_bytes()[:2000])
    faults = faults_of(data)
    assert len(faults) == 2
    assert "north.h5 is missing" in faults[0]
    assert "south.h5 is damaged" in faults[1]


def test_verifying_changes_nothing(data: Path) -> None:
    def state() -> dict[Path, tuple[int, ...]]:  # without the time of access
        stats = {path: path.stat() for path in data.rglob("*")}
        return {path: (of.st_ino, of.st_size, of.st_mtime_ns, of.st_ctime_ns) for path, of in stats.items()}

    before = state()
    verify(data)
    assert state() == before
    with Dataset(data / "dataset.h5") as dataset:
        assert dataset.sample_count == 15
