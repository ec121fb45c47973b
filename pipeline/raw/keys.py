"""What a cached result depends on, as one digest: contents, the part of the contract that matters, and code."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pipeline.files import digest_of_value
from pipeline.raw.header import Layout
from pipeline.raw.sources import searched
from pipeline.settings.known import PublishedAt
from pipeline.settings.raw import RawSettings, Source

_CODE = (
    "raw/*.py",
    "files.py",
    "settings/base.py",
    "settings/clock.py",
    "settings/known.py",
    "settings/raw.py",
)
_LIBRARIES = ("numpy", "pandas", "pyarrow", "tzdata")


def reading_key(raw: RawSettings, source: Source, layout: Layout, digest: str) -> str:
    """The key of one file as read, for contents of this digest: its name counts only by the fields that it carries."""
    names = [(slot.group, slot.series) for slot in layout.slots]
    paths = [
        searched(field.path, layout.file.name)
        for field in (source.issue_time, source.valid_time)
        if field is not None and field.path is not None
    ]
    suffix = layout.file.path.suffix.lower()  # says how the file is packed
    return digest_of_value(
        ["file", code_digest(), reading_contract(raw, source), digest, names, paths, suffix]
    )


def reading_contract(raw: RawSettings, source: Source) -> dict[str, Any]:
    """The settings that say how a file of a source becomes rows."""
    contract = source.model_dump(mode="json", exclude={"role", "files", "duplicates"})
    for value in contract["values"].values():
        del value["unit"], value["resample"]
    if not isinstance(source.known, PublishedAt):
        del contract["known"]  # applied when tables are written
    return contract | {"zone": raw.zone, "frequency": str(raw.frequency)}


def table_key(raw: RawSettings, source: Source, group: str, parts: list[str]) -> str:
    """The key of one group's table, for files whose rows of this group have these digests, in order."""
    contract = {
        "role": source.role,
        "known": source.model_dump(mode="json", include={"known"}),
        "issue_time": source.issue_time is not None,
        "duplicates": source.duplicates,
        "values": list(source.values),
        "zone": raw.zone_of(group),
        "frequency": str(raw.frequency),
    }
    return digest_of_value(["table", code_digest(), contract, group, parts])


@cache
def code_digest() -> str:
    """Digest of the code that makes tables, and of the versions of the libraries that it stands on."""
    root = Path(__file__).parent.parent
    whole = hashlib.sha256(" ".join(f"{name} {version(name)}" for name in _LIBRARIES).encode())
    for path in sorted(path for pattern in _CODE for path in root.glob(pattern)):
        whole.update(path.name.encode() + path.read_bytes())
    return whole.hexdigest()
