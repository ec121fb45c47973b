"""The settings on which the columns of X and the meaning of a network's outputs depend: what its card records of them.

They are those on which the shards depend. Where the raw files lie and how they are read does not belong to them: other files may
have the same contents.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from hindcast.pipeline.settings.fields import ValueField
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.settings.raw import Source

Contract = Mapping[str, Any]
"""By dotted key, JSON-like values; the keys `raw.sources` and `raw.sources.NAME.values` hold lists of names, sorted."""

_READ_BY_ALIGNMENT = {"role", "known", "spacing", "interpolate", "coarser"}
_OF_VALUE = {"unit", "resample", "angle", "accumulated", "counter", "members"}
_FREE = {"groups", "from_", "until", "shortest"}  # of align: which steps there are, not what a step is
_OF_GROUPS = {"raw.grid_offset", "raw.anchor", "raw.zone"}  # one value for all groups, or one for each


def contract_of(params: Params) -> dict[str, Any]:
    """Return these settings, in the order of their sections."""
    raw, features = params.raw, params.align.features
    whole = raw.model_dump(mode="json", include={"frequency", "grid_offset", "anchor", "zone"})
    found = {f"raw.{name}": value for name, value in whole.items()}
    found["raw.sources"] = sorted(raw.table_sources)
    for name, source in raw.table_sources.items():
        found |= dict(_of_source(f"raw.sources.{name}", source, params))
    align = params.align.model_dump(mode="json", exclude=_FREE | {"features"})
    found |= {f"align.{name}": value for name, value in align.items()}
    return found | {
        f"align.features.{name}": value for name, value in features.model_dump(mode="json").items()
    }


def sorted_contract(params: Params) -> dict[str, Any]:
    """Return these settings sorted by name, for the card: the order in which people write them changes no byte of it."""
    in_order: dict[str, Any] = json.loads(json.dumps(contract_of(params), sort_keys=True))
    return in_order


def contract_differences(trained: Contract, now: Contract) -> list[str]:
    """Return a sentence for each setting that differs from the one with which a network was trained.

    Where settings are given by group, only the groups that both have are compared: a network may serve a new group.
    """
    told, faults = tuple(_named_once(trained, now)), []
    for key in dict.fromkeys([*now, *trained]):
        if key.startswith(told):
            continue
        one, other = trained.get(key), now.get(key)
        if key in _OF_GROUPS and (isinstance(one, dict) or isinstance(other, dict)):
            faults += [_fault(f"{key}.{group}", *pair) for group, pair in _by_group(one, other).items()]
        elif one != other:
            faults.append(_fault(key, one, other))
    return faults


def _named_once(trained: Contract, now: Contract) -> Iterator[str]:
    """Yield the beginnings of the keys of sources and values that only one of the two has: the list of names says so."""
    for key in dict.fromkeys([*trained, *now]):
        if key == "raw.sources" or (key.startswith("raw.sources.") and key.endswith(".values")):
            names = set(trained.get(key) or ()) ^ set(now.get(key) or ())
            yield from (f"{key}.{name}." for name in sorted(names))


def _by_group(one: Any, other: Any) -> dict[str, tuple[Any, Any]]:
    """Return the different values of the groups that both have; a single value is that of every group."""
    groups = [group for value in (one, other) if isinstance(value, dict) for group in value]
    pairs = {
        group: tuple(value.get(group) if isinstance(value, dict) else value for value in (one, other))
        for group in groups
        if all(group in value for value in (one, other) if isinstance(value, dict))
    }
    return {group: (mine, theirs) for group, (mine, theirs) in pairs.items() if mine != theirs}


def _of_source(place: str, source: Source, params: Params) -> Iterator[tuple[str, Any]]:
    reading = source.model_dump(mode="json", include=_READ_BY_ALIGNMENT)
    reading["known"].pop("before_step", None)  # decides only whether ingest fails
    for name, value in reading.items():
        yield f"{place}.{name}", value
    yield f"{place}.off_grid.round", None if source.off_grid.round is None else str(source.off_grid.round)
    yield f"{place}.values", sorted(source.values)
    for name, field in source.values.items():
        for key, value in _of_field(field, is_mask=name in params.align.mask_values).items():
            yield f"{place}.values.{name}.{key}", value


def _of_field(field: ValueField, *, is_mask: bool) -> dict[str, Any]:
    found = field.model_dump(mode="json", include=_OF_VALUE)
    if field.counts_as_missing and field.flag is not None:
        found["flag"] = field.flag.model_dump(mode="json")
    if is_mask:
        found["codes"] = field.codes
    return found


def _fault(key: str, one: Any, other: Any) -> str:
    return f"{key}: the network was trained with {_text(one)}, the settings have {_text(other)}"


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_text(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_text, value)) + "]"
    return "nothing" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
