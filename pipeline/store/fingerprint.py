"""What a shard was made from, as one digest: tables, the settings that matter, and the format."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hindcast.pipeline.files import digest_of_value
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.store.layout import FORMAT


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
