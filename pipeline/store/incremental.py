"""Shards that need not be made again: their inputs, settings and code are those of the last time, and so are their bytes.

What was made is noted in `.hindcast/cache/pack.json`, which may be removed at any time; no byte of a shard depends on it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hindcast.pipeline.errors import HindcastError
from hindcast.pipeline.files import code_digest, digest_of_file, digest_of_value, read_json, write_json
from hindcast.pipeline.forecasters import STORED
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.store.layout import FORMAT

NOTES = Path(".hindcast/cache/pack.json")


_CODE = ("errors.py", "files.py", "tables.py", "settings/**/*.py", "align/**/*.py", "store/**/*.py")


_LIBRARIES = ("h5py", "hdf5plugin", "holidays", "numpy", "pandas", "pyarrow", "tzdata")


def shard_key(group: str, digests: Mapping[str, str], params: Params) -> str:
    """What a shard depends on, as one digest: tables, settings, format, code and libraries."""
    return digest_of_value([shards_code_digest(), STORED, shard_fingerprint(group, digests, params)])


def reuse_shards(root: Path, packed: Path, fresh: Path, keys: Mapping[str, str]) -> dict[str, PackedGroup]:
    """Bring the unchanged shards of `packed` into the folder `fresh`; return what became of their groups, by group.

    `keys` are those of the groups that may be taken over. A shard whose bytes are not the noted ones is left out.
    """
    found = {}
    for group, note in _notes(root).items():
        if group in keys and note["key"] == keys[group]:
            one = PackedGroup(**note["packed"])
            if one.shard is None or _taken(packed / one.shard, fresh / one.shard, note["digest"]):
                found[group] = one
    return found


def record_shards(root: Path, packed: Path, keys: Mapping[str, str], done: Sequence[PackedGroup]) -> None:
    """Note what was made, for the next time."""
    shards = [packed / one.shard for one in done if one.shard is not None]
    with ThreadPoolExecutor() as pool:
        digests = dict(zip(shards, pool.map(digest_of_file, shards), strict=True))
    write_json(
        root / NOTES,
        {
            one.group: {
                "key": keys[one.group],
                "digest": one.shard and digests[packed / one.shard],
                "packed": asdict(one),
            }
            for one in done
        },
    )


def shards_code_digest() -> str:
    """Digest of the code that makes shards, and of the versions of the libraries that it uses."""
    return code_digest(_CODE, _LIBRARIES)


def _notes(root: Path) -> dict[str, Any]:
    try:
        notes = read_json(root / NOTES)
    except HindcastError:  # absent or damaged: everything is made again
        return {}
    return notes if isinstance(notes, dict) else {}


def _taken(old: Path, new: Path, digest: str) -> bool:
    if not old.is_file() or digest_of_file(old) != digest:
        return False
    if old.is_symlink():  # into a cache of DVC's, say: a link to it would not be the file
        shutil.copyfile(old, new)
        return True
    try:
        os.link(old, new)
    except OSError:  # a file system without hard links
        shutil.copyfile(old, new)
    return True


@dataclass(frozen=True)
class PackedGroup:
    """What became of one group; `shard` and `fingerprint` are None where it has no sequence."""

    group: str
    shard: str | None
    fingerprint: str | None
    sequences: int
    samples: int
    steps: int
    padding: int
    coverage: Mapping[str, float]
    counts: Mapping[str, int]

    @property
    def covered_steps(self) -> int:
        """Steps that have an origin: what the shares of `coverage` refer to."""
        return self.counts["steps"] - self.counts["steps_without_origin"]


def shard_fingerprint(group: str, tables: Mapping[str, str], params: Params) -> str:
    """The fingerprint of a group's shard; `tables` are the digests of its tables by source.

    Where the raw files lie, how they are read, what other groups hold and what only decides whether packing
    is refused (`pack.min_coverage`, `align.groups`) is not part of it: the tables' digests are.
    """
    sources = [
        [
            name,
            source.model_dump(mode="json", include={"role", "known", "spacing", "interpolate"}),
            _values(source),
        ]
        for name, source in params.raw.sources.items()
    ]
    return digest_of_value(
        {
            "format": FORMAT,
            "group": group,
            "tables": dict(tables),
            "frequency": str(params.raw.frequency),
            "zone": params.raw.zone_of(group),
            "sources": sources,
            "align": params.align.model_dump(mode="json", exclude={"groups"}),
            "pack": params.pack.model_dump(mode="json", exclude={"min_coverage"}),
        }
    )


def _values(source: Any) -> list[list[Any]]:
    return [[name, value.unit, value.resample, value.angle] for name, value in source.values.items()]
