"""The seal of a data set: the digest of all its bytes, in the 512 bytes that HDF5 leaves free before a file.

What a shard holds is under HDF5's own checksums. The sources of virtual arrays are not, and a wrong bit among them
takes the library down or keeps it busy for ever: so a data set's bytes are checked before they are looked at.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.store.access import REMEDY
from hindcast.pipeline.store.layout import FORMAT

SEAL_BYTES = 512  # the smallest block that HDF5 allows before a file


def sealed(image: bytes) -> bytes:
    """The bytes of a file, its first SEAL_BYTES replaced by a line of text with the digest of the others."""
    behind = memoryview(image)[SEAL_BYTES:]
    return _line(hashlib.sha256(behind).hexdigest()).ljust(SEAL_BYTES, b"\0") + behind


def check_seal(path: Path) -> bool:
    """Whether a file carries a seal; FormatError if its bytes are not those that were sealed.

    A file that does not begin as HDF5 does must carry one: a wrong bit in the seal itself is a damage too.
    """
    with path.open("rb") as stream:
        first = stream.read(SEAL_BYTES)
        if first.startswith(_SIGNATURE):
            return False
        digest = hashlib.file_digest(
            stream, "sha256"
        ).hexdigest()  # by pieces: it may be a large shard's wreck
    if first.rstrip(b"\0") != _line(digest):
        raise FormatError(
            f"{path} is damaged (its first line must hold the digest of all bytes behind it): {REMEDY}."
        )
    return True


def _line(digest: str) -> bytes:
    return f"{FORMAT} sha256 {digest}\n".encode()


_SIGNATURE = b"\x89HDF\r\n\x1a\n"  # of every HDF5 file with nothing before it, as shards are
