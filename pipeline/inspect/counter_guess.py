"""Asks about measurements that count up, such as the readings of a meter: they never fall, but for resets and rollovers."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.arrays import Floats, Ints, Times
from hindcast.pipeline.inspect.column_types import Column, encode_tuples
from hindcast.pipeline.inspect.file_analysis import AnalysedFiles
from hindcast.pipeline.inspect.key_columns import encode_names
from hindcast.pipeline.inspect.rising_values import Rises, find_rises
from hindcast.pipeline.inspect.source_drafts import KeyFields, SourceDraft
from hindcast.pipeline.inspect.vocabulary import COUNTED, words_in
from hindcast.pipeline.inspect.wide_or_long import SourceValue

_EXAMINED = 100_000  # rows
_MOST_COLUMNS = 20  # of a value whose headings name series
_LEAST_CHANGES = 24  # of all series, unless the heading names readings or an amount

_Readings = tuple[Ints, Times, Floats]


def ask_about_counters(draft: SourceDraft, field: KeyFields) -> dict[str, str]:
    """Return the question about each measured value that counts up, by the name of the value."""
    if draft.role != "realized" or draft.analysis.has_vintages:
        return {}
    names: dict[tuple[str, ...], int] = {}
    series = [_number_series(analysis, field, names) for analysis in draft.analyses]
    found: dict[str, str] = {}
    for value in draft.values:
        rises = _examine(draft, value, series, len(names))
        if rises is not None:
            found[value.name] = _question(value.name, rises)
    return found


def _examine(
    draft: SourceDraft, value: SourceValue, series: list[tuple[NDArray[np.int64], Ints]], count: int
) -> Rises | None:
    """Return how a value counts up within its series; None if it does not."""
    parts: list[_Readings] = []
    headings = {name: place for place, name in enumerate(value.splits)} if value.wide else {}
    named = False
    for analysis, (rows, codes) in zip(draft.analyses, series, strict=True):
        columns = [column for column in analysis.keys.value_columns if column.name in value.splits]
        for column in columns[:_MOST_COLUMNS]:
            own = codes + count * headings.get(column.name, 0)
            kept = ~np.isnan(column.numbers[rows])
            parts.append((own[kept], analysis.times.wall[rows][kept], column.numbers[rows][kept]))
            named |= _names_amount(column)
    if not parts:
        return None
    codes, times, numbers = (np.concatenate(each) for each in zip(*parts, strict=True))
    rises = find_rises(encode_tuples([codes]), times, numbers)
    return rises if rises is not None and (named or rises.changes >= _LEAST_CHANGES) else None


def _names_amount(column: Column) -> bool:
    """Return whether a heading names readings, or a unit of energy or volume."""
    return bool({word.lower() for word in words_in(column.name)} & COUNTED)


def _number_series(
    analysis: AnalysedFiles, field: KeyFields, names: dict[tuple[str, ...], int]
) -> tuple[NDArray[np.int64], Ints]:
    """Return rows with a time, of whole series, and the number of the series of each; `names` gets those of new ones."""
    rows = np.flatnonzero(analysis.times.ok)
    levels = analysis.keys.levels
    columns = [*analysis.keys.columns, *([levels.column] if levels is not None else [])]
    parts = [encode_names(column)[rows] for column in columns]
    paths = [_names_in_path(path, field) for path in analysis.format.paths]
    if any(paths):
        numbers = {path: number for number, path in enumerate(dict.fromkeys(paths))}
        parts.append(np.array([numbers[path] for path in paths], np.int64)[analysis.format.file[rows]])
    own = encode_tuples(parts) if parts else np.zeros(len(rows), np.int64)
    if len(rows) > _EXAMINED:
        counts = np.bincount(own)
        whole = np.cumsum(counts) <= max(_EXAMINED, int(counts[0]))
        rows, own = rows[whole[own]], own[whole[own]]
    _, first = np.unique(own, return_index=True)
    found = [
        (*paths[int(analysis.format.file[row])], *(column.texts[row].as_py() for column in columns))
        for row in rows[first].tolist()
    ]
    shared = np.array([names.setdefault(name, len(names)) for name in found], np.int64)
    return rows, shared[own] if len(own) else own


def _names_in_path(path: str, field: KeyFields) -> tuple[str, ...]:
    """Return the group, series and member that the path of a file names."""
    patterns = [part["path"] for part in (field.group, field.series, field.member) if part and "path" in part]
    matches = (re.search(pattern, path) for pattern in patterns)
    return tuple(match[1] if match else "" for match in matches)


def _question(name: str, found: Rises) -> str:
    falls, rollover = found.falls, found.falls.rollover
    setting, example, missing = "`counter: true`", "", ""
    some = f" in {found.series:,} of {found.examined:,} series" if found.series < found.examined else ""
    if len(falls.before):
        example = f", and falls {len(falls.before):,} times (such as from {falls.before[0]:.10g} to {falls.after[0]:.10g})"
        missing = "; the amounts of the falls are then missing"
    if rollover is not None:
        setting, missing = f"`counter: {{rollover: {rollover:.0f}}}`", ""
        example += f", each time past {rollover:.0f}, where it starts again at 0"
    elif falls.clock is not None:
        example += f", each time at {falls.clock}"
    if len(found.outside):
        example += f"; {len(found.outside):,} numbers lie outside those before and after (such as {found.outside[0]:.10g})"
    return (
        f"{name} rises {found.rises:,} times{some}{example}, as the readings of a meter do: is it one? If so, write {setting} and "
        "`resample: sum` for it, and `label: end` in valid_time: the value of a step is then the difference of two readings"
        f"{missing}"
    )
