"""A raw file that is open from its first row to its last: rows, digest and stamp belong to the same bytes."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path
from typing import Any, Self

from hindcast.pipeline.digests import Stamp, is_settled, stamp_from, stamp_of
from hindcast.pipeline.errors import RawDataError


class OpenedFile:
    """One handle of a raw file; a context manager. `name` is the file's name in messages.

    `stamp` is the file's stamp when it was opened. Raises RawDataError if it differs from `expected`, the stamp when
    the header was read.
    """

    def __init__(self, path: Path, name: str = "", expected: Stamp | None = None) -> None:
        self.path, self._name = path, name or str(path)
        try:
            self._descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        except FileNotFoundError:
            if expected is None:
                raise
            raise change_error(self._name) from None
        self.stamp = stamp_from(os.fstat(self._descriptor))
        self._is_settled = is_settled(self.stamp)
        self._hash: Any = None
        if expected not in (None, self.stamp):
            os.close(self._descriptor)
            raise change_error(self._name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def stream(self) -> io.FileIO:
        """Return a stream of all bytes."""
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        return io.FileIO(os.dup(self._descriptor))

    def hashed_stream(self, *, in_order: bool) -> io.FileIO:
        """Return a stream of all bytes whose digest `finish` returns.

        Bytes that are read once and in order are hashed while they are read, others before.
        """
        self._hash = hashlib.sha256()
        if not in_order:
            with self.stream() as stream:
                hashlib.file_digest(stream, lambda: self._hash)
            return self.stream()
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        return _HashedStream(os.dup(self._descriptor), self._hash)

    def finish(self) -> str:
        """Return the SHA-256 of the bytes that `hashed_stream` gave; raises RawDataError if the file has changed since.

        A file that was written moments before it was opened is hashed once more: a second change within a tick of the
        clock leaves its times as they are.
        """
        digest = str(self._hash.hexdigest())
        try:
            is_same = self.stamp == stamp_from(os.fstat(self._descriptor)) == stamp_of(self.path)
        except FileNotFoundError:
            is_same = False
        if is_same and not self._is_settled:
            with self.stream() as stream:
                is_same = hashlib.file_digest(stream, "sha256").hexdigest() == digest
        if not is_same:
            raise change_error(self._name)
        return digest


def change_error(name: str) -> RawDataError:
    """Return the error for a file that was replaced, extended or edited while it was read."""
    return RawDataError(f"{name} changed while it was read: run the stage `ingest` again.")


class _HashedStream(io.FileIO):
    """A stream that hashes what `read` returns."""

    def __init__(self, descriptor: int, hasher: Any) -> None:
        super().__init__(descriptor)
        self._hasher = hasher

    def read(self, size: int | None = -1, /) -> bytes:
        content = super().read(-1 if size is None else size) or b""
        self._hasher.update(content)
        return content
