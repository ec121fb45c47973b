"""Finds measurements that count up, such as the readings of a meter: they never fall, but for resets."""

from __future__ import annotations

import numpy as np

from hindcast.pipeline.arrays import Floats
from hindcast.pipeline.inspect.column_types import Column, encode_tuples, most_frequent
from hindcast.pipeline.inspect.file_analysis import AnalysedFiles
from hindcast.pipeline.inspect.key_columns import encode_names
from hindcast.pipeline.inspect.source_drafts import SourceDraft
from hindcast.pipeline.inspect.wide_or_long import SourceValue

_EXAMINED = 100_000  # rows
_MOST_COLUMNS = 20  # of a value whose headings name series
_LEAST_ROWS = 48
_MOST_FALLS = 0.01  # share of the steps
_LEAST_RISES = 0.3  # share of the steps: others are idle
_LEVEL = 2  # times the usual rise that the largest reading is at least
_MOST_ALIKE = 0.9  # share of the most frequent step


def about_counter(draft: SourceDraft, value: SourceValue) -> str | None:
    """Return the question about a measured value that counts up; None if it does not."""
    if draft.role != "realized" or draft.analysis.has_vintages or draft.analysis.keys.levels is not None:
        return None
    examples = []
    for analysis in draft.analyses:
        columns = [column for column in analysis.keys.value_columns if column.name in value.splits]
        for column in columns[:_MOST_COLUMNS]:
            found = _examine(analysis, column)
            if found is None:
                return None
            examples.append(found)
    if not examples:
        return None
    rises, falls = sum(count for count, _ in examples), sum(count for _, count in examples)
    resets = f", and falls {falls:,} times" if falls else ""
    return (
        f"{value.name} rises {rises:,} times{resets}, as the readings of a meter do: is it one? If so, write `counter: true` and "
        "`resample: sum` for it, and `label: end` in valid_time: the value of a step is then the difference of two readings"
    )


def _examine(analysis: AnalysedFiles, column: Column) -> tuple[int, int] | None:
    """Return how often a column rises and falls within its series; None if it does not count up."""
    rows = np.flatnonzero((analysis.times.ok & ~np.isnan(column.numbers))[:_EXAMINED])
    if len(rows) < _LEAST_ROWS or column.kind != "number":
        return None
    names = [encode_names(each)[rows] for each in analysis.keys.columns]
    codes = encode_tuples(names) if names else np.zeros(len(rows), np.int64)
    order = np.lexsort((analysis.times.wall[rows], codes))
    codes, numbers = codes[order], column.numbers[rows][order]
    steps: Floats = np.diff(numbers)[codes[1:] == codes[:-1]]
    rises, falls = int((steps > 0).sum()), int((steps < 0).sum())
    if len(steps) < _LEAST_ROWS - 1 or falls > _MOST_FALLS * len(steps) or rises < _LEAST_RISES * len(steps):
        return None
    if most_frequent(steps)[1] > _MOST_ALIKE:
        return None  # it counts rows, not what is used
    usual = float(np.median(steps[steps > 0]))
    return (rises, falls) if usual * _LEVEL < np.abs(numbers).max() else None
