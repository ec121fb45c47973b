"""Chooses the encoding of a file from a list in the settings, after reading all of its text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hindcast.pipeline.digests import Stamp
from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.raw.csv_blocks import UTF8_NAMES, Block, iter_blocks, unicode_encoding
from hindcast.pipeline.raw.opened_file import OpenedFile
from hindcast.pipeline.raw.parquet_blocks import is_parquet
from hindcast.pipeline.raw.source_files import RawFile
from hindcast.pipeline.settings.raw import Source

_START_BYTES = 64
_WIDE = ("utf-16", "utf-32")


def with_one_encoding(file: RawFile, source: Source) -> tuple[Source, Stamp | None]:
    """Return the source as one file is written: with one encoding; and the stamp of the file that was read to find it.

    A UTF-16 or UTF-32 file has that encoding. Else the first encoding of the list is used that all lines fit; for UTF-8 it is
    enough that more of the lines beyond ASCII fit than do not, because it hardly occurs by chance: the others are damaged.
    Raises RawDataError if no encoding fits.
    """
    if isinstance(source.encoding, str):
        return source, None
    if is_parquet(file.path):  # its texts are UTF-8
        return source.model_copy(update={"encoding": "utf-8"}), None
    plain = source.model_copy(update={"encoding": "utf-8"})
    with OpenedFile(file.path, file.name) as opened, opened.stream() as stream:
        blocks = iter_blocks(stream, file.path, plain, label=file.label)
        chosen = _choose(blocks, source.encoding, file)
    return source.model_copy(update={"encoding": chosen}), opened.stamp


def _choose(blocks: Iterable[Block], encodings: Sequence[str], file: RawFile) -> str:
    lines = {encoding: _Lines(encoding) for encoding in encodings}
    for block in blocks:
        if block.first_line == 1 and (wide := unicode_encoding(block.data[:_START_BYTES])) is not None:
            return _wide_encoding(wide, encodings, file)
        if not block.data.isascii():
            for each in lines.values():
                each.add(block)
    for encoding, found in lines.items():
        if not encoding.startswith(_WIDE) and found.fits:
            return encoding
    first = min(found.first_bad for encoding, found in lines.items() if not encoding.startswith(_WIDE))
    raise RawDataError(
        f"{file.label}: fits none of the encodings {', '.join(encodings)} (first line {first[0]}, which holds {first[1]!r}); add its "
        "encoding to `encoding`."
    )


def _wide_encoding(found: str, encodings: Sequence[str], file: RawFile) -> str:
    family = found[:6]
    alike = [encoding for encoding in encodings if encoding.startswith(family)]
    if not alike:
        raise RawDataError(
            f"{file.label}: is {found}, as its first bytes show, which is none of the encodings {', '.join(encodings)}; add it to "
            "`encoding`."
        )
    return found if found in alike else alike[0]


class _Lines:
    """The lines beyond ASCII that can be read in one encoding, and those that cannot."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._is_utf8 = encoding in UTF8_NAMES
        self._good = self._bad = 0
        self.first_bad: tuple[int, bytes] = (0, b"")

    @property
    def fits(self) -> bool:
        """Whether the file is taken to have the encoding."""
        return not self._bad or (self._is_utf8 and self._good > self._bad)

    def add(self, block: Block) -> None:
        if self._bad and not self._is_utf8:
            return
        if self._can_read(block.data):
            self._good += (
                1 if not self._is_utf8 else sum(not line.isascii() for line in block.data.split(b"\n"))
            )
            return
        for number, line in enumerate(block.data.split(b"\n"), block.first_line):
            if line.isascii():
                continue
            if self._can_read(line):
                self._good += 1
                continue
            if not self._bad:
                self.first_bad = (number, line[:_START_BYTES])
            self._bad += 1

    def _can_read(self, data: bytes) -> bool:
        try:
            data.decode(self._encoding)
        except UnicodeError:
            return False
        return True
