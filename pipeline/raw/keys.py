"""What a cached result depends on, as one digest: contents, the part of the contract that matters, and code."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

from hindcast.pipeline.files import digest_of_value
from hindcast.pipeline.raw.sources import RawFile, from_path, searched
from hindcast.pipeline.settings.known import PublishedAt
from hindcast.pipeline.settings.raw import RawSettings, Source

_CODE = (
    "raw/*.py",
    "files.py",
    "settings/base.py",
    "settings/clock.py",
    "settings/fields.py",
    "settings/known.py",
    "settings/raw.py",
)
_READ_OF_VALUES = ("column", "header", "min", "max", "allowed")
_LIBRARIES = ("numpy", "pandas", "pyarrow", "tzdata")


@dataclass(frozen=True)
class Contract:
    """What the settings of a source say about reading its files, and about making its tables, as digests."""

    reading: str
    tables: str

    @classmethod
    def of(cls, raw: RawSettings, source: Source) -> Contract:
        """The contract of a source; what only later stages use (units, resampling) is no part of it, nor are the globs."""
        grid = {"zone": raw.zone, "frequency": str(raw.frequency)}
        reading = source.model_dump(mode="json", exclude={"role", "files", "duplicates"}) | grid
        for name, value in reading["values"].items():
            reading["values"][name] = {key: value[key] for key in _READ_OF_VALUES}
        if not isinstance(source.known, PublishedAt):
            del reading["known"]  # applied when tables are made
        tables = source.model_dump(mode="json", include={"role", "known", "duplicates"})
        tables |= {"issue_time": source.has_issue, "values": list(source.values)}
        tables |= {"frequency": str(raw.frequency)}
        return cls(digest_of_value([code_digest(), reading]), digest_of_value([code_digest(), tables]))


def reading_key(contract: Contract, source: Source, file: RawFile, digest: str) -> str:
    """The key of one file as read, for contents of this digest: its name counts only by the fields that it carries.

    Raises RawDataError where the path lacks one of them.
    """
    names = [
        from_path(field, file.name)
        for field in (source.group, source.series)
        if field is not None and field.path is not None
    ]
    stamps = [
        searched(field.path, file.name)
        for field in (source.issue_time, source.valid_time)
        if field is not None and field.path is not None
    ]
    suffix = file.path.suffix.lower()  # says how the file is packed
    return digest_of_value([contract.reading, digest, names, stamps, suffix])


def table_key(contract: Contract, zone: str | None, group: str, parts: list[str]) -> str:
    """The key of a group's table, for files whose rows of this group have these digests, in order."""
    return digest_of_value([contract.tables, zone, group, parts])


@cache
def code_digest() -> str:
    """Digest of the code that makes tables, and of the versions of the libraries that it stands on."""
    root = Path(__file__).parent.parent
    whole = hashlib.sha256(" ".join(f"{name} {version(name)}" for name in _LIBRARIES).encode())
    for path in sorted(path for pattern in _CODE for path in root.glob(pattern)):
        whole.update(path.name.encode() + path.read_bytes())
    return whole.hexdigest()
