"""Opening HDF5 files and telling what is wrong with one: which file, what it lacks, which stage writes it anew."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401  registers the zstd filter

from pipeline.errors import FormatError, MissingInputError
from pipeline.store.layout import FORMAT

# Whole chunks are read and kept by our own cache: HDF5's would hold them a second time. Locking stays as HDF5 has
# it: one process may not open a file twice with different flags, and a user may open ours by h5py beside us.
_READING = {"mode": "r", "rdcc_nbytes": 0}
# Since 1.10 the metadata carry checksums; newer versions than that are not needed and not everywhere readable.
_WRITING = {"mode": "w", "libver": ("v110", "v110"), "track_order": False}

REMEDY = "run the stages `pack` and `split` again"


def open_to_read(path: Path) -> h5py.File:
    """A file of this format, open for reading.

    Raises MissingInputError if it is absent and FormatError if it is damaged or of another format.
    """
    if not path.is_file():
        raise MissingInputError(f"{path} is absent: {REMEDY}.")
    with blaming(path, "opening it"):
        file = h5py.File(path, **_READING)
    try:
        _check_format(file, path)
    except BaseException:
        file.close()
        raise
    return file


def open_to_write(path: Path) -> h5py.File:
    """A new file; nothing of the clock or the machine will stand in it."""
    return h5py.File(path, **_WRITING)


def dataset_in(file: h5py.File, name: str, path: Path) -> h5py.Dataset:
    """A dataset that really lies in this file.

    Raises FormatError where it is absent or where a soft, external or raw-file link leads elsewhere.
    """
    with blaming(path, f"looking for {name}"):
        place: Any = file
        for part in name.split("/"):
            link = place.get(part, getlink=True)
            if link is None:
                raise FormatError(f"{path} holds no dataset {name}: {REMEDY}.")
            if not isinstance(link, h5py.HardLink):
                raise FormatError(
                    f"{path}: {name} leads out of the file by a link, which is refused: {REMEDY}."
                )
            place = place[part]
        if not isinstance(place, h5py.Dataset):
            raise FormatError(f"{path}: {name} must be a dataset, found a group: {REMEDY}.")
        if place.external:
            raise FormatError(f"{path}: {name} keeps its bytes in another file, which is refused: {REMEDY}.")
    return place


@contextmanager
def blaming(path: Path, doing: str) -> Iterator[None]:
    """Say which file it was when HDF5 stumbles over damaged bytes, by whichever builtin h5py passes it on."""
    try:
        yield
    except FormatError:
        raise
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as fault:
        if getattr(
            fault, "errno", None
        ):  # the machine's fault, not the file's: no rights, too many open files
            raise
        reason = " ".join(str(fault).split())
        raise FormatError(f"{path} is damaged ({doing}: {reason}): {REMEDY}.") from fault


def _check_format(file: h5py.File, path: Path) -> None:
    with blaming(path, "reading its format"):
        found = file.attrs.get("format")
    if found != FORMAT:
        what = "no `format` attribute" if found is None else f"format {found!r}"
        raise FormatError(f"{path} must be of format {FORMAT}, found {what}: {REMEDY}.")
