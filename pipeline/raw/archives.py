"""Archives of several files: each member is a raw file, unpacked once into the cache and named `archive/member`."""

from __future__ import annotations

import errno
import os
import shutil
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import IO

import pyarrow as pa

from hindcast.pipeline.arrays import usable_cpus
from hindcast.pipeline.digests import FileDigests, read_checked, write_checked
from hindcast.pipeline.errors import HindcastError, RawDataError
from hindcast.pipeline.files import remove_path
from hindcast.pipeline.progress import progress
from hindcast.pipeline.raw.csv_blocks import DAMAGE, is_data_member
from hindcast.pipeline.raw.parquet_blocks import SUFFIXES as PARQUET_SUFFIXES

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
_AS_THEY_ARE = (".gz", ".zst", ".zip", *PARQUET_SUFFIXES)  # members that are compressed already
MEMBERS = Path(".hindcast/cache/members")
_MANIFEST = "members.json"
_CHUNK = 4 << 20
_MEGABYTE = 1_000_000
_MOST_THREADS = 4


@dataclass(frozen=True)
class Member:
    """A file in an archive: its path inside the archive, and the file into which it was unpacked."""

    name: str
    path: Path


def is_archive(path: Path) -> bool:
    """Return whether the name of a file is that of an archive."""
    return path.name.lower().endswith(SUFFIXES)


def is_one_file(path: Path) -> bool:
    """Return whether an archive is a zip file with one member, which is a compressed file; also if it cannot be opened."""
    if path.suffix.lower() != ".zip":
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return sum(is_data_member(info.filename) for info in archive.infolist() if not info.is_dir()) <= 1
    except DAMAGE:
        return True


def split_glob(pattern: str) -> Iterator[tuple[str, str]]:
    """Yield the parts of a glob for archives and for their members, if it names members: `x/*.zip/*.csv`."""
    parts = pattern.split("/")
    for place, part in enumerate(parts[:-1], 1):
        if part.lower().endswith(SUFFIXES):
            yield "/".join(parts[:place]), "/".join(parts[place:])


def matches_glob(name: str, pattern: str) -> bool:
    """Return whether the path of a member matches a glob, as `Path.glob` finds files below a folder."""
    return _match_parts(name.split("/"), pattern.split("/"))


def extract_members(path: Path, folder: Path, most: int) -> list[Path]:
    """Write the members of an archive as they are below a folder, and return their files, in the order of the archive.

    Raises RawDataError for an archive that is damaged, locked by a password, has a member that would lie outside the folder, or
    holds more than `most` bytes.
    """
    written, left = [], most
    with _faults_of(path):
        for name, stream in _iter_members(path):
            target = folder / name
            if ".." in name.split("/"):
                raise RawDataError(f"{path}: {name!r} lies outside of the archive; unpack it by hand.")
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as copy:
                while chunk := stream.read(_CHUNK):
                    left -= len(chunk)
                    if left < 0:
                        raise RawDataError(
                            f"{path}: its members hold more than {most // _MEGABYTE:,} MB, half of the free space for "
                            "temporary files. Unpack it by hand beside the other files, or set TMPDIR to a folder with more room."
                        )
                    copy.write(chunk)
            written.append(target)
    return written


class Archives:
    """The unpacked members of archives in a folder of the cache, which may be removed at any time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._used: set[Path] = set()
        self._digests = FileDigests(folder / "digests.json")

    def unpack(self, paths: Iterable[Path]) -> dict[Path, list[Member]]:
        """Return the members of archives, in the order of the archive.

        Raises RawDataError, with all faults, for archives that are damaged, locked by a password, or have two members of one
        name.
        """
        wanted = sorted(paths)
        if not wanted:
            return {}
        faults: list[str] = []
        size = sum(path.stat().st_size for path in wanted)
        with (
            progress("Unpacking archives", max(1, size // _MEGABYTE), "MB") as advance,
            ThreadPoolExecutor(usable_cpus(_MOST_THREADS)) as pool,
        ):

            def unpack(path: Path) -> list[Member]:
                try:
                    return self._members(path)
                except RawDataError as fault:
                    faults.append(fault.summary)
                    return []
                finally:
                    advance(path.stat().st_size // _MEGABYTE)

            found = dict(zip(wanted, pool.map(unpack, wanted), strict=True))
        self._digests.save()
        if faults:
            raise RawDataError("Archives of raw files cannot be read.", sorted(faults))
        return found

    def remove_others(self) -> None:
        """Remove the members of archives that `unpack` was not asked for."""
        for entry in self._folder.iterdir() if self._folder.is_dir() else ():
            if entry.is_dir() and entry not in self._used:
                shutil.rmtree(entry, ignore_errors=True)

    def _members(self, path: Path) -> list[Member]:
        place = self._folder / self._digests.digest(path)
        self._used.add(place)
        listed = read_checked(place / _MANIFEST, place.name)
        if listed is None or not all(self._is_intact(place / file, digest) for _, file, digest in listed):
            listed = self._unpack(path, place)
        return [Member(name, place / file) for name, file, _ in listed]

    def _is_intact(self, path: Path, digest: str) -> bool:
        return path.is_file() and self._digests.digest(path) == digest

    def _unpack(self, path: Path, place: Path) -> list[tuple[str, str, str]]:
        partial = place.with_name(f".partial-{os.getpid()}-{place.name}")
        remove_path(partial)
        partial.mkdir(parents=True)
        try:
            with _faults_of(path):
                names = [
                    (name, _write(stream, partial, number, name))
                    for number, (name, stream) in enumerate(_iter_members(path))
                ]
            listed = [(name, file, self._digests.compute(partial / file)) for name, file in names]
            write_checked(partial / _MANIFEST, place.name, listed)
            remove_path(place)
            os.replace(partial, place)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return listed


def _write(stream: IO[bytes], folder: Path, number: int, name: str) -> str:
    """Write a member to a file and return the file's name, which has nothing of the member's name but a known suffix."""
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in _AS_THEY_ARE:
        file = f"{number}{suffix}"
        with (folder / file).open("wb") as written:
            shutil.copyfileobj(stream, written, _CHUNK)
        return file
    file = f"{number}.zst"
    with pa.OSFile(str(folder / file), "wb") as target, pa.CompressedOutputStream(target, "zstd") as packed:
        while chunk := stream.read(_CHUNK):
            packed.write(chunk)
    return file


def _iter_members(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield the name and the bytes of each file in an archive, in its order."""
    seen: set[str] = set()
    for name, stream in _iter_zip(path) if path.suffix.lower() == ".zip" else _iter_tar(path):
        if not is_data_member(name):
            continue
        clean = "/".join(part for part in name.replace("\\", "/").split("/") if part not in ("", "."))
        if clean in seen:
            raise RawDataError(
                f"{path}: holds {clean!r} twice, so it is not clear which one is meant; unpack it by hand and name the "
                "files in `files`."
            )
        seen.add(clean)
        yield clean, stream


def _iter_zip(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if not info.is_dir():
                with archive.open(info) as stream:
                    yield info.filename, stream


def _iter_tar(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    with tarfile.open(path) as archive:
        for info in archive:
            if info.isdir():
                continue
            stream = archive.extractfile(info) if info.isreg() else None
            if stream is None:
                raise RawDataError(
                    f"{path}: {info.name!r} is no file but a link or a device; unpack the archive by hand and name the files in "
                    "`files`."
                )
            with stream:
                yield info.name, stream
        assert archive.fileobj is not None  # it is open
        archive.fileobj.seek(archive.offset)
        end = archive.fileobj.read(tarfile.BLOCKSIZE)
        if len(end) < tarfile.BLOCKSIZE or any(end):  # tarfile takes a header that is cut off for the end
            raise tarfile.ReadError("the mark at its end is missing, so it is cut off")
        while chunk := archive.fileobj.read(_CHUNK):
            if any(chunk):
                raise tarfile.ReadError("it contains more data after its end mark, as joined archives do")


@contextmanager
def _faults_of(path: Path) -> Iterator[None]:
    """Turn the faults of a damaged or locked archive into a RawDataError."""
    try:
        yield
    except HindcastError:
        raise
    except RuntimeError as fault:  # a password
        raise RawDataError(f"{path} cannot be unpacked: {fault}. Unpack it by hand.") from None
    except (tarfile.TarError, *DAMAGE) as fault:
        raise RawDataError(f"{path} cannot be unpacked: {fault}. Download or pack it again.") from None
    except OSError as fault:
        if fault.errno not in (None, errno.EINVAL):
            raise  # of the system, not of the contents
        raise RawDataError(f"{path} cannot be unpacked: {fault}. Download or pack it again.") from None


def _match_parts(parts: list[str], pattern: list[str]) -> bool:
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_match_parts(parts[place:], pattern[1:]) for place in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and _match_parts(parts[1:], pattern[1:])
