"""Reuse of shards whose tables, settings and code have not changed since the last run, so that their bytes are equal too.

`data/notes/pack.json` records the last run. It is an output of its own, on which no stage depends: a second clone pulls it with the
shards. It may be removed at any time; no byte of a shard depends on it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hindcast.pipeline.digests import keep_checked, read_checked
from hindcast.pipeline.files import code_digest, digest_of_file, digest_of_value
from hindcast.pipeline.forecasters import STORED
from hindcast.pipeline.settings.counters import rollover_of
from hindcast.pipeline.settings.fields import ValueField
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.settings.raw import Source
from hindcast.pipeline.store.layout import FORMAT

RECORD = Path("data/notes/pack.json")
_RECORD_KEY = "notes of pack"

# Without forecasters.py: a shard depends only on STORED of it, so that no shard is packed again for a computed baseline.
_CODE = (
    "arrays.py",
    "errors.py",
    "files.py",
    "tables.py",
    "wording.py",
    "settings/**/*.py",
    "align/**/*.py",
    "store/**/*.py",
)
_LIBRARIES = ("h5py", "hdf5plugin", "holidays", "numpy", "pandas", "pyarrow", "tzdata")


@dataclass(frozen=True)
class PackedGroup:
    """The result of packing one group; `shard` and `fingerprint` are None if it has no sequence."""

    group: str
    coverage: Mapping[str, float]
    counts: Mapping[str, int]
    shard: str | None = None
    fingerprint: str | None = None
    sequences: int = 0
    samples: int = 0
    steps: int = 0
    padding: int = 0  # steps that fill up the last samples of all sequences
    flags: Mapping[str, Mapping[str, Mapping[str, int]]] = field(default_factory=dict)
    """source -> value with limits -> limit -> values beyond it"""
    pairs: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)  # of pair_report.group_pairs
    measured: int = 0  # series with a target of their own
    amounts: Mapping[str, Any] = field(default_factory=dict)  # of align.aligned.AlignedGroup
    members: Mapping[str, Any] = field(default_factory=dict)  # of align.aligned.AlignedGroup
    pieces: Mapping[str, Any] = field(default_factory=dict)  # of align.aligned.AlignedGroup
    resolution: list[str] = field(default_factory=list)  # of align.aligned.AlignedGroup
    without_capacity: Mapping[str, int] = field(default_factory=dict)  # of align.aligned.AlignedGroup
    unusable: Mapping[str, int] = field(default_factory=dict)  # target -> steps at which it is unusable

    @property
    def covered_steps(self) -> int:
        """The number of steps that have an origin, to which the shares of `coverage` refer."""
        return self.counts["steps"] - self.counts["steps_without_origin"]


def shard_key(group: str, digests: Mapping[str, str], params: Params) -> str:
    """Compute the digest of all that a shard depends on: tables, settings, format, stored forecasters, code, libraries."""
    parts = [shards_code_digest(), list(STORED), shard_fingerprint(group, digests, params)]
    limits = _limits(params, "keep")  # values that are kept are counted in the report
    return digest_of_value([*parts, limits] if limits else parts)


def shards_code_digest() -> str:
    """Compute the digest of the code that writes shards and of the versions of the libraries that it uses."""
    return code_digest(_CODE, _LIBRARIES)


def shard_fingerprint(group: str, digests: Mapping[str, str], params: Params) -> str:
    """Compute the fingerprint of a group's shard; `digests` has the digests of its tables by source.

    It does not include where the raw files are, how they are read and what other groups hold, since the digests of
    the tables follow from these. It does not include settings that only decide whether packing fails either
    (`pack.min_coverage`, `pack.unmatched_series`, `align.groups`).
    """
    sources = [
        [
            name,
            _reading_of(source),
            [
                [
                    column,
                    value.unit,
                    value.resample,
                    value.angle,
                    *_accumulation_of(source, value),
                    *value.members,
                ]
                for column, value in source.values.items()
            ],
        ]
        for name, source in params.raw.table_sources.items()
    ]
    return digest_of_value(
        {
            "format": FORMAT,
            "group": group,
            "tables": dict(digests),
            "frequency": str(params.raw.frequency),
            **({"codes": codes} if (codes := _codes(params)) else {}),
            **({"flags": limits} if (limits := _limits(params, "missing")) else {}),
            **({"grid_offset": offset} if (offset := params.raw.offset_of(group)) else {}),
            **({"missing_runs": missing} if (missing := params.train.missing_runs) else {}),
            "zone": params.raw.zone_of(group),
            "sources": sources,
            "align": params.align.model_dump(mode="json", exclude={"groups"}),
            "pack": params.pack.model_dump(mode="json", exclude={"min_coverage", "unmatched_series"}),
        }
    )


def _limits(params: Params, on_flag: str) -> list[Any]:
    """Return the limits of all values with this `on_flag`; none by default."""
    return [
        [name, value, field_.flag.model_dump(mode="json")]
        for name, source in params.raw.table_sources.items()
        for value, field_ in source.values.items()
        if field_.flag is not None and field_.on_flag == on_flag
    ]


def _reading_of(source: Source) -> dict[str, Any]:
    """Return the settings by which alignment reads a source's tables; later settings count only where they are used."""
    reading = source.model_dump(mode="json", include={"role", "known", "spacing", "interpolate", "coarser"})
    reading["known"].pop("before_step", None)  # decides only whether ingest fails
    if source.off_grid.round is not None:
        reading["round"] = str(source.off_grid.round)
    return reading


def _accumulation_of(source: Source, value: ValueField) -> list[Any]:
    """Return what the amounts of an accumulated value or a counter depend on, beside the rows; nothing for others."""
    if value.counter:
        return ["counter", rollover_of(value.counter), source.declared_spacing]
    if value.accumulated is None:
        return []
    field_ = source.valid_time
    stamp = {"label", "step", "part", "period", "shift"}
    read = None if field_ is None else field_.model_dump(mode="json", include=stamp)
    return [value.accumulated, source.declared_spacing, read]


def _codes(params: Params) -> list[Any]:
    """Return the numbers of texts of the values that `align.usable` reads, by source and value."""
    return [
        [name, value, field_.codes]
        for name, source in params.raw.table_sources.items()
        for value, field_ in source.values.items()
        if field_.codes is not None and value in params.align.mask_values
    ]


def reuse_shards(
    root: Path, packed: Path, fresh: Path, keys: Mapping[str, str]
) -> tuple[dict[str, PackedGroup], dict[str, str]]:
    """Put the unchanged shards of `packed` into the folder `fresh`; return, by group, the recorded results and the digests of
    these shards.

    `keys` has the keys of the groups whose shards may be reused. A shard whose bytes differ from the record is not reused.
    """
    recorded = {
        group: (PackedGroup(**entry["packed"]), entry["digest"])
        for group, entry in _read_record(root).items()
        if group in keys and entry["key"] == keys[group]
    }

    def put(group: str) -> bool:
        result, digest = recorded[group]
        return result.shard is None or _put(packed / result.shard, fresh / result.shard, digest)

    with ThreadPoolExecutor() as pool:  # in parallel: all bytes are hashed
        is_put = dict(zip(recorded, pool.map(put, recorded), strict=True))
    results = {group: result for group, (result, _) in recorded.items() if is_put[group]}
    return results, {
        group: recorded[group][1] for group, result in results.items() if result.shard is not None
    }


def record_shards(
    root: Path,
    packed: Path,
    keys: Mapping[str, str],
    results: Sequence[PackedGroup],
    digests: Mapping[str, str],
) -> None:
    """Record the results of this run for the next run; `digests` are those of the reused shards by group."""
    fresh = {
        result.group: packed / result.shard
        for result in results
        if result.shard is not None and result.group not in digests
    }
    with ThreadPoolExecutor() as pool:
        digests = {**digests, **dict(zip(fresh, pool.map(digest_of_file, fresh.values()), strict=True))}
    keep_checked(
        root / RECORD,
        _RECORD_KEY,
        {
            "groups": {
                result.group: {
                    "key": keys[result.group],
                    "digest": digests.get(result.group),
                    "packed": asdict(result),
                }
                for result in results
            }
        },
    )


def _read_record(root: Path) -> dict[str, Any]:
    record = read_checked(root / RECORD, _RECORD_KEY)
    # missing, damaged or of an earlier version: every shard is written again
    return dict(record.get("groups", {})) if isinstance(record, dict) else {}


def _put(old: Path, new: Path, digest: str) -> bool:
    """Link or copy a shard if its bytes have this digest; return whether they have."""
    if not old.is_file() or digest_of_file(old) != digest:
        return False
    if (
        not old.is_symlink()
    ):  # a hard link to a symbolic link, for instance into DVC's cache, would not be the file
        with suppress(OSError):  # a file system without hard links
            os.link(old, new)
            return True
    shutil.copyfile(old, new)
    return True
