"""The files of a source with what reads their rows; nobody looks into a file that need not be read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from hindcast.pipeline.errors import HindcastError, RawDataError
from hindcast.pipeline.raw.cache import Contract, reading_key, stamp_of
from hindcast.pipeline.raw.csv_layout import Layout, read_layout
from hindcast.pipeline.raw.rows import RowReader
from hindcast.pipeline.raw.source_files import RawFile
from hindcast.pipeline.settings.raw import RawSettings, Source


@dataclass(frozen=True)
class SourceFile:
    """A file of the source `name`; its header is read when its layout is asked for first."""

    file: RawFile
    raw: RawSettings
    name: str
    source: Source
    contract: Contract

    @cached_property
    def size(self) -> int:
        """Bytes, at the first look."""
        return stamp_of(self.file.path)[0]

    @cached_property
    def layout(self) -> Layout:
        """What its columns are; raises RawDataError where they do not fit the settings."""
        return read_layout(self.file, self.name, self.source)

    @cached_property
    def reader(self) -> RowReader:
        """What reads its blocks; raises RawDataError where the stamps of its path or headings do not fit."""
        return RowReader(self.raw, self.name, self.source, self.layout)

    def key(self, digest: str) -> str:
        """Its key for contents of this digest; raises RawDataError where its path lacks a field."""
        return reading_key(self.contract, self.source, self.file, digest)


def open_files(files: Iterable[SourceFile]) -> None:
    """Read the headers of files that are to be read; raises RawDataError with the faults of all of them."""
    there = list(files)
    _tell("Raw files do not fit the settings under raw.sources.", there, "layout")
    _tell("The stamps of raw files do not fit the settings.", there, "reader")


def _tell(summary: str, files: list[SourceFile], part: str) -> None:
    faults: list[str] = []
    for file in files:
        try:
            getattr(file, part)
        except HindcastError as fault:
            faults += fault.faults or [fault.summary]
    if faults:
        raise RawDataError(summary, list(dict.fromkeys(faults)))
