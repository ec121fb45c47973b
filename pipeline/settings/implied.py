"""Values that follow from other settings: numbers of steps written as durations, and features written as `auto`."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from hindcast.pipeline.settings.base import DAY, Duration

IN_STEPS = (("pack", "segment_length"), ("train", "context"), ("train", "lookback"), ("train", "warm_up"))
"""Settings that count steps, for which a duration may be written."""

_MOST_RECENT = 24  # values
_ERROR_WINDOWS = ("24h", "168h")


def with_implied(given: Any) -> Any:
    """Return the content of a settings file with durations in place of numbers of steps converted, and `auto` features named.

    `align.features.recent: auto` is one day of each target, at most 24 values; `published_error: auto` the windows 24h and 168h, if a
    forecast is published. What cannot be converted stays as it is, for the check of its own section to report.
    """
    raw = given.get("raw") if isinstance(given, Mapping) else None
    frequency = _parsed(raw.get("frequency")) if isinstance(raw, Mapping) else None
    if frequency is None:
        return given
    changed = dict(given)
    for section, name in IN_STEPS:
        content = changed.get(section)
        length = _parsed(content.get(name)) if isinstance(content, Mapping) else None
        if length is not None and length.ns % frequency.ns == 0:
            changed[section] = {**content, name: length.ns // frequency.ns}  # type: ignore[dict-item]
    align = changed.get("align")
    features = align.get("features") if isinstance(align, Mapping) else None
    if isinstance(align, Mapping) and isinstance(features, Mapping):
        changed["align"] = {**align, "features": {**features, **_features(align, features, frequency)}}
    return changed


def _features(
    align: Mapping[str, Any], features: Mapping[str, Any], frequency: Duration
) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    targets = align.get("target")
    if features.get("recent") == "auto" and isinstance(targets, list | tuple):
        found["recent"] = dict.fromkeys(targets, min(_MOST_RECENT, max(1, DAY // frequency.ns)))
    if features.get("published_error") == "auto":
        fitting = [text for text in _ERROR_WINDOWS if Duration.parse(text).ns % frequency.ns == 0]
        found["published_error"] = fitting if align.get("published") else []
    return found


def _parsed(value: Any) -> Duration | None:
    if isinstance(value, Duration):
        return value
    with suppress(ValueError):
        duration = Duration.parse(value)
        return duration if duration.ns else None
    return None
