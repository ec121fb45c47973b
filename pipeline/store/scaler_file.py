"""scaler.json, checked: its digest, format and structure, before anything reads a number of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.files import read_json
from hindcast.pipeline.store.layout import SCALER_FORMAT, explain_scaler_format
from hindcast.pipeline.wording import counted

_REMEDY = "run the stage `scale` again"
_WAYS = ("feature", "group", "series", "none")
_KINDS = ("features", "targets")
_MOST_LISTED = 5


def read_scaler(path: Path) -> dict[str, Any]:
    """Return the content of scaler.json.

    Raises MissingInputError if it is missing, and FormatError if it is damaged, of another format, or if an entry is
    missing or is not what the format says.
    """
    scaler: dict[str, Any] = read_json(path)
    if scaler.get("format") != SCALER_FORMAT:
        raise FormatError(f"{path} cannot be used: {explain_scaler_format(scaler.get('format'))}.")
    faults = list(_faults(scaler))
    if faults:
        more = [f"and {len(faults) - _MOST_LISTED} more"] if len(faults) > _MOST_LISTED else []
        raise FormatError(f"{path} is not a valid scaler: {_REMEDY}.", [*faults[:_MOST_LISTED], *more])
    return scaler


def constant_lines(scaler: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line on each target that does not vary in training, in all or in some series, or that has no training row."""
    for target, entry in scaler.get("constant", {}).items():
        if not entry["rows"]:
            yield (
                f"the target {target} has no value in training, so no network learns it: remove it from align.target, or move "
                "the borders of split"
            )
        elif entry["everywhere"]:
            yield (
                f"the target {target} is {entry['examples'][0][-1]:g} in all {counted(entry['rows'], 'training row')}, so there is "
                "nothing to learn: check its column, or remove it from align.target"
            )
        else:
            examples = [f"{group}/{series} (always {value:g})" for group, series, value in entry["examples"]]
            more = entry["series"] - len(examples)
            yield (
                f"the target {target} does not vary in the training rows of {entry['series']:,} of {counted(entry['of'], 'series')}: "
                f"{', '.join(examples)}{f' and {more:,} more' if more else ''}. Check whether these are measurements; rows "
                "that are not can be taken out by align.usable"
            )


def _faults(scaler: Mapping[str, Any]) -> Iterator[str]:
    for field in ("by", "target"):
        if scaler.get(field) not in _WAYS:
            yield f"{field} must be one of {', '.join(_WAYS)}, found {scaler.get(field)!r}"
    if not isinstance(scaler.get("fingerprint"), str):
        yield f"fingerprint must be text, found {scaler.get('fingerprint')!r}"
    if not _is_count(scaler.get("min_rows")):
        yield f"min_rows must be a whole number, found {scaler.get('min_rows')!r}"
    capacity = scaler.get("capacity", {})
    if not isinstance(capacity, dict) or not all(isinstance(name, str) for name in capacity.values()):
        yield f"capacity must give targets the name of a feature, found {capacity!r}"
    for kind in _KINDS:
        yield from _column_faults(kind, scaler.get(kind))
    widths = {kind: len(scaler[kind]) for kind in _KINDS if isinstance(scaler.get(kind), list)}
    for level, keys in (("groups", ("group",)), ("series", ("group", "series"))):
        yield from _level_faults(level, keys, scaler.get(level), widths)


def _column_faults(kind: str, entries: object) -> Iterator[str]:
    """Yield the faults of the scales that all series share: a mapping per feature or target."""
    if not isinstance(entries, list):
        yield f"{kind} must be a list, found {entries!r}"
        return
    for place, entry in enumerate(entries):
        fields = entry if isinstance(entry, dict) else {}
        if not isinstance(fields.get("name"), str):
            yield f"{kind}[{place}].name must be text, found {fields.get('name')!r}"
        yield from _scale_faults(
            f"{kind}[{place}]", *([fields.get(field)] for field in ("mean", "std", "count"))
        )


def _level_faults(
    level: str, keys: tuple[str, ...], entries: object, widths: Mapping[str, int]
) -> Iterator[str]:
    """Yield the faults of the scales of groups or of series: a mapping of keys, and of lists by column."""
    if not isinstance(entries, list):
        yield f"{level} must be a list, found {entries!r}"
        return
    for place, entry in enumerate(entries):
        fields = entry if isinstance(entry, dict) else {}
        for key in keys:
            if not isinstance(fields.get(key), str):
                yield f"{level}[{place}].{key} must be text, found {fields.get(key)!r}"
        for kind in _KINDS:
            if kind in fields:
                scales = fields[kind] if isinstance(fields[kind], dict) else {}
                columns = [scales.get(field) for field in ("mean", "std", "count")]
                if any(not isinstance(column, list) or len(column) != widths.get(kind) for column in columns):
                    yield f"{level}[{place}].{kind} must hold three lists, `mean`, `std` and `count`, each of length {widths.get(kind)}"
                else:
                    yield from _scale_faults(f"{level}[{place}].{kind}", *columns)


def _scale_faults(where: str, means: Any, deviations: Any, counts: Any) -> Iterator[str]:
    for mean, deviation, count in zip(means, deviations, counts, strict=True):
        if not _is_number(mean):
            yield f"{where}: a mean must be a finite number, found {mean!r}"
        if not _is_number(deviation) or deviation <= 0:
            yield f"{where}: a deviation must be a finite number above 0, found {deviation!r}"
        if not _is_count(count):
            yield f"{where}: a count must be a whole number, found {count!r}"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
