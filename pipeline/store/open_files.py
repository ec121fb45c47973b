"""Opening and composing HDF5 files, and errors for damaged ones: which file, what is wrong, which stages write it again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401  registers the zstd filter

from hindcast.pipeline.errors import FormatError, MissingInputError
from hindcast.pipeline.store.layout import FORMAT

REMEDY = "run the stages `pack` and `split` again"
SEAL_BYTES = 512  # the smallest block that HDF5 allows before a file

# Whole chunks are read and kept by our own cache: HDF5's would hold them a second time. Locking stays as HDF5 has
# it: one process may not open a file twice with different flags, and a user may open ours by h5py beside us.
_READING = {"mode": "r", "rdcc_nbytes": 0}
_SIGNATURE = b"\x89HDF\r\n\x1a\n"  # of every HDF5 file with nothing before it, as shards are


def open_to_read(path: Path) -> h5py.File:
    """A file of this format, open for reading.

    Raises MissingInputError if it is absent and FormatError if it is damaged or of another format.
    """
    if not path.is_file():
        raise MissingInputError(f"{path} is absent: {REMEDY}.")
    with report_damage(path, "opening it"):
        file = h5py.File(path, **_READING)
    try:
        _check_format(file, path)
    except BaseException:
        file.close()
        raise
    return file


@contextmanager
def create_file(
    path: Path, finish: Callable[[bytes], bytes] | None = None, space_before: int = 0
) -> Iterator[h5py.File]:
    """Yield a new file, composed in memory and written to `path` when the block succeeds.

    `finish` maps the bytes of the file, of which the first `space_before` are free, to those that are written.

    The bytes depend on neither clock nor machine. A full disk raises OSError here; HDF5 itself would leave the file
    half open and may end the process when it exits.
    """
    memory = BytesIO()
    with h5py.File(_new_file(memory, space_before)) as file:
        yield file
    path.write_bytes(finish(memory.getvalue()) if finish else memory.getvalue())


def new_group(parent: h5py.Group, name: str) -> h5py.Group:
    """The group `name` of `parent`, created without times where it or those above it are absent."""
    place = parent
    for part in name.split("/"):
        if part not in place:
            h5py.h5g.create(place.id, part.encode(), gcpl=_without_times(h5py.h5p.GROUP_CREATE))
        place = place[part]
    return place


def dataset_in(file: h5py.File, name: str, path: Path) -> h5py.Dataset:
    """A dataset whose bytes are in this file.

    Raises FormatError where it is absent or where a soft, external or raw-file link leads elsewhere.
    """
    with report_damage(path, f"looking for {name}"):
        place: Any = file
        for part in name.split("/"):
            link = place.get(part, getlink=True)
            if link is None:
                raise FormatError(f"{path} holds no dataset {name}: {REMEDY}.")
            if not isinstance(link, h5py.HardLink):
                raise FormatError(f"{path}: {name} must not be a link that leads out of the file: {REMEDY}.")
            place = place[part]
        if not isinstance(place, h5py.Dataset):
            raise FormatError(f"{path}: {name} must be a dataset, found a group: {REMEDY}.")
        if place.external:
            raise FormatError(f"{path}: {name} must not keep its bytes in another file: {REMEDY}.")
    return place


def write_text(place: Any, name: str, text: str) -> None:
    """Write a text attribute of fixed length, UTF-8.

    HDF5 keeps texts of variable length in its global heap, the one place without a checksum: a single wrong bit
    there can make the library loop without end.
    """
    encoded = text.encode()
    place.attrs.create(name, encoded, dtype=h5py.string_dtype("utf-8", max(1, len(encoded))))


def decode_text(value: Any) -> str:
    """A text attribute as read."""
    return value.decode() if isinstance(value, bytes) else str(value)


@contextmanager
def report_damage(path: Path, doing: str) -> Iterator[None]:
    """Raise FormatError with the file's name where HDF5 fails on damaged bytes, by whichever builtin h5py reports it."""
    try:
        yield
    except FormatError:
        raise
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as fault:
        if getattr(fault, "errno", None):  # an error of the machine: no rights, too many open files
            raise
        reason = " ".join(str(fault).split())
        raise FormatError(f"{path} is damaged ({doing}: {reason}): {REMEDY}.") from fault


def add_seal(image: bytes) -> bytes:
    """The bytes of a file, its first SEAL_BYTES replaced by a line of text with the digest of the others."""
    behind = memoryview(image)[SEAL_BYTES:]
    return _seal_line(hashlib.sha256(behind).hexdigest()).ljust(SEAL_BYTES, b"\0") + behind


def check_seal(path: Path) -> bool:
    """Whether a file carries a seal; FormatError if its bytes are not those that were sealed.

    A file that does not begin as HDF5 does must carry one: a wrong bit in the seal itself is damage too.
    """
    with path.open("rb") as stream:
        first = stream.read(SEAL_BYTES)
        if first.startswith(_SIGNATURE):
            return False
        digest = hashlib.file_digest(
            stream, "sha256"
        ).hexdigest()  # by pieces: it may be a damaged large shard
    if first.rstrip(b"\0") != _seal_line(digest):
        raise FormatError(
            f"{path} is damaged (its first line must hold the digest of all bytes behind it): {REMEDY}."
        )
    return True


def _check_format(file: h5py.File, path: Path) -> None:
    with report_damage(path, "reading its format"):
        found = decode_text(file.attrs.get("format", ""))
    if found != FORMAT:
        what = f"format {found!r}" if found else "no `format` attribute"
        raise FormatError(f"{path} must be of format {FORMAT}, found {what}: {REMEDY}.")


def _new_file(memory: BytesIO, space_before: int) -> Any:
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    # Since 1.10 the metadata carry checksums; newer versions than that are not everywhere readable.
    access.set_libver_bounds(h5py.h5f.LIBVER_V110, h5py.h5f.LIBVER_V110)
    access.set_fclose_degree(h5py.h5f.CLOSE_STRONG)
    access.set_fileobj_driver(h5py.h5fd.fileobj_driver, memory)
    creation = _without_times(h5py.h5p.FILE_CREATE)
    creation.set_userblock(space_before)
    return h5py.h5f.create(b"in memory", h5py.h5f.ACC_TRUNC, fcpl=creation, fapl=access)


def _without_times(kind: Any) -> Any:
    """A creation list of groups (a file is its root group) that stores no times; h5py's own lists do, since 1.10."""
    creation = h5py.h5p.create(kind)
    creation.set_obj_track_times(False)
    return creation


def _seal_line(digest: str) -> bytes:
    return f"{FORMAT} sha256 {digest}\n".encode()
