"""Finds measurements that count up, such as the readings of a meter: they never fall, but for resets and rollovers."""

from __future__ import annotations

from dataclasses import dataclass

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
_MOST_ROLLOVERS = 0.1  # share of the steps, of falls that one rollover explains
_LEAST_RISES = 0.3  # share of the steps: others are idle
_LEVEL = 2  # times the usual rise that the largest reading is at least
_MOST_ALIKE = 0.9  # share of the most frequent step
_USUAL_RISES = 10  # times the usual rise that the amount past a rollover is at most
_BINARY = (
    2.0**16,
    2.0**24,
    2.0**31,
    2.0**32,
)  # counts of registers; meters with digits start again at a power of ten


@dataclass(frozen=True, eq=False)
class _Counts:
    """The readings before and after each fall of a column, how often it rises, and its usual rise."""

    before: Floats
    after: Floats
    rises: int
    usual: float

    def explained_by(self, rollover: float) -> bool:
        """Return whether each fall is a rollover: what was counted past it is not much more than usual."""
        again = self.after + rollover - self.before
        return bool((self.before <= rollover).all() and (again <= _USUAL_RISES * self.usual).all())


def about_counter(draft: SourceDraft, value: SourceValue) -> str | None:
    """Return the question about a measured value that counts up; None if it does not."""
    if draft.role != "realized" or draft.analysis.has_vintages or draft.analysis.keys.levels is not None:
        return None
    found: list[_Counts] = []
    for analysis in draft.analyses:
        columns = [column for column in analysis.keys.value_columns if column.name in value.splits]
        for column in columns[:_MOST_COLUMNS]:
            counts = _examine(analysis, column)
            if counts is None:
                return None
            found.append(counts)
    return _question(value.name, found) if found else None


def _question(name: str, found: list[_Counts]) -> str:
    rises, falls = sum(each.rises for each in found), sum(len(each.before) for each in found)
    resets = f", and falls {falls:,} times" if falls else ""
    rollover = _find_rollover(found)
    setting, example = "`counter: true`", ""
    if rollover is not None:
        fall = next(each for each in found if len(each.before))
        setting = f"`counter: {{rollover: {rollover:.0f}}}`"
        example = (
            f" (such as from {fall.before[0]:.10g} to {fall.after[0]:.10g}), each time past {rollover:.0f}, where it starts again "
            "at 0"
        )
    return (
        f"{name} rises {rises:,} times{resets}{example}, as the readings of a meter do: is it one? If so, write {setting} and "
        "`resample: sum` for it, and `label: end` in valid_time: the value of a step is then the difference of two readings"
    )


def _find_rollover(found: list[_Counts]) -> float | None:
    """Return the smallest count of a register or of digits that explains all falls; None if there is none."""
    largest = max((float(each.before.max()) for each in found if len(each.before)), default=0.0)
    if largest <= 0:
        return None
    power = 10.0 ** np.ceil(np.log10(largest))
    candidates = sorted((power, power * 10, *_BINARY))  # the largest reading may be the power itself
    return next((one for one in candidates if all(each.explained_by(one) for each in found)), None)


def _examine(analysis: AnalysedFiles, column: Column) -> _Counts | None:
    """Return how a column rises and falls within its series; None if it does not count up."""
    rows = np.flatnonzero((analysis.times.ok & ~np.isnan(column.numbers))[:_EXAMINED])
    if len(rows) < _LEAST_ROWS or column.kind != "number":
        return None
    names = [encode_names(each)[rows] for each in analysis.keys.columns]
    codes = encode_tuples(names) if names else np.zeros(len(rows), np.int64)
    order = np.lexsort((analysis.times.wall[rows], codes))
    codes, numbers = codes[order], column.numbers[rows][order]
    same = codes[1:] == codes[:-1]
    steps: Floats = np.diff(numbers)[same]
    falls, rises = np.flatnonzero(steps < 0), int((steps > 0).sum())
    if len(steps) < _LEAST_ROWS - 1 or rises < _LEAST_RISES * len(steps):
        return None
    if most_frequent(steps)[1] > _MOST_ALIKE:
        return None  # it counts rows, not what is used
    usual = float(np.median(steps[steps > 0]))
    if usual * _LEVEL >= np.abs(numbers).max():
        return None
    counts = _Counts(numbers[:-1][same][falls], numbers[1:][same][falls], rises, usual)
    few = len(falls) <= _MOST_FALLS * len(steps)
    again = len(falls) <= _MOST_ROLLOVERS * len(steps) and _find_rollover([counts]) is not None
    return counts if few or again else None
