"""Opening and composing HDF5 files, and errors for damaged ones: the file, what is wrong, the stages that write it again."""

from __future__ import annotations

import errno
import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401  registers the zstd filter
import numpy as np

from hindcast.pipeline.errors import BusyError, FormatError, HindcastError, MissingInputError
from hindcast.pipeline.store.layout import FORMAT

if sys.platform != "win32":
    import fcntl

REMEDY = "run the stages `pack` and `split` again"
SHORTEST_TEXT = 2  # bytes: xarray takes texts of one byte for the characters of longer texts
SEAL_BYTES = 512  # the smallest block that HDF5 allows before a file

# Our own cache keeps whole chunks: HDF5's would hold them a second time. File locking keeps HDF5's default: one process
# may not open a file twice with different flags, and a user may open our files with h5py at the same time.
_READING = {"mode": "r", "rdcc_nbytes": 0}
_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)  # a file system without locks
_SIGNATURE = b"\x89HDF\r\n\x1a\n"  # of every HDF5 file with nothing before it, as shards are


def open_to_read(path: Path) -> h5py.File:
    """Open a file of this format for reading.

    Raises MissingInputError if it is missing and FormatError if it is damaged or of another format.
    """
    if not path.is_file():
        raise MissingInputError(f"{path} is missing: {REMEDY}.")
    check_not_held(path)
    with report_damage(path, "opening it"):
        file = h5py.File(path, **_READING)
    try:
        _check_format(file, path)
    except BaseException:
        file.close()
        raise
    return file


def version_of(state: os.stat_result) -> tuple[int, int, int]:
    """Return values that change when a file is replaced."""
    return state.st_ino, state.st_size, state.st_mtime_ns


def check_not_held(path: Path) -> None:
    """Raise BusyError if another program holds a file open for writing: its bytes may then be in between.

    HDF5 locks the files that it opens. Without such locks (on Windows, on some network file systems) nothing is found.
    """
    if sys.platform == "win32" or not path.is_file():
        return
    with path.open("rb") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError as fault:
            if fault.errno in _NO_LOCKS:
                return
            if not isinstance(fault, BlockingIOError):
                raise
            raise BusyError(
                f"{path} is open for writing in another program: close it there and run this again."
            ) from None


@contextmanager
def create_file(
    path: Path, finish: Callable[[bytes], bytes] | None = None, space_before: int = 0
) -> Iterator[h5py.File]:
    """Yield a new file, composed in memory and written to `path` when the block succeeds.

    `finish` converts the bytes of the file, of which the first `space_before` are free, to the bytes that are written.

    The bytes do not depend on clock or machine. A full disk raises OSError here; HDF5 itself would leave the file
    half open and may end the process when it exits.
    """
    memory = BytesIO()
    with h5py.File(_new_file(memory, space_before)) as file:
        yield file
    path.write_bytes(finish(memory.getvalue()) if finish else memory.getvalue())


def new_group(parent: h5py.Group, name: str) -> h5py.Group:
    """Return the group `name` of `parent`; create it and the groups above it, without times, if they do not exist."""
    group = parent
    for part in name.split("/"):
        if part not in group:
            h5py.h5g.create(group.id, part.encode(), gcpl=_without_times(h5py.h5p.GROUP_CREATE))
        group = group[part]
    return group


def dataset_in(file: h5py.File, name: str, path: Path) -> h5py.Dataset:
    """Return a dataset whose bytes are in this file.

    Raises FormatError if it is missing, or if a soft, external or raw-file link leads out of the file.
    """
    found: Any = file.id
    with report_damage(path, f"looking for {name}"):
        for part in name.encode().split(b"/"):  # HDF5's own functions: those of h5py take three times as long
            if not isinstance(found, h5py.h5g.GroupID) or not found.links.exists(part):
                raise FormatError(f"{path} has no dataset {name}: {REMEDY}.")
            if found.links.get_info(part).type != h5py.h5l.TYPE_HARD:
                raise FormatError(f"{path}: {name} must not be a link that leads out of the file: {REMEDY}.")
            found = h5py.h5o.open(found, part)
        if not isinstance(found, h5py.h5d.DatasetID):
            raise FormatError(f"{path}: {name} must be a dataset, found a group: {REMEDY}.")
        if found.get_create_plist().get_external_count():
            raise FormatError(f"{path}: {name} must not keep its bytes in another file: {REMEDY}.")
        return h5py.Dataset(found)


def read_attribute(item: Any, name: str) -> Any:
    """Read an attribute of numbers or of texts of fixed length, as numpy has it; KeyError if there is none."""
    attribute = h5py.h5a.open(item.id, name.encode())
    values = np.empty(attribute.shape, attribute.dtype)
    attribute.read(values)
    return values[()]


def write_text(item: Any, name: str, text: str) -> None:
    """Write a text attribute of fixed length, UTF-8, to a file, group or dataset.

    HDF5 keeps texts of variable length in its global heap, which has no checksum: a single wrong bit in it can make the
    library loop forever.
    """
    encoded = text.encode()
    item.attrs.create(name, encoded, dtype=h5py.string_dtype("utf-8", max(SHORTEST_TEXT, len(encoded))))


def decode_text(value: Any) -> str:
    """Return a text attribute, which h5py reads as bytes or as text, as text."""
    return value.decode() if isinstance(value, bytes) else str(value)


@contextmanager
def report_damage(path: Path, doing: str) -> Iterator[None]:
    """Raise FormatError with the file's name if HDF5 fails on damaged bytes, which h5py reports as various built-in errors."""
    try:
        yield
    except HindcastError:
        raise
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as fault:
        if getattr(fault, "errno", None):  # an error of the system: no permission, too many open files
            raise
        check_not_held(path)  # another program may have opened it since
        reason = " ".join(str(fault).split())
        if "filter returned failure" in reason:
            reason = "a chunk is damaged"
        shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
        raise FormatError(f"{shown} is damaged ({doing}: {reason}): {REMEDY}.") from fault


def add_seal(image: bytes) -> bytes:
    """Replace the first SEAL_BYTES of a file's bytes by a line of text with the digest of the rest; return all bytes."""
    rest = memoryview(image)[SEAL_BYTES:]
    return _seal_line(hashlib.sha256(rest).hexdigest()).ljust(SEAL_BYTES, b"\0") + rest


def check_seal(path: Path) -> bool:
    """Return whether a file has a seal; raise FormatError if its bytes do not match the seal.

    A file that does not begin like an HDF5 file must have a seal: a wrong bit in the seal itself is damage too.
    """
    with path.open("rb") as stream:
        first = stream.read(SEAL_BYTES)
        if first.startswith(_SIGNATURE):
            return False
        # in pieces: it may be a large damaged shard
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if first.rstrip(b"\0") != _seal_line(digest):
        check_not_held(path)  # HDF5 marks a file that is open for writing
        raise FormatError(
            f"{path} is damaged (the checksum in its first line does not match the rest of the file): {REMEDY}."
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
    # Since 1.10 metadata have checksums; not every tool can read newer versions.
    access.set_libver_bounds(h5py.h5f.LIBVER_V110, h5py.h5f.LIBVER_V110)
    access.set_fclose_degree(h5py.h5f.CLOSE_STRONG)
    access.set_fileobj_driver(h5py.h5fd.fileobj_driver, memory)
    creation = _without_times(h5py.h5p.FILE_CREATE)
    creation.set_userblock(space_before)
    return h5py.h5f.create(b"in memory", h5py.h5f.ACC_TRUNC, fcpl=creation, fapl=access)


def _without_times(kind: Any) -> Any:
    """Create a creation list for groups (a file is its root group) that stores no times; h5py's own lists do, since 1.10."""
    creation = h5py.h5p.create(kind)
    creation.set_obj_track_times(False)
    return creation


def _seal_line(digest: str) -> bytes:
    return f"{FORMAT} sha256 {digest}\n".encode()
