"""A file of a source with its layout and reader, made at first use: files that the cache covers are never opened."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from hindcast.pipeline.errors import HindcastError, RawDataError
from hindcast.pipeline.raw.cache import SettingsDigest, file_key, stamp_of
from hindcast.pipeline.raw.csv_layout import Layout, read_layout
from hindcast.pipeline.raw.rows import RowReader
from hindcast.pipeline.raw.source_files import RawFile
from hindcast.pipeline.settings.raw import RawSettings, Source

_PARTS = {
    "layout": "Raw files do not fit the settings under raw.sources.",
    "reader": "The stamps of raw files do not fit the settings.",
}


@dataclass(frozen=True)
class SourceFile:
    """A file of the source `name`; its header is read at the first access to `layout`."""

    file: RawFile
    raw: RawSettings
    name: str
    source: Source
    settings: SettingsDigest

    @cached_property
    def size(self) -> int:
        """Bytes, at the first access."""
        return stamp_of(self.file.path)[0]

    @cached_property
    def layout(self) -> Layout:
        """The meaning of its columns; raises RawDataError where they do not fit the settings."""
        return read_layout(self.file, self.name, self.source)

    @cached_property
    def reader(self) -> RowReader:
        """The reader of its blocks; raises RawDataError where the stamps of its path or headings do not fit."""
        return RowReader(self.raw, self.name, self.source, self.layout)

    def key(self, digest: str) -> str:
        """Its cache key for contents with this digest; raises RawDataError where its path lacks a field."""
        return file_key(self.settings, self.source, self.file, digest)


def open_files(files: Iterable[SourceFile]) -> None:
    """Read the headers of files before any row is read; raises RawDataError with the faults of all files."""
    opened = list(files)
    for part, summary in _PARTS.items():
        faults: list[str] = []
        for file in opened:
            try:
                getattr(file, part)
            except HindcastError as fault:
                faults += fault.faults or [fault.summary]
        if faults:
            raise RawDataError(summary, list(dict.fromkeys(faults)))
