"""The seal of a data set: the digest of all its bytes, in the 512 bytes that HDF5 leaves free before a file.

What a shard holds is under HDF5's own checksums. The sources of virtual arrays are not, and a wrong bit among them
takes the library down or keeps it busy for ever: so a data set's bytes are checked before they are looked at.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from pipeline.errors import FormatError
from pipeline.store.access import REMEDY
from pipeline.store.layout import FORMAT

SEAL_BYTES = 512  # the smallest block that HDF5 allows before a file


def sealed(image: bytes) -> bytes:
    """The bytes of a file, its first SEAL_BYTES replaced by a line of text with the digest of the others."""
    return _seal_of(image).ljust(SEAL_BYTES, b"\0") + image[SEAL_BYTES:]


def check_seal(path: Path) -> bool:
    """Whether a file carries a seal; FormatError if it does and the bytes are not those that were sealed."""
    image = path.read_bytes() if _begins_with_seal(path) else b""
    if image and image[:SEAL_BYTES].rstrip(b"\0") != _seal_of(image):
        raise FormatError(
            f"{path} is damaged (its first line must hold the digest of all bytes behind it): {REMEDY}."
        )
    return bool(image)


def _begins_with_seal(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(len(_WORD)) == _WORD


def _seal_of(image: bytes) -> bytes:
    return _WORD + f"sha256 {hashlib.sha256(memoryview(image)[SEAL_BYTES:]).hexdigest()}\n".encode()


_WORD = f"{FORMAT} ".encode()
