"""The part of a network's inputs to which a feature belongs: what lies behind, what is forecast, the calendar, what never changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from hindcast.pipeline.align.aligned import Feature, Part

PART_OF_KIND: Mapping[str, Part] = {
    "input": "forecast",
    "vintage": "forecast",
    "change": "forecast",
    "ahead": "forecast",
    "vintage_lead": "forecast",
    "lag": "history",
    "recent": "history",
    "rolling": "history",
    "published_error": "history",
    "static": "static",
    "calendar": "calendar",
    "holiday": "calendar",
    "lead": "calendar",
}


def with_parts(features: Sequence[tuple[str, Feature]], known: frozenset[str]) -> tuple[Feature, ...]:
    """Pairs (kind, feature) -> the features with their parts; a mask belongs to the part of what it masks.

    `known` are the names of inputs that are known for all time: they count as calendar.
    """
    parts: dict[str, Part] = {
        feature.name: "calendar" if feature.name in known else PART_OF_KIND[kind]
        for kind, feature in features
        if kind != "mask"
    }
    masked = {
        features[feature.mask][1].name: parts[feature.name] for _, feature in features if feature.mask >= 0
    }
    return tuple(replace(feature, part=(parts | masked)[feature.name]) for _, feature in features)
