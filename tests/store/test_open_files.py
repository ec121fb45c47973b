"""Files are composed from their content alone, sealed, and opened or reported with their name."""

from __future__ import annotations

import errno
import time
import tracemalloc
from pathlib import Path

import h5py
import numpy as np
import pytest

from hindcast.pipeline.errors import FormatError, MissingInputError
from hindcast.pipeline.store.layout import FORMAT
from hindcast.pipeline.store.open_files import (
    SEAL_BYTES,
    add_seal,
    check_seal,
    create_file,
    dataset_in,
    decode_text,
    new_group,
    open_to_read,
    report_damage,
    write_text,
)


def _write(path: Path) -> Path:
    with create_file(path, add_seal, SEAL_BYTES) as file:
        write_text(file, "format", FORMAT)
        new_group(file, "a/b").create_dataset("x", data=np.arange(3))
    return path


def test_a_file_holds_what_was_written_and_its_bytes_do_not_depend_on_the_time(tmp_path: Path) -> None:
    first = _write(tmp_path / "first.h5")
    time.sleep(1.1)  # HDF5 stores whole seconds
    assert _write(tmp_path / "second.h5").read_bytes() == first.read_bytes()
    assert check_seal(first)
    with open_to_read(first) as file:
        assert decode_text(file.attrs["format"]) == FORMAT
        assert dataset_in(file, "a/b/x", first)[()].tolist() == [0, 1, 2]


def test_a_failure_writes_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with create_file(tmp_path / "x.h5"):
            raise ValueError("within")

    with pytest.raises(ValueError, match="within"):
        fail()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("place", [0, 30, 79, SEAL_BYTES, -1])
def test_a_wrong_bit_breaks_the_seal(tmp_path: Path, place: int) -> None:
    path = _write(tmp_path / "x.h5")
    image = bytearray(path.read_bytes())
    image[place] ^= 1
    path.write_bytes(image)
    with pytest.raises(
        FormatError, match=r"x\.h5 is damaged \(the checksum in its first line does not match"
    ):
        check_seal(path)


def test_a_large_damaged_file_is_reported_without_holding_it_in_memory(tmp_path: Path) -> None:
    damaged = tmp_path / "dataset.h5"
    with damaged.open("wb") as stream:
        stream.truncate(64 << 20)
    tracemalloc.start()
    try:
        with pytest.raises(FormatError, match="the checksum in its first line does not match"):
            check_seal(damaged)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("name", "words"),
    [("y", "has no dataset y"), ("a", "a must be a dataset, found a group"), ("a/b/y", "has no dataset")],
)
def test_a_name_that_is_not_a_dataset_is_an_error(tmp_path: Path, name: str, words: str) -> None:
    path = _write(tmp_path / "x.h5")
    with open_to_read(path) as file, pytest.raises(FormatError, match=words):
        dataset_in(file, name, path)


def test_a_file_that_is_absent_or_of_another_format_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    with pytest.raises(MissingInputError, match=r"x\.h5 is missing: run the stages `pack` and `split` again"):
        open_to_read(path)
    with h5py.File(path, "w"):
        pass
    with pytest.raises(FormatError, match="found no `format` attribute"):
        open_to_read(path)


@pytest.mark.parametrize("fault", [RuntimeError("odd\nbytes"), KeyError("X"), OSError("truncated")])
def test_an_error_of_hdf5_is_reported_with_the_file_and_an_error_of_the_machine_as_it_is(
    fault: Exception,
) -> None:
    with (
        pytest.raises(FormatError, match=r"x\.h5 is damaged \(reading X: "),
        report_damage(Path("x.h5"), "reading X"),
    ):
        raise fault
    with pytest.raises(PermissionError), report_damage(Path("x.h5"), "reading X"):
        raise PermissionError(errno.EACCES, "denied")
